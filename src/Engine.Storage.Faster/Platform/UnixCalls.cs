using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Engine.Storage.Faster.Platform;

/// <summary>What Linux and macOS share: locks and directories by the C library.</summary>
internal abstract partial class UnixCalls : FileSystemCalls
{
    private const int LockExclusive = 2;
    private const int LockNonBlocking = 4;
    private const int LockUnlock = 8;
    private const int Interrupted = 4;

    /// <summary>O_RDONLY | O_CLOEXEC, as a child process must not keep the journal's files open.</summary>
    private protected abstract int OpenDirectoryFlags { get; }

    /// <summary>EWOULDBLOCK.</summary>
    private protected abstract int WouldBlock { get; }

    internal override void SyncDirectory(string path)
    {
        using var directory = OpenDirectory(path);

        // fsync, not fdatasync: the names are the directory's data, and every file system agrees on fsync for them.
        if (fsync(directory) != 0)
        {
            throw Error("fsync", path);
        }
    }

    /// <summary>Locks the directory itself: there is no lock file that could be deleted or replaced, and the runtime,
    /// which puts shared locks of its own on files that it opens, stays out of the way.</summary>
    internal override SafeFileHandle? TryLockDirectory(string path)
    {
        var directory = OpenDirectory(path);
        while (flock(directory, LockExclusive | LockNonBlocking) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != Interrupted)
            {
                var failure = Error("flock", path);
                directory.Dispose();
                return error == WouldBlock ? null : throw failure;
            }
        }

        return directory;
    }

    internal override void UnlockDirectory(SafeFileHandle directory)
    {
        // Not left to the closing: a process that is being started elsewhere holds a copy of the handle until it runs
        // its program. Should this fail, closing still does it, a moment later.
        _ = flock(directory, LockUnlock);
        directory.Dispose();
    }

    private SafeFileHandle OpenDirectory(string path)
    {
        var directory = new SafeFileHandle(open(path, OpenDirectoryFlags), ownsHandle: true);
        return directory.IsInvalid ? throw Error("open", path) : directory;
    }

    private protected static IOException Error(string call, string subject)
    {
        int error = Marshal.GetLastPInvokeError();
        return new IOException($"{call} of {subject} failed: {Marshal.GetPInvokeErrorMessage(error)} ({error})", error);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int fsync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int flock(SafeFileHandle file, int operation);
}

/// <summary>Linux: the tested platform.</summary>
internal sealed partial class LinuxCalls : UnixCalls
{
    /// <summary>POSIX_FADV_DONTNEED, on every processor but s390.</summary>
    private const int DontNeed = 4;

    private readonly Lazy<Guid> _bootId = new(ReadBootId);

    internal override Guid BootId => _bootId.Value;

    private protected override int OpenDirectoryFlags => 0x80000;

    private protected override int WouldBlock => 11;

    internal override void SyncData(SafeFileHandle file)
    {
        // Any error is final: after a failed sync the kernel may have dropped the pages and call the next one a
        // success.
        if (fdatasync(file) != 0)
        {
            throw Error("fdatasync", "a journal file");
        }
    }

    internal override void DropCache(SafeFileHandle file)
    {
        int error = posix_fadvise(file, 0, 0, DontNeed);
        if (error != 0)
        {
            throw new IOException(
                $"posix_fadvise of a journal file failed: {Marshal.GetPInvokeErrorMessage(error)} ({error})", error);
        }
    }

    private static Guid ReadBootId()
    {
        try
        {
            return Guid.Parse(File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException)
        {
            return Guid.Empty;
        }
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int fdatasync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int posix_fadvise(SafeFileHandle file, nint offset, nint length, int advice);
}

/// <summary>macOS, by its manual; not tested.</summary>
internal sealed partial class MacCalls : UnixCalls
{
    private const int FullSync = 51;

    internal override Guid BootId => Guid.Empty;

    private protected override int OpenDirectoryFlags => 0x1000000;

    private protected override int WouldBlock => 35;

    internal override void SyncData(SafeFileHandle file)
    {
        // fsync on macOS leaves the data in the drive's cache; only this call empties it.
        if (fcntl(file, FullSync) == -1)
        {
            throw Error("fcntl(F_FULLFSYNC)", "a journal file");
        }
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int fcntl(SafeFileHandle file, int command);
}
