using Engine.Storage.Faster.Platform;
using Microsoft.Win32.SafeHandles;

namespace Engine.Tests.Support;

/// <summary>The real file system until it is told to fail.</summary>
internal sealed class FaultyFileSystem : FileSystemCalls
{
    private readonly Lock _gate = new();
    private int _changes;

    /// <summary>Writes, syncs, renames, deletions and new files so far.</summary>
    internal int Changes => Volatile.Read(ref _changes);

    /// <summary>Decides, before a call that changes something is done, whether it fails instead: the call's name, the
    /// number of the change (from 1), and what it is about where known.</summary>
    internal Func<string, int, string?, Exception?> Fault { get; set; } = (_, _, _) => null;

    internal override Guid BootId => Boot;

    /// <summary>The boot of the operating system that the journal sees.</summary>
    internal Guid Boot { get; set; } = Current.BootId;

    internal override void SyncData(SafeFileHandle file) => Do("sync", null, () => Sync(() => Current.SyncData(file)));

    internal override void SyncDirectory(string path) => Do("sync", path, () => Sync(() => Current.SyncDirectory(path)));

    /// <summary>Whether a sync is really done: not needed where no power is lost.</summary>
    internal bool Syncs { get; set; } = true;

    /// <summary>The last lock that was taken.</summary>
    internal SafeFileHandle? Lock { get; private set; }

    internal override SafeFileHandle? TryLockDirectory(string path) => Lock = Current.TryLockDirectory(path);

    internal override void UnlockDirectory(SafeFileHandle directory) => Current.UnlockDirectory(directory);

    internal override SafeFileHandle Open(string path, FileMode mode, long preallocate = 0)
    {
        if (mode == FileMode.Open)
        {
            return Current.Open(path, mode, preallocate);
        }

        SafeFileHandle? handle = null;
        Do("create", path, () => handle = Current.Open(path, mode, preallocate));
        return handle!;
    }

    internal override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
    {
        lock (_gate)
        {
            Do("write", null, () => { });
            Current.Write(file, bytes, offset);
        }
    }

    internal override void Move(string from, string to) => Do("rename", to, () => Current.Move(from, to));

    internal override void Delete(string path) => Do("delete", path, () => Current.Delete(path));

    /// <summary>Does something while nothing changes.</summary>
    internal void Frozen(Action action)
    {
        lock (_gate)
        {
            action();
        }
    }

    private void Sync(Action action)
    {
        if (Syncs)
        {
            action();
        }
    }

    private void Do(string call, string? path, Action action)
    {
        lock (_gate)
        {
            if (Fault(call, ++_changes, path) is { } fault)
            {
                throw fault;
            }

            action();
        }
    }
}
