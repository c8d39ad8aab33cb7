namespace Engine;

/// <summary>A job as a query shows it: everything at one durable moment.</summary>
public sealed record JobView
{
    /// <summary>Which job.</summary>
    public required JobId Id { get; init; }

    /// <summary>Its kind.</summary>
    public required string Type { get; init; }

    /// <summary>Whose it is.</summary>
    public required string UserId { get; init; }

    /// <summary>The project it belongs to, if any.</summary>
    public string? ProjectId { get; init; }

    /// <summary>The plan it was submitted under, after the fallback for unknown ones.</summary>
    public required string Tier { get; init; }

    /// <summary>0 to 100.</summary>
    public int Priority { get; init; }

    /// <summary>Where it is in its life.</summary>
    public required JobState State { get; init; }

    /// <summary>What people are shown: the stage for a type with a pipeline, else the state's name (design 4).</summary>
    public required string Status { get; init; }

    /// <summary>The status in words.</summary>
    public required string StatusLabel { get; init; }

    /// <summary>The last message about it, or "".</summary>
    public string Message { get; init; } = "";

    /// <summary>What it was submitted with.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Its 1-based rank among all waiting jobs, 0 when it does not wait in the queue (A-Q6).</summary>
    public long Position { get; init; }

    /// <summary>How long it may wait, when queued.</summary>
    public WaitEstimate? Estimate { get; init; }

    /// <summary>Why it does not run yet, when it waits.</summary>
    public WaitReason? WaitingFor { get; init; }

    /// <summary>Not before when, when scheduled.</summary>
    public DateTimeOffset? ScheduledFor { get; init; }

    /// <summary>When it was submitted.</summary>
    public DateTimeOffset SubmittedAt { get; init; }

    /// <summary>When its first run started.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it reached its final state.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>How many runs have been started.</summary>
    public int Runs { get; init; }

    /// <summary>Somebody asked to cancel it and its run has not ended yet.</summary>
    public bool CancelRequested { get; init; }

    /// <summary>0 to 100, as the handler last reported it; null when it never did.</summary>
    public int? ProgressPercent { get; init; }

    /// <summary>What the handler produced, as JSON in UTF-8; empty when nothing.</summary>
    public ReadOnlyMemory<byte> Result { get; init; }

    /// <summary>Why it failed, sanitized, when it did (LA-9).</summary>
    public string? Error { get; init; }

    /// <summary>What support looks the failure up by, when there is one.</summary>
    public string? DebugId { get; init; }

    /// <summary>Iterations granted so far, over every confirmation.</summary>
    public int IterationsGranted { get; init; }

    /// <summary>Until when a confirmation is awaited, when it is.</summary>
    public DateTimeOffset? ConfirmBefore { get; init; }

    /// <summary>The owner's counters now.</summary>
    public UsageCounters Usage { get; init; }

    /// <summary>The last event that this view includes: where a stream resumes from.</summary>
    public long LastEventId { get; init; }
}

/// <summary>What a waiting job waits for.</summary>
public enum WaitKind
{
    /// <summary>Its turn: jobs ahead of it, or a free worker.</summary>
    Worker = 1,

    /// <summary>One of its user's slots.</summary>
    UserSlots = 2,

    /// <summary>One of its project's slots.</summary>
    ProjectSlots = 3,

    /// <summary>A slot of a named resource.</summary>
    Resource = 4,

    /// <summary>The day on which its user has allowance again.</summary>
    DailyAllowance = 5,

    /// <summary>The end of the pause before a retry.</summary>
    RetryDelay = 6,

    /// <summary>Room under the global cap of queued jobs.</summary>
    GlobalCap = 7,

    /// <summary>Its owner's confirmation.</summary>
    Confirmation = 8,
}

/// <summary>Why a job waits: which limit, how full it is, and who frees it next.</summary>
/// <param name="Kind">Which limit.</param>
/// <param name="Name">The user, project or resource that the limit belongs to, or the job type for workers.</param>
/// <param name="Used">How much of the limit is in use.</param>
/// <param name="Capacity">How much there is.</param>
/// <param name="FreedBy">The job that has held a slot of it the longest, where slots are what is waited for.</param>
/// <param name="Until">When the wait ends by itself, where it does.</param>
public sealed record WaitReason(
    WaitKind Kind, string Name, long Used, long Capacity, JobId? FreedBy = null, DateTimeOffset? Until = null);
