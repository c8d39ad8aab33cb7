using Microsoft.Extensions.Logging;

namespace Engine.Storage.Redis;

/// <summary>Every log message of the journal in Redis. Event ids are stable: never reuse one.</summary>
internal static partial class RedisJournalLog
{
    [LoggerMessage(
        2101,
        LogLevel.Information,
        "Journal {Journal} in Redis at {Server}: acquired with epoch {Epoch}, the last frame is {LastSequence}")]
    internal static partial void Acquired(
        this ILogger logger, string journal, string server, long epoch, long lastSequence);

    [LoggerMessage(
        2102,
        LogLevel.Warning,
        "Journal {Journal}: what became of {AppendCount} appends is to be read from Redis: {Problem}")]
    internal static partial void AppendsInDoubt(
        this ILogger logger, string journal, int appendCount, string problem);

    [LoggerMessage(
        2103, LogLevel.Information, "Journal {Journal}: connected again; the last frame in Redis is {LastSequence}")]
    internal static partial void Reconnected(this ILogger logger, string journal, long lastSequence);

    [LoggerMessage(
        2104, LogLevel.Error, "Journal {Journal}: every append is answered with {Status} from now on: {Problem}")]
    internal static partial void SessionEnded(
        this ILogger logger, string journal, AppendStatus status, string problem);

    [LoggerMessage(
        2105, LogLevel.Warning, "Journal {Journal}: not given back, its lease must run out: {Problem}")]
    internal static partial void NotReleased(this ILogger logger, string journal, string problem);

    [LoggerMessage(2106, LogLevel.Critical, "Journal {Journal}: the owner's task failed")]
    internal static partial void SessionFailed(this ILogger logger, string journal, Exception error);

    [LoggerMessage(
        2107,
        LogLevel.Warning,
        "Journal {Journal}: the snapshot of frame {Sequence} is damaged ({Problem}); an older one and the log replace " +
        "it")]
    internal static partial void SnapshotDamaged(this ILogger logger, string journal, long sequence, string problem);

    [LoggerMessage(
        2108, LogLevel.Warning, "Journal {Journal}: tries again, Redis failed: {Problem}")]
    internal static partial void TriesAgain(this ILogger logger, string journal, string problem);
}
