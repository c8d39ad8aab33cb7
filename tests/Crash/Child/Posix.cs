using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Tests.Crash.Child;

/// <summary>The few calls that the runtime does not offer. The tests run on Linux only.</summary>
internal static partial class Posix
{
    // O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
    private const int AppendFlags = 0x1 | 0x40 | 0x400 | 0x80000;

    // O_RDONLY | O_CLOEXEC
    private const int ReadFlags = 0x80000;

    // EXT4_IOC_SHUTDOWN, and its way of doing it in which the file system's own journal is not flushed either.
    private const nuint Ext4Shutdown = 0x8004587d;
    private const uint WithoutLogFlush = 2;

    // waitid: by process id, until it is stopped, and leave the news for others.
    private const int ByProcess = 1;
    private const int Stopped = 2 | 0x0100_0000;
    private const int SignalInfoSize = 128;

    /// <summary>Opens a file whose every write goes to its end, whoever else wrote meanwhile.</summary>
    internal static int OpenForAppend(string path) => Check(Open(path, AppendFlags, 0x180), "open", path);

    /// <summary>Writes a line in one call, so that another thread's line cannot come between.</summary>
    internal static void WriteLine(int descriptor, string line) =>
        WriteAll(descriptor, Encoding.ASCII.GetBytes(line + "\n"));

    internal static void WriteAll(int descriptor, ReadOnlySpan<byte> bytes)
    {
        nint written = Write(descriptor, bytes, bytes.Length);
        if (written != bytes.Length)
        {
            throw new IOException($"write returned {written}, errno {Marshal.GetLastPInvokeError()}.");
        }
    }

    internal static void CloseFile(int descriptor) => Check(Close(descriptor), "close", "");

    /// <summary>Stops every thread of a child of this process; returns when none runs any more.</summary>
    internal static unsafe void Freeze(int processId)
    {
        Signals.Send(processId, Signals.Stop);
        byte* info = stackalloc byte[SignalInfoSize];
        Check(WaitId(ByProcess, processId, info, Stopped), "waitid", $"{processId}");
    }

    /// <summary>Takes the power from an ext4 file system: what was not synced is gone, and every handle gives EIO.</summary>
    internal static void ShutDownExt4(string directory)
    {
        int descriptor = Check(Open(directory, ReadFlags, 0), "open", directory);
        try
        {
            uint how = WithoutLogFlush;
            Check(IoControl(descriptor, Ext4Shutdown, ref how), "EXT4_IOC_SHUTDOWN", directory);
        }
        finally
        {
            CloseFile(descriptor);
        }
    }

    internal static void Mount(string device, string directory, string type, string? data = null) =>
        Check(MountCall(device, directory, type, 0, data), "mount", $"{device} on {directory}");

    internal static void Unmount(string directory) => Check(UnmountCall(directory, 0), "umount", directory);

    /// <summary>The most memory that a process has held so far.</summary>
    internal static long PeakMemoryKb(int processId) => long.Parse(
        File.ReadLines($"/proc/{processId}/status")
            .First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        System.Globalization.CultureInfo.InvariantCulture);

    internal static bool IsRoot => EffectiveUser() == 0;

    private static int Check(int result, string call, string subject) => result >= 0
        ? result
        : throw new IOException(
            $"{call} {subject} failed: {Marshal.GetLastPInvokeErrorMessage()} ({Marshal.GetLastPInvokeError()}).");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, ReadOnlySpan<byte> bytes, nint count);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoControl(int descriptor, nuint request, ref uint argument);

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    private static unsafe partial int WaitId(int kind, int id, byte* info, int options);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MountCall(string device, string directory, string type, nuint flags, string? data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnmountCall(string directory, int flags);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial int EffectiveUser();
}
