using Microsoft.Extensions.Logging;

namespace Engine.Storage.Faster;

/// <summary>Every log message of the embedded journal. Event ids are stable: never reuse one.</summary>
internal static partial class FasterJournalLog
{
    [LoggerMessage(
        2001,
        LogLevel.Information,
        "Journal {Directory}: {FrameCount} frames read, the last is {LastSequence}; {LeftoverBlocks} blocks behind " +
        "it were cut ({Reason})")]
    internal static partial void Recovered(
        this ILogger logger, string directory, long frameCount, long lastSequence, int leftoverBlocks, string reason);

    [LoggerMessage(
        2002,
        LogLevel.Warning,
        "Journal {Directory}: the disk is full, there is room in the present segment only: {Problem}")]
    internal static partial void SpaceRunsOut(this ILogger logger, string directory, string problem);

    [LoggerMessage(
        2003,
        LogLevel.Warning,
        "Snapshot {Path} cannot be used ({Problem}); an older one and the log replace it, or the start is refused")]
    internal static partial void SnapshotDamaged(this ILogger logger, string path, string problem);
}
