using Engine.Simulation.Storage;
using Engine.Storage;

namespace Engine.Simulation;

/// <summary>How a simulated life ends.</summary>
internal enum CrashKind
{
    /// <summary>The process is killed: what it handed to the operating system stays.</summary>
    Kill = 1,

    /// <summary>The power fails: what was not synced is lost, kept or torn, as the dice fall.</summary>
    PowerCut = 2,
}

/// <summary>What is left of an engine between its lives: simulated hardware with a journal on it.</summary>
/// <remarks>
/// One thread: appends, reads and everything else complete as events of the world, with their continuations inline, or
/// at
/// once. After <see cref="Crash"/> no call of an earlier journal ever completes, and none of them changes what is
/// stored.
/// </remarks>
internal interface ISimStorage
{
    /// <summary>The journal as a process that starts now finds it.</summary>
    IJournal Open();

    /// <summary>The processes that use it end without a word.</summary>
    void Crash(CrashKind kind);

    /// <summary>The process that opened this journal stands still.</summary>
    void Pause(IJournal journal)
    {
    }

    /// <summary>It goes on where it stood.</summary>
    void Resume(IJournal journal)
    {
    }

    /// <summary>That process alone ends without a word.</summary>
    void Kill(IJournal journal)
    {
    }

    /// <summary>What its faults so far excuse.</summary>
    StoreDoubts Doubts => StoreDoubts.None;

    /// <summary>Reads that failed, each of which a process may have taken for damage: nothing was changed, and the next
    /// may succeed (F6).</summary>
    int FailedReads => 0;

    /// <summary>The frame before which the journal must not end when it is opened the next time, whatever went
    /// wrong.</summary>
    /// <param name="acknowledged">The last frame that was acknowledged.</param>
    /// <param name="proven">The last that the journal itself can prove it had: it was acknowledged before the last
    /// commit, or recorded since.</param>
    long KeepsAtLeast(long acknowledged, long proven) => acknowledged;

    /// <summary>From now on nothing fails by itself: the liveness phase begins.</summary>
    void Heal();
}
