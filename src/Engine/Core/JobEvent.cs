using Engine.Core.Scheduling;

namespace Engine.Core;

/// <summary>A kind of fact. The numbers are on disk: never reuse one.</summary>
internal enum EventKind : byte
{
    None = 0,

    /// <summary>A job was accepted, queued or scheduled.</summary>
    JobSubmitted = 1,

    /// <summary>A scheduled job entered the queue.</summary>
    JobReleased = 2,

    /// <summary>A scheduled job missed its day and got another.</summary>
    JobDeferred = 3,

    /// <summary>A queued job got a worker and its slots.</summary>
    RunStarted = 4,

    /// <summary>A run moved to a stage.</summary>
    StageEntered = 5,

    /// <summary>A run said how far it is.</summary>
    ProgressReported = 6,

    /// <summary>A run began an iteration.</summary>
    IterationStarted = 7,

    /// <summary>A run ended and gave its slots back; the job moved on.</summary>
    RunEnded = 8,

    /// <summary>A running job was asked to stop.</summary>
    CancelRequested = 9,

    /// <summary>A job without a run ended: cancelled, or failed for want of a confirmation.</summary>
    JobEnded = 10,

    /// <summary>A suspended job was granted its next batch.</summary>
    JobConfirmed = 11,

    /// <summary>The oldest ended jobs were forgotten.</summary>
    JobsPurged = 12,

    /// <summary>"Next" means something else from now on; waiting jobs were sorted anew.</summary>
    OrderingChanged = 13,

    /// <summary>The answer to a submission with an idempotency key, kept beside the job it made.</summary>
    AnswerKept = 14,
}

/// <summary>How a run came to its end. The numbers are on disk.</summary>
internal enum RunEnd : byte
{
    None = 0,
    Completed = 1,
    Failed = 2,
    Suspended = 3,
    Lost = 4,
    Stopped = 5,
}

/// <summary>A fact: what <see cref="EngineCore.Apply"/> turns into state, live and in recovery alike.</summary>
/// <remarks>One flat struct for all kinds, passed by reference, so that deciding allocates nothing. Which fields a kind
/// uses is said once, in the codec.</remarks>
internal struct JobEvent
{
    internal EventKind Kind;
    internal JobId JobId;

    /// <summary>The state the job is in afterwards, where a kind leaves a choice.</summary>
    internal JobState State;

    /// <summary>Not before (scheduled) or not after (awaiting confirmation), in ms.</summary>
    internal long DueMs;

    internal WaitKind Why;
    internal int Day;
    internal int Count;
    internal string? Message;

    // JobSubmitted
    internal string? Type;
    internal string? User;
    internal string? Project;
    internal string? Tier;
    internal string[]? Resources;
    internal int Priority;
    internal int Boost;
    internal ReadOnlyMemory<byte> Payload;

    // AnswerKept
    internal SubmitKey? Answer;

    // Runs
    internal int Run;
    internal long Epoch;
    internal int Stage;
    internal RunEnd End;
    internal string? Error;
    internal string? DebugId;

    // OrderingChanged
    internal Ordering Ordering;
    internal long HeadStartMs;

    // Not in the journal: what the rule that decided has at hand, and applying would have to look up again.
    internal Job? KnownJob;
    internal Lane? KnownLane;
}

/// <summary>What a submission with an idempotency key keeps beside the job: the request's mark and the
/// answer.</summary>
internal sealed record SubmitKey(
    string Key, UInt128 Fingerprint, long ExpiresMs, long Position, WaitEstimate? Estimate, UsageCounters Usage);
