using Engine.Core;

namespace Engine.Storage;

/// <summary>One event of a frame, for people and their tools. What a kind of event does not have is null.</summary>
/// <remarks>For reading journals, not for building on them: kinds and fields come and go with versions of the
/// library.</remarks>
public sealed record JournalEventView
{
    /// <summary>What happened, in lower case with underscores: <c>job_submitted</c>, <c>run_started</c>...</summary>
    public required string Kind { get; init; }

    /// <summary>The job it happened to.</summary>
    public JobId? JobId { get; init; }

    /// <summary>The state the job is in afterwards, by its name on the wire.</summary>
    public string? State { get; init; }

    /// <summary>Not before (scheduled) or not after (awaiting confirmation).</summary>
    public DateTimeOffset? Due { get; init; }

    /// <summary>What the job waits for.</summary>
    public string? Why { get; init; }

    /// <summary>The day whose allowance is charged.</summary>
    public DateOnly? Day { get; init; }

    /// <summary>Percent done, iterations granted, or jobs forgotten, by the kind of event.</summary>
    public int? Count { get; init; }

    /// <summary>The job's type.</summary>
    public string? Type { get; init; }

    /// <summary>The job's owner.</summary>
    public string? User { get; init; }

    /// <summary>The job's project.</summary>
    public string? Project { get; init; }

    /// <summary>The job's tier.</summary>
    public string? Tier { get; init; }

    /// <summary>The named resources that the job needs a slot of.</summary>
    public IReadOnlyList<string>? Resources { get; init; }

    /// <summary>The job's own priority.</summary>
    public int? Priority { get; init; }

    /// <summary>The run, counted from 1.</summary>
    public int? Run { get; init; }

    /// <summary>The run's epoch, its fencing token.</summary>
    public long? Epoch { get; init; }

    /// <summary>The stage of the job type's pipeline, counted from 0.</summary>
    public int? Stage { get; init; }

    /// <summary>How the run came to its end.</summary>
    public string? End { get; init; }

    /// <summary>What people were told.</summary>
    public string? Message { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; init; }

    /// <summary>What to quote when asking for help.</summary>
    public string? DebugId { get; init; }

    /// <summary>The order in force from now on.</summary>
    public string? Ordering { get; init; }

    /// <summary>The key under which the answer to the submission is kept.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>The size of the payload, result or checkpoint, in bytes.</summary>
    public int? PayloadBytes { get; init; }

    /// <summary>The payload, result or checkpoint.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Reads the events of a frame.</summary>
    /// <exception cref="JournalDamagedException">The payload is not that of a frame of events that this build
    /// knows.</exception>
    public static IReadOnlyList<JournalEventView> ReadAll(in JournalFrame frame)
    {
        var views = new List<JournalEventView>();
        var reader = new ByteReader(frame.Payload.Span);
        for (int i = 0; i < frame.EventCount; i++)
        {
            EventCodec.Read(ref reader, out var e);
            views.Add(From(e));
        }

        return reader.Remaining == 0
            ? views
            : throw new JournalDamagedException(
                $"Frame {frame.Sequence} has {reader.Remaining} bytes more than its {frame.EventCount} events.");
    }

    private static JournalEventView From(in JobEvent e)
    {
        bool isSubmission = e.Kind == EventKind.JobSubmitted;
        bool hasJob = e.Kind is not (EventKind.JobsPurged or EventKind.OrderingChanged);
        return new JournalEventView
        {
            Kind = Wire(e.Kind.ToString()),
            JobId = hasJob ? e.JobId : null,
            State = e.State == JobState.None ? null : e.State.WireName,
            Due = e.DueMs is 0 or long.MaxValue ? null : DateTimeOffset.FromUnixTimeMilliseconds(e.DueMs),
            Why = e.Why == 0 ? null : Wire(e.Why.ToString()),
            Day = e.Day == 0 ? null : DateOnly.FromDateTime(DateTime.UnixEpoch.AddDays(e.Day)),
            Count = HasCount(e.Kind) ? e.Count : null,
            Type = e.Type,
            User = e.User,
            Project = e.Project,
            Tier = e.Tier,
            Resources = e.Resources,
            Priority = isSubmission ? e.Priority : null,
            Run = e.Kind == EventKind.RunStarted ? e.Run : null,
            Epoch = e.Kind == EventKind.RunStarted ? e.Epoch : null,
            Stage = e.Kind is (EventKind.RunStarted or EventKind.StageEntered) && e.Stage >= 0 ? e.Stage : null,
            End = e.End == RunEnd.None ? null : Wire(e.End.ToString()),
            Message = e.Message,
            Error = e.Error,
            DebugId = e.DebugId,
            Ordering = e.Kind == EventKind.OrderingChanged ? Wire(e.Ordering.ToString()) : null,
            IdempotencyKey = e.Answer?.Key,
            PayloadBytes = isSubmission || !e.Payload.IsEmpty ? e.Payload.Length : null,
            Payload = e.Payload,
        };
    }

    private static bool HasCount(EventKind kind) => kind is EventKind.JobSubmitted or EventKind.ProgressReported
        or EventKind.JobConfirmed or EventKind.JobsPurged;

    /// <summary>Lower case, words joined by underscores.</summary>
    private static string Wire(string name) => string.Concat(name.Select((c, i) =>
        char.IsUpper(c) ? (i == 0 ? "" : "_") + char.ToLowerInvariant(c) : c.ToString()));
}
