using Engine.Storage;

namespace Engine.Simulation.Storage;

/// <summary>Where a simulated engine keeps its journal: it outlives every process that opens it.</summary>
/// <remarks>One process at a time uses it; <see cref="Open"/> begins the life of the next one. Whatever belongs to a
/// life that has ended never completes, and never touches the store again.</remarks>
internal interface ISimulatedStore
{
    /// <summary>What a next opening may come to, for faults that no single copy can make good.</summary>
    StoreDoubts Doubts { get; }

    /// <summary>Hears of every corner that the store reached, by name: injected faults, what a crash did.</summary>
    Action<string>? Sometimes { get; set; }

    /// <summary>A new process: its journal, not acquired yet.</summary>
    IJournal Open();

    /// <summary>The process dies (kill -9); the operating system, or the server, lives on.</summary>
    void Kill(RandomStream random);

    /// <summary>The machine that stores loses power, and the process dies with it.</summary>
    void Crash(RandomStream random);

    /// <summary>Stops injecting faults, for good, and ends those under way: the phase in which everything must
    /// heal.</summary>
    void Heal();
}

/// <summary>What injected faults excuse.</summary>
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
