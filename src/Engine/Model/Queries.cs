namespace Engine;

/// <summary>Which jobs of a user to list; newest first.</summary>
public sealed record JobQuery
{
    /// <summary>Whose jobs.</summary>
    public required string UserId { get; init; }

    /// <summary>Only jobs in this state, or all.</summary>
    public JobState? State { get; init; }

    /// <summary>How many at most, 1 to 200.</summary>
    public int Limit { get; init; } = 50;

    /// <summary><see cref="JobPage.NextCursor"/> of the page before, or null for the first.</summary>
    public long? Cursor { get; init; }
}

/// <summary>One page of jobs.</summary>
/// <param name="Jobs">The jobs, newest first. One page is looked for among 1,000 jobs, so that nobody else waits for
/// it: where few are in the state that was asked for it may be short, or empty, and not the last.</param>
/// <param name="NextCursor">Where the next page starts, or null on the last: go on until it is null.</param>
public sealed record JobPage(IReadOnlyList<JobView> Jobs, long? NextCursor);

/// <summary>The whole queue at one moment.</summary>
public sealed record QueueSummary
{
    /// <summary>Jobs waiting for their turn.</summary>
    public required long Queued { get; init; }

    /// <summary>Jobs with an open run.</summary>
    public required long Running { get; init; }

    /// <summary>Jobs waiting for an instant.</summary>
    public required long Scheduled { get; init; }

    /// <summary>Jobs waiting for a confirmation.</summary>
    public required long AwaitingConfirmation { get; init; }

    /// <summary>The cap on <see cref="Queued"/>.</summary>
    public required long GlobalCap { get; init; }

    /// <summary>Jobs that are not final and older than the age at which they count as stale (DA-19). They are counted
    /// 1,000 at a time as they grow old: when more become stale at one moment this is too small for a moment.</summary>
    public required long Stale { get; init; }

    /// <summary>The same by tier, in the order of the configuration.</summary>
    public required IReadOnlyList<TierSummary> Tiers { get; init; }
}

/// <summary>One tier's part of the queue. The counts of ended jobs are since the engine's journal began.</summary>
/// <param name="Tier">Which tier.</param>
/// <param name="Scheduled">Jobs waiting for an instant.</param>
/// <param name="Queued">Jobs waiting for their turn.</param>
/// <param name="Running">Jobs with an open run.</param>
/// <param name="AwaitingConfirmation">Jobs waiting for a confirmation.</param>
/// <param name="Completed">Jobs that ended well.</param>
/// <param name="Failed">Jobs that ended badly.</param>
/// <param name="Cancelled">Jobs withdrawn.</param>
/// <param name="NextEstimate">What a job submitted now would be told.</param>
public sealed record TierSummary(
    string Tier,
    long Scheduled,
    long Queued,
    long Running,
    long AwaitingConfirmation,
    long Completed,
    long Failed,
    long Cancelled,
    WaitEstimate NextEstimate);

/// <summary>What became of a cancellation.</summary>
public enum CancelOutcome
{
    /// <summary>The job is cancelled now.</summary>
    Cancelled = 1,

    /// <summary>Its run was told to stop; the job is cancelled when it has, and never completes.</summary>
    Requested = 2,

    /// <summary>No such job, or not this user's (LA-21).</summary>
    NotFound = 3,

    /// <summary>It had ended before (A-H16).</summary>
    AlreadyFinal = 4,
}

/// <summary>The answer to a cancellation.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Job">The job afterwards, when there is one.</param>
public sealed record CancelResult(CancelOutcome Outcome, JobView? Job);

/// <summary>What became of a confirmation.</summary>
public enum ConfirmOutcome
{
    /// <summary>The next batch is granted, by this call or by one just before it (A-H8, DA-22).</summary>
    Confirmed = 1,

    /// <summary>No such job, or not this user's.</summary>
    NotFound = 2,

    /// <summary>It does not wait for one (A-H9).</summary>
    NotAwaiting = 3,

    /// <summary>Every iteration that its tier allows is used (LA-12).</summary>
    CapReached = 4,
}

/// <summary>The answer to a confirmation.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="IterationsGranted">The size of the batch.</param>
/// <param name="Job">The job afterwards, when there is one.</param>
public sealed record ConfirmResult(ConfirmOutcome Outcome, int IterationsGranted, JobView? Job);
