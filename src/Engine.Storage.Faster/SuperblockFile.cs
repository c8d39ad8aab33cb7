using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Platform;
using Microsoft.Win32.SafeHandles;

namespace Engine.Storage.Faster;

/// <summary>The superblock's two copies in one file of 8 KiB, written one after the other, each synced before the
/// next.</summary>
/// <remarks>The copy that counts is never the first to be written over, and is durable before the other one is: however
/// often a crash interrupts, it tears one copy at most.</remarks>
internal sealed class SuperblockFile(FileSystemCalls files, string directory) : IDisposable
{
    private const int CopyCount = 2;

    private SafeFileHandle? _file;
    private int _first;

    internal string Path { get; } = System.IO.Path.Combine(directory, "superblock");

    /// <summary>Reads what counts, as the disk has it: what an owner that was killed left in the page cache is synced
    /// before; null when there is no file.</summary>
    /// <exception cref="JournalDamagedException">There is one, and neither copy is whole.</exception>
    internal Superblock? ReadDurable()
    {
        if (!files.Exists(Path))
        {
            return null;
        }

        _file = files.Open(Path, FileMode.Open);
        files.SyncData(_file);
        files.DropCache(_file);
        return Read();
    }

    /// <summary>Reads what counts; null when there is no file.</summary>
    /// <exception cref="JournalDamagedException">There is one, and neither copy is whole.</exception>
    internal Superblock? Read()
    {
        if (!files.Exists(Path))
        {
            return null;
        }

        Superblock? newest = null;
        var copies = ReadCopies();
        for (int i = 0; i < copies.Count; i++)
        {
            if (copies[i] is { } copy && (newest is null || copy.Generation > newest.Generation))
            {
                newest = copy;
                _first = CopyCount - 1 - i;
            }
        }

        return newest ?? throw new JournalDamagedException(
            $"{Path}: neither copy of the superblock is whole ({LengthOf()} bytes are there). Nothing was changed. " +
            "Restore the file from a backup of the same journal, or the whole directory.");
    }

    /// <summary>Reads each copy; null stands for one that is not whole.</summary>
    internal IReadOnlyList<Superblock?> ReadCopies()
    {
        byte[] bytes = new byte[CopyCount * Block.Size];
        using var file = files.OpenRead(Path);
        int count = files.Read(file, bytes, 0);
        var copies = new Superblock?[CopyCount];
        for (int i = 0; i < CopyCount && count >= (i + 1) * Block.Size; i++)
        {
            copies[i] = Superblock.TryRead(bytes.AsSpan(i * Block.Size, Block.Size));
        }

        return copies;
    }

    /// <summary>Writes both copies; durable when this returns.</summary>
    internal void Write(Superblock superblock, Action<JournalPoint>? reached)
    {
        byte[] block = new byte[Block.Size];
        superblock.Write(block);
        if (_file is null && !files.Exists(Path))
        {
            Create(block);
        }

        _file ??= files.Open(Path, FileMode.Open);
        for (int i = 0; i < CopyCount; i++)
        {
            files.Write(_file, block, (long)(i ^ _first) * Block.Size);
            files.SyncData(_file);
            if (i == 0)
            {
                reached?.Invoke(JournalPoint.SuperblockHalfWritten);
            }
        }
    }

    public void Dispose() => _file?.Dispose();

    private long LengthOf()
    {
        using var file = files.OpenRead(Path);
        return files.Length(file);
    }

    private void Create(byte[] block)
    {
        string temporary = Path + ".tmp";
        using (var file = files.Open(temporary, FileMode.Create))
        {
            files.Write(file, block, 0);
            files.Write(file, block, Block.Size);
            files.SyncData(file);
        }

        files.Move(temporary, Path);
        files.SyncDirectory(directory);
    }
}
