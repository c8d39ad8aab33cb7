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
    private const string AddressWord = " address ";
    private const int MaxAddressLength = 512;

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
        if (files.TryLockDirectory(directory) is { } handle)
        {
            return new OwnerLock(files, path, handle);
        }

        // Of the owner before, in the moment between taking the lock and writing the record: an address is advice.
        string record = ReadRecord(files, path);
        int address = record.IndexOf(AddressWord, StringComparison.Ordinal);
        throw new JournalLockedException(
            $"The journal in {directory} is owned by another process or journal ({record}). " +
            "Stop it first; one directory serves one owner.",
            address < 0 ? null : record[(address + AddressWord.Length)..],
            retryAfter: null);
    }

    /// <summary>Writes who owns the directory. Not synced: a lock does not outlive its process.</summary>
    internal void Record(long epoch, Guid nonce, string? address)
    {
        if (address is { Length: 0 or > MaxAddressLength } || address?.All(static c => c is > ' ' and < '\x7f') == false)
        {
            throw new JournalException(
                $"The owner's address '{address}' is not 1 to {MaxAddressLength} ASCII characters without spaces.");
        }

        string where = address is null ? "" : AddressWord + address;
        _record = string.Create(
            CultureInfo.InvariantCulture,
            $"pid {Environment.ProcessId} boot {_files.BootId} epoch {epoch} nonce {nonce}{where}\n");
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
            Span<byte> bytes = stackalloc byte[1024];
            return Encoding.ASCII.GetString(bytes[..files.Read(file, bytes, 0)]).TrimEnd();
        }
        catch (IOException error)
        {
            return $"unreadable: {error.Message}";
        }
    }
}
