using Engine.Simulation.Storage.Disk;

namespace Engine.Simulation.Storage.Faster;

/// <summary>A process that owns, or wants to own, a journal: it can die between any two of its calls.</summary>
internal sealed class SimulatedProcess(Timeline timeline, DirectoryLocks locks)
{
    private string? _locked;

    /// <summary>Whether it lives. What it left under way when it died is never completed.</summary>
    internal bool IsAlive { get; private set; } = true;

    /// <summary>Ends it: its locks are free.</summary>
    internal void Die()
    {
        IsAlive = false;
        Unlock();
    }

    internal bool TryLock(string directory)
    {
        if (_locked is not null || !locks.Held.Add(directory))
        {
            return false;
        }

        _locked = directory;
        return true;
    }

    internal void Unlock()
    {
        if (_locked is { } directory)
        {
            locks.Held.Remove(directory);
            _locked = null;
        }
    }

    /// <summary>Plans what happens in this process, should it live by then.</summary>
    internal void At(long instant, Action what) => timeline.At(
        instant,
        () =>
        {
            if (IsAlive)
            {
                what();
            }
        });

    internal void ThrowIfDead()
    {
        if (!IsAlive)
        {
            throw new InvalidOperationException("A process that is dead used the disk: a bug of the simulation.");
        }
    }
}

/// <summary>The locks on a machine's directories; each ends with its process.</summary>
internal sealed class DirectoryLocks
{
    internal HashSet<string> Held { get; } = [];
}
