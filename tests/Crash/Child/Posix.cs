using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Tests.Crash.Child;

/// <summary>The few calls that the runtime does not offer. The tests run on Linux only.</summary>
internal static partial class Posix
{
    internal const int SigTerm = 15;
    internal const int SigKill = 9;

    // O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
    private const int AppendFlags = 0x1 | 0x40 | 0x400 | 0x80000;

    /// <summary>Opens a file whose every write goes to its end, whoever else wrote meanwhile.</summary>
    internal static int OpenForAppend(string path)
    {
        int descriptor = Open(path, AppendFlags, 0x180);
        return descriptor >= 0
            ? descriptor
            : throw new IOException($"open({path}) failed with errno {Marshal.GetLastPInvokeError()}.");
    }

    /// <summary>Writes a line in one call, so that another thread's line cannot come between.</summary>
    internal static void WriteLine(int descriptor, string line)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(line + "\n");
        nint written = Write(descriptor, bytes, bytes.Length);
        if (written != bytes.Length)
        {
            throw new IOException($"write returned {written}, errno {Marshal.GetLastPInvokeError()}.");
        }
    }

    internal static void Signal(int processId, int signal)
    {
        if (Kill(processId, signal) != 0)
        {
            throw new IOException($"kill({processId}, {signal}) failed with errno {Marshal.GetLastPInvokeError()}.");
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, byte[] bytes, nint count);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);
}
