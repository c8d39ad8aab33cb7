using Engine.Tests.Load.Work;

namespace Engine.Tests.Load.Targets;

/// <summary>What became of a submission, whichever way it was sent.</summary>
internal enum Answer
{
    Queued,
    Scheduled,
    Refused,

    /// <summary>There was none: what was asked may have happened or not.</summary>
    None,
}

/// <summary>An answer to a submission.</summary>
/// <param name="Kind">What became of it.</param>
/// <param name="Id">The job.</param>
/// <param name="Repeated">Whether it is the answer to an earlier one.</param>
/// <param name="Reason">Why it was refused, or not answered.</param>
/// <param name="RetryAfter">When to try again, where that may help.</param>
internal readonly record struct SubmitAnswer(
    Answer Kind, JobId Id = default, bool Repeated = false, string Reason = "", TimeSpan? RetryAfter = null)
{
    internal const string CapReached = "system-busy";
    internal const string ScheduleFull = "schedule-full";
    internal const string KeyReused = "idempotency-key-reused";
    internal const string Stopping = "stopping";

    internal bool IsAccepted => Kind is Answer.Queued or Answer.Scheduled;
}

/// <summary>A job as its owner sees it.</summary>
/// <param name="State">Where it is.</param>
/// <param name="Position">Its place, if it is queued.</param>
/// <param name="WaitsFor">What it waits for, if it waits.</param>
/// <param name="ScheduledFor">When it goes on, if it waits for that.</param>
internal sealed record JobLook(JobState State, long Position, string? WaitsFor, DateTimeOffset? ScheduledFor);

/// <summary>The whole queue.</summary>
internal readonly record struct QueueLook(long Queued, long Running, long Cap, long Ended);

/// <summary>One change of a job, as a stream carries it.</summary>
/// <param name="Id">Its number, or null for one that has none.</param>
/// <param name="State">The job's state.</param>
/// <param name="IsResync">Whether changes before it were lost.</param>
internal readonly record struct Change(long? Id, JobState State, bool IsResync);

/// <summary>The other side does not answer: it has ended, was killed, or the connection broke.</summary>
internal sealed class NoAnswerException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>An engine that is up, and how users reach it.</summary>
internal abstract class Target : IAsyncDisposable
{
    /// <summary>What cannot be checked of it, in words.</summary>
    internal virtual string? Unchecked => null;

    /// <summary>The last lines that it printed, for whoever looks for a reason.</summary>
    internal virtual string Printed => "";

    /// <summary>The journal that can be read beside it; null when there is none.</summary>
    internal abstract JournalPlace? Journal { get; }

    /// <summary>Submits; answers <see cref="Answer.None"/> rather than throw.</summary>
    internal abstract ValueTask<SubmitAnswer> SubmitAsync(Ask ask);

    /// <summary>Shows a job to its owner; null when there is none.</summary>
    /// <exception cref="NoAnswerException">Nobody answers.</exception>
    internal abstract ValueTask<JobLook?> LookAsync(Checks.Acknowledged job);

    /// <summary>Withdraws a job; false when it had ended.</summary>
    internal abstract ValueTask<bool> CancelAsync(Checks.Acknowledged job);

    /// <summary>Grants a job its next iterations; false when it does not wait for that any more.</summary>
    internal abstract ValueTask<bool> ConfirmAsync(Checks.Acknowledged job);

    /// <summary>Counts the queue.</summary>
    internal abstract ValueTask<QueueLook> QueueAsync();

    /// <summary>A job's changes until it ends or the token is set.</summary>
    /// <param name="job">Which.</param>
    /// <param name="opened">Called when the stream is open.</param>
    /// <param name="stop">Ends it without an exception.</param>
    internal abstract IAsyncEnumerable<Change> WatchAsync(
        Checks.Acknowledged job, Action opened, CancellationToken stop);

    /// <summary>Ends the engine, politely or not.</summary>
    internal abstract Task EndAsync(bool kill);

    /// <summary>Starts it again on what it stored.</summary>
    internal abstract Task StartAgainAsync();

    /// <summary>The memory that it takes, in bytes; 0 when nobody knows.</summary>
    internal abstract long MemoryBytes { get; }

    /// <summary>The processor time that it took so far; zero when nobody knows.</summary>
    internal abstract TimeSpan ProcessorTime { get; }

    public abstract ValueTask DisposeAsync();
}
