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

    /// <summary>The process that uses it ends without a word.</summary>
    void Crash(CrashKind kind);

    /// <summary>From now on nothing fails by itself: the liveness phase begins.</summary>
    void Heal();
}
