using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Engine.Storage.Faster.Platform;

/// <summary>Windows, by its manual; not tested.</summary>
internal sealed partial class WindowsCalls : FileSystemCalls
{
    private const int SharingViolation = unchecked((int)0x80070020);

    internal override Guid BootId => Guid.Empty;

    internal override void SyncData(SafeFileHandle file)
    {
        if (!FlushFileBuffers(file))
        {
            throw Error("FlushFileBuffers");
        }
    }

    /// <summary>Nothing to do: NTFS journals its names, and offers no call to wait for them.</summary>
    internal override void SyncDirectory(string path)
    {
    }

    /// <summary>Opens a file in the directory that nobody else may open.</summary>
    internal override SafeFileHandle? TryLockDirectory(string path)
    {
        try
        {
            return File.OpenHandle(
                Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (error.HResult == SharingViolation)
        {
            return null;
        }
    }

    private static IOException Error(string call)
    {
        int error = Marshal.GetLastPInvokeError();
        return new IOException(
            $"{call} failed: {Marshal.GetPInvokeErrorMessage(error)} ({error})", unchecked((int)0x80070000) | error);
    }

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool FlushFileBuffers(SafeFileHandle file);
}
