namespace Engine.Simulation;

/// <summary>What may go wrong, or be strange, in a simulation. A seed draws some of them.</summary>
[Flags]
internal enum Faults
{
    None = 0,
    Kill = 1 << 0,
    Power = 1 << 1,
    PortCrash = 1 << 2,
    TakeOver = 1 << 3,
    Stop = 1 << 4,
    SlowDisk = 1 << 5,
    FailingDisk = 1 << 6,
    ClockStep = 1 << 7,
    ClockRate = 1 << 8,
    Midnight = 1 << 9,
    WorkerCrash = 1 << 10,
    Zombie = 1 << 11,
    Liar = 1 << 12,
    Failure = 1 << 13,
    Iterations = 1 << 14,
    Cancel = 1 << 15,
    Resend = 1 << 16,
    Hostile = 1 << 17,
    Settings = 1 << 18,
    LateAnswers = 1 << 19,
    Snapshots = 1 << 20,

    /// <summary>Those above, which a seed draws for whatever it runs on.</summary>
    Swarm = (1 << 21) - 1,

    /// <summary>One write of the embedded journal's disk is lost or misdirected, or one bit flips.</summary>
    LyingDisk = 1 << 21,

    /// <summary>The Redis of the journal is lost for good, and a replica that lags takes over.</summary>
    FailOver = 1 << 22,

    /// <summary>The engine's process stands still, for longer than leases last, and nobody takes over.</summary>
    StandStill = 1 << 23,
    All = (1 << 24) - 1,
}

/// <summary>What keeps the journal in a simulation.</summary>
internal enum StorageKind
{
    /// <summary>A simple list of frames.</summary>
    List,

    /// <summary>The embedded journal's own code on a simulated disk.</summary>
    Disk,

    /// <summary>The Redis journal's own code with a simulated server.</summary>
    Redis,
}

/// <summary>What a simulation is about.</summary>
internal enum Preset
{
    /// <summary>Everything, in proportions that the seed draws.</summary>
    Mixed,
    Calm,
    DiskHell,
    RedisHell,
    ClockHell,
    ZombieHell,
    Midnight,
    Flood,
}
