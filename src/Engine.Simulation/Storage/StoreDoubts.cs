namespace Engine.Simulation.Storage;

/// <summary>What injected faults excuse when a store is opened the next time.</summary>
[Flags]
internal enum StoreDoubts
{
    /// <summary>Nothing: opening succeeds, and everything acknowledged is there.</summary>
    None = 0,

    /// <summary>Opening may be refused as damaged; nothing is changed then.</summary>
    MayRefuse = 1,

    /// <summary>Acknowledged frames at the very end may be missing: the store lied about them, and the log's end looks
    /// as if torn by a crash. Never a hole.</summary>
    MayLoseTail = 2,
}
