using System.Globalization;

namespace Engine;

/// <summary>What an engine found when it started.</summary>
public sealed record RecoveryReport
{
    /// <summary>Events that the state stands for: all there ever were.</summary>
    public required long Events { get; init; }

    /// <summary>Frames that were read from the journal.</summary>
    public required long ReplayedFrames { get; init; }

    /// <summary>Events that were read from the journal: those after the snapshot.</summary>
    public required long ReplayedEvents { get; init; }

    /// <summary>The last frame that the snapshot included, which the start began with; 0 when it began with nothing.</summary>
    public required long SnapshotSequence { get; init; }

    /// <summary>The size of that snapshot, in bytes.</summary>
    public required long SnapshotBytes { get; init; }

    /// <summary>From taking the journal over to deciding again.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Runs that were open, whose workers are gone.</summary>
    public required int LostRuns { get; init; }

    /// <summary>How many of the <see cref="LostRuns"/> will be tried again; the others failed or were cancelled.</summary>
    public required int RetriedRuns { get; init; }

    /// <summary>Jobs that have not ended.</summary>
    public required int LiveJobs { get; init; }

    /// <summary>Ended jobs that are kept.</summary>
    public required int EndedJobs { get; init; }

    /// <summary>For people: "recovered 1,204,331 events in 0.9 s; 14 runs lost their worker, 12 will retry".</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"recovered {Events:N0} events in {Duration.TotalSeconds:0.0##} s; " +
        $"{LostRuns:N0} {(LostRuns == 1 ? "run" : "runs")} lost {(LostRuns == 1 ? "its" : "their")} worker, " +
        $"{RetriedRuns:N0} will retry");
}
