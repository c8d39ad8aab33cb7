using System.Collections.Concurrent;
using Engine.Storage.Faster.Log;
using Microsoft.Win32.SafeHandles;

namespace Engine.Storage.Faster.Platform;

/// <summary>Reads around places of a disk that cannot be read any more: zeros stand for them, and they are remembered. For
/// tools that say so; whoever decides what a journal holds must not take zeros for it.</summary>
internal sealed class SalvagingCalls(FileSystemCalls inner) : FileSystemCalls
{
    /// <summary>What a disk says of a place that it cannot read, or a file system of one that it cannot believe: EIO, ENODATA,
    /// EBADMSG, EUCLEAN, EREMOTEIO, and "data error", "sector not found" and "device error" of Windows. Anything else, such as
    /// a server that is away, may pass, and is no reason to give a place up.</summary>
    private static readonly int[] LostCodes =
        [5, 61, 74, 117, 121, unchecked((int)0x80070017), unchecked((int)0x8007001B), unchecked((int)0x8007045D)];

    private readonly ConcurrentDictionary<SafeFileHandle, string> _paths = new();
    private readonly SortedDictionary<(string Path, long Offset), string> _lost = [];

    internal override Guid BootId => inner.BootId;

    /// <summary>How many blocks of the log could not be read so far.</summary>
    internal long LostBlocks => _lost.Keys.Count(place => place.Offset > 0);

    /// <summary>Whether a block of a file could not be read.</summary>
    internal bool HasLost(string path, long offset) => _lost.ContainsKey((path, offset));

    /// <summary>Where reading failed so far, in words, neighbours together.</summary>
    internal IReadOnlyList<string> Lost()
    {
        List<(string Path, long Offset, long End, string Error)> areas = [];
        foreach (var ((path, offset), error) in _lost)
        {
            if (areas is [.., var last] && last.Path == path && last.End == offset)
            {
                areas[^1] = last with { End = offset + Block.Size };
            }
            else
            {
                areas.Add((path, offset, offset + Block.Size, error));
            }
        }

        // None are always the same none, as records compare them.
        if (areas.Count == 0)
        {
            return [];
        }

        return areas.ConvertAll(area => $"{area.Path} at offset {area.Offset}: {area.End - area.Offset} bytes ({area.Error})");
    }

    internal override SafeFileHandle OpenRead(string path) => Named(inner.OpenRead(path), path);

    internal override SafeFileHandle Open(string path, FileMode mode, long preallocate = 0) =>
        Named(inner.Open(path, mode, preallocate), path);

    internal override int Read(SafeFileHandle file, Span<byte> bytes, long offset)
    {
        try
        {
            return inner.Read(file, bytes, offset);
        }
        catch (IOException error) when (IsLost(error))
        {
            return ReadAround(file, bytes[..(int)Math.Clamp(inner.Length(file) - offset, 0, bytes.Length)], offset);
        }
    }

    internal override void SyncData(SafeFileHandle file) => inner.SyncData(file);

    internal override void DropCache(SafeFileHandle file) => inner.DropCache(file);

    internal override void SyncDirectory(string path) => inner.SyncDirectory(path);

    internal override SafeFileHandle? TryLockDirectory(string path) => inner.TryLockDirectory(path);

    internal override void UnlockDirectory(SafeFileHandle directory) => inner.UnlockDirectory(directory);

    internal override bool Exists(string path) => inner.Exists(path);

    internal override IEnumerable<string> List(string directory) => inner.List(directory);

    internal override long Length(SafeFileHandle file) => inner.Length(file);

    internal override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset) => inner.Write(file, bytes, offset);

    internal override void Move(string from, string to) => inner.Move(from, to);

    internal override void Delete(string path) => inner.Delete(path);

    internal override bool DirectoryExists(string path) => inner.DirectoryExists(path);

    internal override void CreateDirectory(string path) => inner.CreateDirectory(path);

    private static bool IsLost(IOException error) => Array.IndexOf(LostCodes, error.HResult) >= 0;

    private SafeFileHandle Named(SafeFileHandle file, string path)
    {
        _paths[file] = path;
        return file;
    }

    private int ReadAround(SafeFileHandle file, Span<byte> bytes, long offset)
    {
        for (int done = 0; done < bytes.Length;)
        {
            long block = (offset + done) & ~(long)(Block.Size - 1);
            var part = bytes[done..(int)Math.Min(bytes.Length, block + Block.Size - offset)];
            try
            {
                int count = inner.Read(file, part, offset + done);
                if (count < part.Length)
                {
                    return done + count;
                }
            }
            catch (IOException error) when (IsLost(error))
            {
                part.Clear();
                _lost[(_paths[file], block)] = error.Message;
            }

            done += part.Length;
        }

        return bytes.Length;
    }
}
