using Engine.Storage.Faster.Platform;
using Microsoft.Win32.SafeHandles;

namespace Engine.Tests.Crash.Child;

/// <summary>Bugs that a child can be given, to see that the rigs find them.</summary>
internal enum Bug
{
    None = 0,

    /// <summary>Nothing is synced, and everything is acknowledged as if it were.</summary>
    NeverSyncs = 1,

    /// <summary>A sync that fails counts as one that worked.</summary>
    DeafToFailedSyncs = 2,

    /// <summary>The names of new files are not synced.</summary>
    NeverSyncsNames = 3,

    /// <summary>An append whose answer was lost counts as one that worked.</summary>
    TrustsLostAnswers = 4,
}

/// <summary>The operating system's calls as somebody might have got them wrong.</summary>
internal sealed class BrokenFiles(Bug bug) : FileSystemCalls
{
    internal override Guid BootId => Current.BootId;

    internal override void SyncData(SafeFileHandle file)
    {
        try
        {
            if (bug != Bug.NeverSyncs)
            {
                Current.SyncData(file);
            }
        }
        catch (IOException) when (bug == Bug.DeafToFailedSyncs)
        {
            // The bug.
        }
    }

    internal override void SyncDirectory(string path)
    {
        if (bug is not (Bug.NeverSyncs or Bug.NeverSyncsNames))
        {
            Current.SyncDirectory(path);
        }
    }

    internal override SafeFileHandle? TryLockDirectory(string path) => Current.TryLockDirectory(path);

    internal override void UnlockDirectory(SafeFileHandle directory) => Current.UnlockDirectory(directory);
}
