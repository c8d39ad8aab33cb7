using System.Text.Json.Serialization;

namespace Engine.Host.Streams;

/// <summary>The first frame of <c>/stream</c>: the job as it was when watching began.</summary>
internal sealed record SnapshotFrame(string JobId, string Status, string Message, string State, long Position);

/// <summary>One event of a job (A-T12 to A-T15).</summary>
internal sealed record UpdateFrame(
    string Type,
    string JobId,
    string Status,
    string Stage,
    string StageLabel,
    string Message,
    DateTimeOffset Timestamp,
    string State)
{
    /// <summary>Every change of status carries this type, ready and failed included (seed-semantics 1.4).</summary>
    internal const string StageStarted = "build.stage.started";

    /// <summary>Percent done, when that is what changed.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Percent { get; init; }

    /// <summary>True when events before this one are no longer known: what follows starts from here.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Resync { get; init; }

    /// <summary>Iterations used, when one began.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? IterationsUsed { get; init; }

    internal static UpdateFrame From(JobUpdate update) => new(
        update.Kind switch
        {
            JobUpdateKind.Status or JobUpdateKind.Resync => StageStarted,
            JobUpdateKind.Progress => "job.progress",
            JobUpdateKind.Iteration => "job.iteration.started",
        },
        update.JobId.ToString(),
        update.Status,
        update.Status,
        update.StatusLabel,
        update.Message,
        update.At,
        update.State.WireName)
    {
        Percent = update.Kind == JobUpdateKind.Progress ? update.Value : null,
        Resync = update.Kind == JobUpdateKind.Resync ? true : null,
        IterationsUsed = update.Kind == JobUpdateKind.Iteration ? update.Value : null,
    };

    /// <summary>The state of a job as if it had just begun: what a stream starts with.</summary>
    internal static UpdateFrame From(JobView job, DateTimeOffset now) => new(
        StageStarted,
        job.Id.ToString(),
        job.Status,
        job.Status,
        job.StatusLabel,
        job.Message,
        job.FinishedAt ?? now,
        job.State.WireName);
}

/// <summary>The last frame of a log stream.</summary>
internal sealed record DoneFrame(string Status);
