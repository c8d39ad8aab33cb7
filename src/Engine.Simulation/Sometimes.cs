namespace Engine.Simulation;

/// <summary>Corners that a batch of simulations must reach: one that it never does is not tested.</summary>
internal enum Corner
{
    ProcessKilled,
    PowerCut,
    UnsyncedTailLost,
    CrashAtPortCall,
    CrashInRecovery,
    ProcessStoodStill,
    KilledWhileStandingStill,
    LeaseOutlivedStandstill,
    RunsFoundLostAtStart,
    SecondOwnerFencedFirst,
    StorageFailed,
    SlowSync,
    StoppedGracefully,
    EmbeddedJournalUsed,
    SnapshotTaken,
    ChangedWhileCopied,
    StartedFromSnapshot,
    LogCut,
    BatchFull,
    JournalBehind,
    UnansweredButDone,
    UnansweredAndUndone,
    ClockWentBack,
    ClockLeapt,
    ClockStoodStill,
    MidnightPassed,
    CapRefused,
    DayOverflowScheduled,
    ScheduleFull,
    ReleaseWaitedForRoom,
    DeferredAgain,
    KeyRepeated,
    KeyRepeatedAfterRestart,
    KeyReusedRefused,
    DuplicateIdRefused,
    ProjectNotOwned,
    UnknownType,
    HostileName,
    StaleCompletionRefused,
    WrongEpochRefused,
    LeaseExpired,
    LostTooOften,
    RetryScheduled,
    RetriesExhausted,
    CancelledWaiting,
    CancelledRunning,
    CancelRequestedThenLost,
    ChargeGivenBack,
    Suspended,
    Confirmed,
    ConfirmedTwice,
    ConfirmationTimedOut,
    IterationCapReached,
    StageRefused,
    Purged,
    PurgedForBytes,
    LimitRaised,
    LimitLoweredBelowUse,
    OrderingChanged,
    WaitedForUserSlot,
    WaitedForProjectSlot,
    WaitedForResource,
    RequeuedIntoFullQueue,
    OvertakenByBoost,

    // What the audits of A4, A9, O2, O3 and O4 judged and found in order.
    SlotsOfThreeKindsTogether,
    RunKeptAboveLoweredLimit,
    UsedAboveLoweredLimit,
    BlockedJobKeptItsPlace,
    SameTenantInOrder,
    OvertakenWithinBound,
    RedisJournalUsed,
    RedisCommandLost,
    RedisAnswerLost,
    RedisCommandLate,
    RedisRefused,
    RedisKilled,
    RedisLostPower,
    RedisFailedOver,
    RedisFailOverLostAcknowledged,
    RedisFailOverLostOwnership,
    RedisWasOwned,
    RedisAwayTooLong,
    ReadErrorRefused,
    DiskFull,
    DiskFlippedABit,
    DiskLostAWrite,
    DiskMisdirectedAWrite,
    LieRefused,
    LieCostTheLastCommit,
    LieMadeNoDifference,
}

/// <summary>Counts how often each corner was reached.</summary>
internal sealed class Sometimes
{
    private readonly long[] _counts = new long[Enum.GetValues<Corner>().Length];

    internal long this[Corner corner] => _counts[(int)corner];

    /// <summary>Corners that were never reached.</summary>
    internal IEnumerable<Corner> Never => Enum.GetValues<Corner>().Where(corner => this[corner] == 0);

    internal void Saw(Corner corner) => _counts[(int)corner]++;

    internal void Add(Sometimes other)
    {
        for (int i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }
    }
}
