using Engine.Core.Scheduling;

namespace Engine.Core.Imaging;

/// <summary>What a snapshot keeps of a job, by value: everything but what it refers to.</summary>
/// <remarks>Without references, so that a million of them can lie where the collector does not look.</remarks>
internal readonly struct JobFacts(Job job)
{
    internal readonly long Sequence = job.Sequence;
    internal readonly long LastEventId = job.LastEventId;

    private readonly JobId _id = job.Id;
    private readonly long _entrySequence = job.EntrySequence;
    private readonly long _runEpoch = job.RunEpoch;
    private readonly Instant _submittedAt = job.SubmittedAt;
    private readonly Instant _enteredAt = job.EnteredAt;
    private readonly Instant _dueAt = job.DueAt;
    private readonly Instant _startedAt = job.StartedAt;
    private readonly Instant _runStartedAt = job.RunStartedAt;
    private readonly Instant _finishedAt = job.FinishedAt;
    private readonly int _chargedDay = job.ChargedDay;
    private readonly int _deferredOnDay = job.DeferredOnDay;
    private readonly int _runs = job.Runs;
    private readonly int _iterationsUsed = job.IterationsUsed;
    private readonly int _iterationsGranted = job.IterationsGranted;
    private readonly int _lastGrant = job.LastGrant;
    private readonly ushort _boost = job.Boost;
    private readonly byte _scheduledWhy = (byte)job.ScheduledWhy;
    private readonly byte _priority = job.Priority;
    private readonly byte _retries = job.Retries;
    private readonly byte _lostRuns = job.LostRuns;
    private readonly sbyte _stageIndex = job.StageIndex;
    private readonly sbyte _progress = job.Progress;
    private readonly bool _cancelRequested = job.CancelRequested;

    // Among the small ones: in front it would cost eight bytes.
    internal readonly JobState State = job.State;

    /// <summary>Puts them into a job that nobody else knows.</summary>
    internal void PutInto(Job job)
    {
        (job.Id, job.Sequence, job.EntrySequence) = (_id, Sequence, _entrySequence);
        (job.LastEventId, job.RunEpoch) = (LastEventId, _runEpoch);
        (job.SubmittedAt, job.EnteredAt, job.DueAt) = (_submittedAt, _enteredAt, _dueAt);
        (job.StartedAt, job.RunStartedAt, job.FinishedAt) = (_startedAt, _runStartedAt, _finishedAt);
        (job.ChargedDay, job.DeferredOnDay, job.Runs) = (_chargedDay, _deferredOnDay, _runs);
        (job.IterationsUsed, job.IterationsGranted, job.LastGrant) = (_iterationsUsed, _iterationsGranted, _lastGrant);
        (job.Boost, job.State, job.ScheduledWhy) = (_boost, State, (WaitKind)_scheduledWhy);
        (job.Priority, job.Retries, job.LostRuns) = (_priority, _retries, _lostRuns);
        (job.StageIndex, job.Progress, job.CancelRequested) = (_stageIndex, _progress, _cancelRequested);
    }
}

/// <summary>What a snapshot keeps of a job by reference. The payload never changes; details do, and are
/// copied.</summary>
internal readonly record struct JobReferences(Lane Lane, ReadOnlyMemory<byte> Payload, JobDetails? Details)
{
    internal static JobReferences Of(Job job) => new(job.Lane, job.Payload, job.Details?.Copy());

    /// <summary>Puts them into a job that nobody else knows.</summary>
    internal void PutInto(Job job) =>
        (job.Lane, job.User, job.Payload, job.Details) = (Lane, Lane.Owner, Payload, Details);
}
