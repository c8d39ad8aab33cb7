using System.Text.Json;
using System.Text.Json.Serialization;
using Engine.Host.Json;

namespace Engine.Host.Endpoints;

/// <summary>A user's counters (LA-13).</summary>
internal sealed record UsageBody(
    int JobsUsed, int JobsRemaining, int IterationsUsed, int IterationsRemaining, DateTimeOffset DailyLimitResetsAt)
{
    internal static UsageBody From(UsageCounters usage) => new(
        usage.JobsUsed, usage.JobsRemaining, usage.IterationsUsed, usage.IterationsRemaining, usage.DailyLimitResetsAt);
}

/// <summary>The answer to GET /api/usage.</summary>
internal sealed record UsageAnswer(string? Tier, UsageBody Usage);

/// <summary>A wait estimate.</summary>
internal sealed record WaitBody(
    long EstimateSeconds, long LowerBound, long UpperBound, string Message, string Confidence)
{
    internal static WaitBody? From(WaitEstimate? estimate) =>
        estimate is { } e
            ? new(e.Seconds, e.LowerSeconds, e.UpperSeconds, e.Message, e.Confidence switch
            {
                EstimateConfidence.Low => "low",
                EstimateConfidence.Medium => "medium",
            })
            : null;
}

/// <summary>The answer to a submission.</summary>
internal sealed record SubmittedBody
{
    public required string JobId { get; init; }

    public required string Status { get; init; }

    public required long Position { get; init; }

    public required WaitBody? EstimatedWait { get; init; }

    public required UsageBody Usage { get; init; }

    public required string Message { get; init; }

    public required string State { get; init; }

    public required DateTimeOffset? ScheduledFor { get; init; }
}

/// <summary>What a job waits for.</summary>
internal sealed record WaitingForBody(
    string Kind, string Name, long Used, long Capacity, string? FreedBy, DateTimeOffset? Until)
{
    internal static WaitingForBody? From(WaitReason? reason)
    {
        if (reason is null)
        {
            return null;
        }

        // Whose job holds the slot is told by the engine only when it is the caller's own.
        string kind = JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.Kind.ToString());
        return new(kind, reason.Name, reason.Used, reason.Capacity, reason.FreedBy?.ToString(), reason.Until);
    }
}

/// <summary>A job: the seed's five fields first, then ours.</summary>
internal sealed record JobBody
{
    public required string JobId { get; init; }

    public required string Status { get; init; }

    public required long Position { get; init; }

    public required string Message { get; init; }

    public required UsageBody Usage { get; init; }

    public required string State { get; init; }

    public required string StatusLabel { get; init; }

    public required string Type { get; init; }

    public string? ProjectId { get; init; }

    public required string Tier { get; init; }

    public int Priority { get; init; }

    public WaitBody? EstimatedWait { get; init; }

    public WaitingForBody? WaitingFor { get; init; }

    public DateTimeOffset? ScheduledFor { get; init; }

    public DateTimeOffset SubmittedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    public int Runs { get; init; }

    public bool CancelRequested { get; init; }

    public int? ProgressPercent { get; init; }

    public int IterationsGranted { get; init; }

    public DateTimeOffset? ConfirmBefore { get; init; }

    public JsonElement? Result { get; init; }

    public string? ErrorMessage { get; init; }

    public string? DebugId { get; init; }

    public long LastEventId { get; init; }

    /// <param name="job">The job.</param>
    /// <param name="usage">The caller's counters under the plan they have now, where that is not the job's.</param>
    /// <param name="withResult">Whether to carry the result along: lists do not.</param>
    internal static JobBody From(JobView job, UsageCounters? usage, bool withResult) => new()
    {
        JobId = job.Id.ToString(),
        Status = job.Status,
        Position = job.Position,
        Message = job.Message,
        Usage = UsageBody.From(usage is { } now
            ? now with
            {
                IterationsUsed = job.Usage.IterationsUsed,
                IterationsRemaining = job.Usage.IterationsRemaining,
            }
            : job.Usage),
        State = job.State.WireName,
        StatusLabel = job.StatusLabel,
        Type = job.Type,
        ProjectId = job.ProjectId,
        Tier = job.Tier,
        Priority = job.Priority,
        EstimatedWait = WaitBody.From(job.Estimate),
        WaitingFor = WaitingForBody.From(job.WaitingFor),
        ScheduledFor = job.ScheduledFor,
        SubmittedAt = job.SubmittedAt,
        StartedAt = job.StartedAt,
        FinishedAt = job.FinishedAt,
        Runs = job.Runs,
        CancelRequested = job.CancelRequested,
        ProgressPercent = job.ProgressPercent,
        IterationsGranted = job.IterationsGranted,
        ConfirmBefore = job.ConfirmBefore,
        Result = withResult ? JsonOf(job.Result) : null,
        ErrorMessage = job.Error,
        DebugId = job.DebugId,
        LastEventId = job.LastEventId,
    };

    private static JsonElement? JsonOf(ReadOnlyMemory<byte> json)
    {
        if (json.IsEmpty)
        {
            return null;
        }

        try
        {
            var element = JsonElement.Parse(json.Span);
            JsonText.Check(element);
            return element;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // A handler may produce what it likes. What is no JSON, or could not be written again, is shown as the text
            // it is.
            return JsonSerializer.SerializeToElement(
                System.Text.Encoding.UTF8.GetString(json.Span), Wire.Json.String);
        }
    }
}

/// <summary>A page of jobs, newest first.</summary>
internal sealed record JobListBody(IReadOnlyList<JobBody> Jobs, string? NextCursor);

/// <summary>The answer to a confirmation.</summary>
internal sealed record ConfirmedBody(string JobId, int IterationsGranted, UsageBody Usage);

/// <summary>The answer to a cancellation.</summary>
internal sealed record CancelledBody(string JobId, string Status, string Message);

/// <summary>Part of a log.</summary>
internal sealed record LogPageBody(IReadOnlyList<LogLineBody> Lines, bool HasMore, string? OldestId);

/// <summary>One line. Ids are text, because clients compare them and do not count with them.</summary>
internal sealed record LogLineBody(string Id, DateTimeOffset Ts, string Source, string Text, string? Phase)
{
    internal static LogLineBody From(RunLogs.RunLogLine line) => new(
        line.Id.ToString(System.Globalization.CultureInfo.InvariantCulture),
        line.Timestamp,
        line.Source,
        line.Text,
        line.Phase);
}

/// <summary>The queue as a whole.</summary>
internal sealed record QueueBody(
    long Queued,
    long Running,
    long Scheduled,
    long AwaitingConfirmation,
    long GlobalCap,
    long Stale,
    IReadOnlyList<TierQueueBody> Tiers)
{
    internal static QueueBody From(QueueSummary queue) => new(
        queue.Queued,
        queue.Running,
        queue.Scheduled,
        queue.AwaitingConfirmation,
        queue.GlobalCap,
        queue.Stale,
        [.. queue.Tiers.Select(TierQueueBody.From)]);
}

/// <summary>One tier's part of the queue.</summary>
internal sealed record TierQueueBody(
    string Tier,
    long Scheduled,
    long Queued,
    long Running,
    long AwaitingConfirmation,
    long Completed,
    long Failed,
    long Cancelled,
    WaitBody? EstimatedWait)
{
    internal static TierQueueBody From(TierSummary tier) => new(
        tier.Tier,
        tier.Scheduled,
        tier.Queued,
        tier.Running,
        tier.AwaitingConfirmation,
        tier.Completed,
        tier.Failed,
        tier.Cancelled,
        WaitBody.From(tier.NextEstimate));
}

/// <summary>How the host is.</summary>
/// <param name="Status">One word.</param>
internal sealed record HealthBody(string Status)
{
    /// <summary>Where the host is that serves, when this one stands by for it and knows.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Owner { get; init; }

    /// <summary>How far the engine's clock is ahead of the wall clock, when that has gone back by more than a
    /// minute.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? ClockLeadSeconds { get; init; }
}
