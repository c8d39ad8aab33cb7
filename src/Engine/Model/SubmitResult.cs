namespace Engine;

/// <summary>What became of a submission.</summary>
public enum SubmitOutcome
{
    /// <summary>Waits for its turn.</summary>
    Queued = 1,

    /// <summary>Accepted for a later day, because today's allowance is used up (LA-4).</summary>
    Scheduled = 2,

    /// <summary>Not accepted; nothing of it remains (A2).</summary>
    Refused = 3,
}

/// <summary>The answer to a submission: one of three outcomes, decided in one step (DA-1, DA-3).</summary>
public readonly record struct SubmitResult
{
    /// <summary>What became of it.</summary>
    public required SubmitOutcome Outcome { get; init; }

    /// <summary>The new job, or the one that the idempotency key stands for; default when refused.</summary>
    public JobId JobId { get; init; }

    /// <summary>The 1-based place among all waiting jobs when queued, else 0.</summary>
    public long Position { get; init; }

    /// <summary>How long the wait may be, when queued.</summary>
    public WaitEstimate? Estimate { get; init; }

    /// <summary>Not before when, when scheduled: the first day with room, plus the job's jitter.</summary>
    public DateTimeOffset? ScheduledFor { get; init; }

    /// <summary>The user's counters after this submission; default when it was refused for something in the request, or
    /// because the engine stops.</summary>
    public UsageCounters Usage { get; init; }

    /// <summary>Why not, when refused.</summary>
    public Refusal? Refusal { get; init; }

    /// <summary>The job was there already: this is the answer that the first submission got.</summary>
    public bool Repeated { get; init; }
}

/// <summary>Why a submission is refused.</summary>
public enum RefusalReason
{
    /// <summary>The global cap of queued jobs is reached (LA-6, A-Q7).</summary>
    GlobalCapReached = 1,

    /// <summary>Every day that may be scheduled ahead is full.</summary>
    ScheduleFull = 2,

    /// <summary>The idempotency key stands for another request.</summary>
    IdempotencyKeyReused = 3,

    /// <summary>No such job type; <see cref="Refusal.Message"/> names the known ones.</summary>
    UnknownType = 4,

    /// <summary>A field breaks its rule; <see cref="Refusal.Field"/> names it.</summary>
    Invalid = 5,

    /// <summary>The project belongs to another user (DA-21).</summary>
    ProjectNotOwned = 6,

    /// <summary>A job with this id exists.</summary>
    DuplicateId = 7,

    /// <summary>The engine is stopping and takes no new work.</summary>
    Stopping = 8,
}

/// <summary>A refusal: which rule, what its limit is, when to try again.</summary>
public sealed record Refusal
{
    /// <summary>Which rule.</summary>
    public required RefusalReason Reason { get; init; }

    /// <summary>For people.</summary>
    public required string Message { get; init; }

    /// <summary>The field at fault, as <see cref="JobRequest"/> names it, when it is one.</summary>
    public string? Field { get; init; }

    /// <summary>The limit that was met, when it is one.</summary>
    public long? Limit { get; init; }

    /// <summary>When trying again may help (DA-25); null when it will not.</summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>A user's counters, as every answer carries them (LA-13, A-S4).</summary>
/// <param name="JobsUsed">Jobs charged to this UTC day plus jobs deferred on it (A-H10).</param>
/// <param name="JobsRemaining">What is left of the day's allowance, never below 0.</param>
/// <param name="IterationsUsed">Iterations of the job in question, 0 without one.</param>
/// <param name="IterationsRemaining">Iterations left to it before the hard cap.</param>
/// <param name="DailyLimitResetsAt">The next midnight UTC.</param>
public readonly record struct UsageCounters(
    int JobsUsed, int JobsRemaining, int IterationsUsed, int IterationsRemaining, DateTimeOffset DailyLimitResetsAt);
