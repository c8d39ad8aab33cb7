using System.Globalization;
using System.Text;
using Engine.Storage.Faster.Platform;
using Microsoft.Win32.SafeHandles;

namespace Engine.Storage.Faster;

/// <summary>Keeps a second process, or a second journal of this one, out of the directory.</summary>
/// <remarks>The operating system's lock decides; the record tells the one who is refused by whom, and shows the owner
/// when the directory was swapped under it.</remarks>
internal sealed class OwnerLock : IDisposable
{
    private readonly FileSystemCalls _files;
    private readonly string _path;
    private readonly SafeFileHandle _directory;
    private string _record = "";

    private OwnerLock(FileSystemCalls files, string path, SafeFileHandle directory)
    {
        _files = files;
        _path = path;
        _directory = directory;
    }

    /// <exception cref="JournalLockedException">Somebody else holds the lock.</exception>
    internal static OwnerLock Take(FileSystemCalls files, string directory)
    {
        string path = Path.Combine(directory, "owner");
        return files.TryLockDirectory(directory) is { } handle
            ? new OwnerLock(files, path, handle)
            : throw new JournalLockedException(
                $"The journal in {directory} is owned by another process or journal ({ReadRecord(files, path)}). " +
                "Stop it first; one directory serves one owner.");
    }

    /// <summary>Writes who owns the directory. Not synced: a lock does not outlive its process.</summary>
    internal void Record(long epoch, Guid nonce)
    {
        _record = string.Create(
            CultureInfo.InvariantCulture,
            $"pid {Environment.ProcessId} boot {_files.BootId} epoch {epoch} nonce {nonce}\n");
        using var file = _files.Open(_path, FileMode.Create);
        _files.Write(file, Encoding.ASCII.GetBytes(_record), 0);
    }

    /// <exception cref="JournalFencedException">The file is no longer this owner's.</exception>
    internal void ThrowIfTaken()
    {
        string found = ReadRecord(_files, _path);
        if (found != _record.TrimEnd())
        {
            throw new JournalFencedException($"{_path} is no longer this owner's; it says: {found}");
        }
    }

    public void Dispose() => _files.UnlockDirectory(_directory);

    private static string ReadRecord(FileSystemCalls files, string path)
    {
        try
        {
            using var file = files.OpenRead(path);
            Span<byte> bytes = stackalloc byte[256];
            return Encoding.ASCII.GetString(bytes[..files.Read(file, bytes, 0)]).TrimEnd();
        }
        catch (IOException error)
        {
            return $"unreadable: {error.Message}";
        }
    }
}
