using Microsoft.Win32.SafeHandles;

namespace Engine.Storage.Faster.Platform;

/// <summary>Everything the journal asks of the operating system: the one seam where systems differ, and where tests
/// make storage fail.</summary>
/// <remarks>
/// Every member throws on the first error; nothing here tries again. What a runtime offers for flushing is not used on
/// Unix, because some releases report a failed fsync as success.
/// </remarks>
internal abstract class FileSystemCalls
{
    /// <summary>Errors that mean "no space": ENOSPC, EDQUOT, and the two of Windows as HRESULTs.</summary>
    private static readonly int[] NoSpaceCodes = [28, 122, 69, unchecked((int)0x80070070), unchecked((int)0x80070027)];

    /// <summary>What an IOException carries when nobody gave it a code.</summary>
    private const int NoCode = unchecked((int)0x80131620);

    /// <summary>The calls of the system this process runs on.</summary>
    internal static FileSystemCalls Current { get; } =
        OperatingSystem.IsWindows() ? new WindowsCalls()
        : OperatingSystem.IsMacOS() ? new MacCalls()
        : new LinuxCalls();

    /// <summary>Identifies the current run of the operating system; empty when unknown. Within one boot a file holds
    /// every byte that was written to it, synced or not.</summary>
    internal abstract Guid BootId { get; }

    /// <summary>Whether an error of <see cref="SyncDirectory"/> says that this user, or anybody, can make no names in
    /// that directory: EACCES, EPERM, EROFS, or EINVAL of a file system that is read-only by nature.</summary>
    internal static bool CannotHoldNewNames(IOException error) => error.HResult is 13 or 1 or 30 or 22;

    /// <summary>Whether <paramref name="error"/> says that the disk or a quota is full.</summary>
    internal static bool IsNoSpace(IOException error) => Array.IndexOf(NoSpaceCodes, error.HResult) >= 0;

    /// <summary>Returns when the file's bytes and its size survive the loss of power.</summary>
    internal abstract void SyncData(SafeFileHandle file);

    /// <summary>Lets what is read next come from the disk, where a system can be asked for that. A sync that failed
    /// leaves bytes in the page cache that the disk does not have and that no later sync writes, so that a next process
    /// would read, and believe, what a loss of power takes away.</summary>
    internal virtual void DropCache(SafeFileHandle file)
    {
    }

    /// <summary>Returns when the names in the directory survive the loss of power.</summary>
    internal abstract void SyncDirectory(string path);

    /// <summary>Takes the exclusive lock of a directory without waiting; null when somebody else holds it. The lock is
    /// held until the handle is closed or the process ends.</summary>
    internal abstract SafeFileHandle? TryLockDirectory(string path);

    /// <summary>Gives a directory's lock back, and closes it.</summary>
    internal virtual void UnlockDirectory(SafeFileHandle directory) => directory.Dispose();

    /// <summary>Whether a file has this name.</summary>
    internal virtual bool Exists(string path) => File.Exists(path);

    /// <summary>The paths of a directory's files, in no order; none when there is no such directory.</summary>
    internal virtual IEnumerable<string> List(string directory) =>
        Directory.Exists(directory) ? Directory.EnumerateFiles(directory) : [];

    /// <summary>How many bytes a file has.</summary>
    internal virtual long Length(SafeFileHandle file) => RandomAccess.GetLength(file);

    /// <summary>Opens a file for reading and writing, created with access for its owner only.</summary>
    internal virtual SafeFileHandle Open(string path, FileMode mode, long preallocate = 0)
    {
        var handle = OpenHandle(path, mode, preallocate);
        try
        {
            if (!OperatingSystem.IsWindows() && mode != FileMode.Open)
            {
                File.SetUnixFileMode(handle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            return handle;
        }
        catch
        {
            // A disk that died in between: whoever wants to unmount it must not find this file open.
            handle.Dispose();
            throw;
        }
    }

    private static SafeFileHandle OpenHandle(string path, FileMode mode, long preallocate)
    {
        try
        {
            return File.OpenHandle(
                path,
                mode,
                FileAccess.ReadWrite,
                FileShare.ReadWrite | FileShare.Delete,
                FileOptions.None,
                preallocate);
        }
        catch (IOException error) when (preallocate > 0 && error.HResult == NoCode)
        {
            // The one error of allocating that the runtime throws: there is no room, or no file may be so large. It says
            // so in words only, and whoever asks IsNoSpace needs the code.
            throw new IOException(error.Message, NoSpaceCodes[0]);
        }
    }

    /// <summary>Opens a file for reading.</summary>
    internal virtual SafeFileHandle OpenRead(string path) =>
        File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    /// <summary>Writes all of <paramref name="bytes"/>.</summary>
    internal virtual void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
    {
        try
        {
            RandomAccess.Write(file, bytes, offset);
        }
        catch (ArgumentOutOfRangeException error)
        {
            // So the runtime calls it when the system lets no file grow so large (EFBIG).
            throw new IOException(error.Message, NoSpaceCodes[0]);
        }
    }

    /// <summary>Reads until <paramref name="bytes"/> is full or the file ends; the count read.</summary>
    internal virtual int Read(SafeFileHandle file, Span<byte> bytes, long offset)
    {
        int total = 0;
        while (total < bytes.Length)
        {
            int count = RandomAccess.Read(file, bytes[total..], offset + total);
            if (count == 0)
            {
                break;
            }

            total += count;
        }

        return total;
    }

    /// <summary>Renames, replacing what has the new name.</summary>
    internal virtual void Move(string from, string to) => File.Move(from, to, overwrite: true);

    /// <summary>Deletes a file.</summary>
    internal virtual void Delete(string path) => File.Delete(path);

    /// <summary>Whether there is such a directory.</summary>
    internal virtual bool DirectoryExists(string path) => Directory.Exists(path);

    /// <summary>Makes a directory, and those above it, whose names survive the loss of power when this
    /// returns.</summary>
    internal void CreateDurableDirectory(string path)
    {
        if (!DirectoryExists(path))
        {
            string? parent = Path.GetDirectoryName(path);
            if (!string.IsNullOrEmpty(parent))
            {
                CreateDurableDirectory(parent);
            }

            CreateDirectory(path);
            if (!string.IsNullOrEmpty(parent))
            {
                SyncDirectory(parent);
            }
        }
    }

    /// <summary>Creates a directory, and those above it, for its owner only; an existing one is left as it
    /// is.</summary>
    internal virtual void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
