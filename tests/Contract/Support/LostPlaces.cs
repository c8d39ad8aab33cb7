using System.Collections.Concurrent;
using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Platform;
using Microsoft.Win32.SafeHandles;

namespace Engine.Tests.Support;

/// <summary>The real file system on a disk with a block that it cannot read: as disks do, it takes the block back when all of it
/// is written, and a file that takes the place of another lies elsewhere.</summary>
internal sealed class LostPlaces(string path, long offset) : FileSystemCalls
{
    private readonly ConcurrentDictionary<SafeFileHandle, string> _paths = new();

    internal bool IsLost { get; private set; } = true;

    /// <summary>What reading it fails with.</summary>
    internal int Code { get; init; } = 5;

    internal override Guid BootId => Current.BootId;

    internal override void SyncData(SafeFileHandle file) => Current.SyncData(file);

    internal override void SyncDirectory(string path) => Current.SyncDirectory(path);

    internal override SafeFileHandle? TryLockDirectory(string path) => Current.TryLockDirectory(path);

    internal override SafeFileHandle OpenRead(string path) => Known(Current.OpenRead(path), path);

    internal override SafeFileHandle Open(string path, FileMode mode, long preallocate = 0) =>
        Known(Current.Open(path, mode, preallocate), path);

    internal override int Read(SafeFileHandle file, Span<byte> bytes, long from) =>
        Meets(file, from, bytes.Length) ? throw Failure() : Current.Read(file, bytes, from);

    internal override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long from)
    {
        if (Meets(file, from, bytes.Length))
        {
            IsLost = from <= offset && from + bytes.Length >= offset + Block.Size ? false : throw Failure();
        }

        Current.Write(file, bytes, from);
    }

    internal override void Move(string from, string to)
    {
        Current.Move(from, to);
        IsLost &= to != path;
    }

    internal override void Delete(string name)
    {
        Current.Delete(name);
        IsLost &= name != path;
    }

    private IOException Failure() => new("Input/output error", Code);

    private bool Meets(SafeFileHandle file, long from, int count) =>
        IsLost && _paths[file] == path && from < offset + Block.Size && from + count > offset;

    private SafeFileHandle Known(SafeFileHandle file, string name)
    {
        _paths[file] = name;
        return file;
    }
}
