using Microsoft.Extensions.Logging;

namespace Engine.Diagnostics;

/// <summary>Every log message of the engine, in one place. Event ids are stable: never reuse one.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1001, LogLevel.Information,
        "Start: {Report} ({Replayed} events read in {Frames} frames, after the snapshot of frame {SnapshotSequence}; "
        + "{Live} live jobs, {Ended} ended ones)")]
    internal static partial void Recovered(
        this ILogger logger,
        RecoveryReport report,
        long replayed,
        long frames,
        long snapshotSequence,
        int live,
        int ended);

    [LoggerMessage(1002, LogLevel.Warning, "{Count} runs lost their worker when the engine last stopped")]
    internal static partial void RunsLostAtStart(this ILogger logger, int count);

    [LoggerMessage(1003, LogLevel.Warning, "{Count} runs lost their worker: no sign of life within the lease")]
    internal static partial void LeasesExpired(this ILogger logger, int count);

    [LoggerMessage(1012, LogLevel.Warning,
        "The engine stood still for {StallMs} ms: leases that ended meanwhile are given as much time, at most a lease")]
    internal static partial void LeasesExtended(this ILogger logger, long stallMs);

    [LoggerMessage(1004, LogLevel.Critical, "The engine stops: its memory may be ahead of its journal")]
    internal static partial void LoopFailed(this ILogger logger, Exception exception);

    [LoggerMessage(1005, LogLevel.Information, "The engine has started: epoch {Epoch}, durability {Durability}")]
    internal static partial void Started(this ILogger logger, long epoch, Storage.Durability durability);

    [LoggerMessage(1006, LogLevel.Information, "The engine has stopped")]
    internal static partial void Stopped(this ILogger logger);

    [LoggerMessage(1007, LogLevel.Warning,
        "The wall clock jumped by {Seconds} s; the engine's own clock never goes back")]
    internal static partial void ClockJumped(this ILogger logger, long seconds);

    [LoggerMessage(1013, LogLevel.Warning,
        "The wall clock has gone back and is {Seconds} s behind the engine's clock, which stands still meanwhile: scheduled "
        + "jobs, retries and time-outs of confirmations come due that much later, and the day ends that much later")]
    internal static partial void ClockLeads(this ILogger logger, long seconds);

    [LoggerMessage(1014, LogLevel.Information, "The wall clock has caught up with the engine's clock, which goes on")]
    internal static partial void ClockCaughtUp(this ILogger logger);

    [LoggerMessage(1015, LogLevel.Warning,
        "The journal has not answered for {DelayMs} ms: nothing was acknowledged meanwhile, and nothing is lost")]
    internal static partial void JournalDelayed(this ILogger logger, long delayMs);

    [LoggerMessage(1008, LogLevel.Warning,
        "{Count} jobs have not ended for longer than {StaleAfter}; the oldest is {Oldest}")]
    internal static partial void StaleJobs(this ILogger logger, long count, TimeSpan staleAfter, JobId oldest);

    [LoggerMessage(1009, LogLevel.Information,
        "Took a snapshot of frame {Sequence}: {Bytes} bytes, {Events} new events, {Milliseconds} ms")]
    internal static partial void SnapshotTaken(
        this ILogger logger, long sequence, long bytes, long events, long milliseconds);

    [LoggerMessage(1010, LogLevel.Error,
        "A snapshot failed. Nothing is lost, and it is tried again later; until then the journal grows")]
    internal static partial void SnapshotFailed(this ILogger logger, Exception exception);

    [LoggerMessage(1011, LogLevel.Error, "No more snapshots are taken until the next start: the journal grows")]
    internal static partial void SnapshotsEnded(this ILogger logger, Exception exception);

    [LoggerMessage(1201, LogLevel.Information, "Standing by: {Owner} owns the journal. {Reason}")]
    internal static partial void StandingBy(this ILogger logger, string owner, string reason);

    [LoggerMessage(1202, LogLevel.Warning, "Taking over from {Owner} after standing by for {Waited}")]
    internal static partial void TakingOver(this ILogger logger, string owner, TimeSpan waited);

    [LoggerMessage(1203, LogLevel.Warning, "Took over: serving {Milliseconds} ms after the journal was last refused")]
    internal static partial void TookOver(this ILogger logger, long milliseconds);

    [LoggerMessage(1204, LogLevel.Critical, "Cannot take over; the application stops")]
    internal static partial void CannotServe(this ILogger logger, Exception exception);

    [LoggerMessage(1101, LogLevel.Warning, "Job {JobId} run {Run} failed, debug id {DebugId}")]
    internal static partial void RunFailed(
        this ILogger logger, Exception? exception, JobId jobId, int run, string debugId);

    [LoggerMessage(1102, LogLevel.Error,
        "Job {JobId} run {Run} does not stop {Grace} after it was told to: it is abandoned and may still be working")]
    internal static partial void RunAbandoned(this ILogger logger, JobId jobId, int run, TimeSpan grace);

    [LoggerMessage(1103, LogLevel.Warning, "Job {JobId} run {Run} exceeded its time of {Timeout} and is told to stop")]
    internal static partial void RunTimedOut(this ILogger logger, JobId jobId, int run, TimeSpan timeout);

    [LoggerMessage(1106, LogLevel.Warning,
        "Job {JobId} run {Run} was told to stop, and what its handler had registered for that failed")]
    internal static partial void CancellationCallbackFailed(
        this ILogger logger, Exception exception, JobId jobId, int run);

    [LoggerMessage(1104, LogLevel.Error, "The worker pool cannot claim work any more")]
    internal static partial void ClaimingFailed(this ILogger logger, Exception exception);

    [LoggerMessage(1105, LogLevel.Error, "Forgetting the logs of job {JobId} failed; they stay behind")]
    internal static partial void LogsNotDeleted(this ILogger logger, Exception exception, JobId jobId);
}
