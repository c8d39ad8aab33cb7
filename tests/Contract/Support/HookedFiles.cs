using Engine.Storage.Faster.Platform;
using Microsoft.Win32.SafeHandles;

namespace Engine.Tests.Support;

/// <summary>The real file system, with something else going on in between.</summary>
internal sealed class HookedFiles : FileSystemCalls
{
    /// <summary>Called with the path of a file before it is opened for reading.</summary>
    internal Action<string> Opening { get; set; } = _ => { };

    internal override Guid BootId => Current.BootId;

    internal override SafeFileHandle OpenRead(string path)
    {
        Opening(path);
        return Current.OpenRead(path);
    }

    internal override void SyncData(SafeFileHandle file) => Current.SyncData(file);

    internal override void SyncDirectory(string path) => Current.SyncDirectory(path);

    internal override SafeFileHandle? TryLockDirectory(string path) => Current.TryLockDirectory(path);
}
