using Engine.Simulation.Storage.Disk;

namespace Engine.Simulation.Storage.Faster;

/// <summary>A process that owns, or wants to own, a journal: it can die between any two of its calls.</summary>
internal sealed class SimulatedProcess(Timeline timeline, DirectoryLocks locks)
{
    private readonly Queue<Action> _due = new();
    private string? _locked;

    /// <summary>Whether it lives. What it left under way when it died is never completed.</summary>
    internal bool IsAlive { get; private set; } = true;

    /// <summary>Whether it stands still, as one does that was stopped by a signal: what falls due waits for
    /// it.</summary>
    internal bool IsPaused { get; private set; }

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
        () => Do(what));

    /// <summary>Does something in this process: now, when it goes on, or never if it is dead by then.</summary>
    internal void Do(Action what)
    {
        if (!IsAlive)
        {
            return;
        }

        if (IsPaused)
        {
            _due.Enqueue(what);
        }
        else
        {
            what();
        }
    }

    internal void Pause() => IsPaused = true;

    internal void Resume()
    {
        IsPaused = false;
        while (IsAlive && !IsPaused && _due.TryDequeue(out var what))
        {
            what();
        }
    }

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
