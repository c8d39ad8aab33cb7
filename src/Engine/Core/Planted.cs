namespace Engine.Core;

/// <summary>Bugs that the simulator plants to see that it finds them. Nothing else does.</summary>
/// <remarks>Most places that ask stand where things seldom come, and a process that plants none answers at once.
/// </remarks>
internal static class Planted
{
    // A field of the thread costs a call to find; this one is all that a live engine looks at.
    private static bool _isInUse;

    // Of the thread: a simulation has one, and no other simulation or engine is touched.
    [ThreadStatic]
    private static PlantedBug _bug;

    /// <summary>The bug on this thread.</summary>
    internal static PlantedBug Bug
    {
        get => _bug;
        set
        {
            _bug = value;
            if (value != PlantedBug.None)
            {
                // Never written back: another thread may plant one between a look and a write.
                _isInUse = true;
            }
        }
    }

    internal static bool Is(PlantedBug bug) => _isInUse && _bug == bug;
}

/// <summary>What can be planted; the simulator's tests say which invariant finds each.</summary>
internal enum PlantedBug
{
    None = 0,

    // In the storage, the driver, or between the core and the journal.
    AckBeforeSync,
    FailedSyncAcknowledged,
    EpochNotChecked,
    TruncationOneFrameTooFar,
    ReplaySkipsLastFrame,
    RetryInSecondFrame,
    CancelRequestNotJournaled,
    KeyForgottenAtRestart,
    ErrorNotJournaled,
    CapCountWrongAfterRestart,
    SnapshotMissesTable,
    SnapshotCopiesLate,
    SnapshotOfWhatIsNotDurable,
    FailedReadAsZeros,
    LogCutTooFar,
    OrderingNotAdopted,

    // In the core.
    LeakedSlotOnCancel,
    DoubleCountAtMidnight,
    LostWakeUp,
    HeadOfLineBlock,
    StaleCompletionAccepted,
    AllowanceKeptOnCancel,
    IterationCapOffByOne,
    ResendCreatesSecondJob,
    ClockGoesBack,
    RaisedLimitWakesNobody,
    LeaseNotRenewed,
    ExpiredLeaseIgnored,
    StallNotNoticed,
    LostRunLosesItsPlace,
    TerminalChangedTwice,
    PositionOffByOne,
    CapOffByOne,
    CancelledRunCompletes,
    RetryTooEarly,
    OneRetryTooMany,
    ReleasedADayEarly,
    ConfirmedTwiceGrantsTwice,
    CancelReleasesSomeSlots,
    LoweredLimitEvicts,
    RemainingBelowZero,
    WokenInAnyOrder,
    OldPlaceBehindTheRow,
    BoostCountsTwice,
    RetriedWithoutPayload,
    RequestedResourcesForgotten,
    ConfirmedButNotRecorded,
    GivenUpTooEarly,
    CheckpointForgotten,
    RepeatAnsweredAnew,
    WrongReasonShown,
    EndedKeptForEver,
}
