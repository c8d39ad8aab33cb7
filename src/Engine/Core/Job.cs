using System.Runtime.CompilerServices;
using Engine.Core.Scheduling;

namespace Engine.Core;

/// <summary>What the core keeps of a job. Changed by <see cref="EngineCore.Apply"/> only.</summary>
/// <remarks>
/// One object a job, also for its place in a heap (lane, due or overdue queue: never two at once), in two lists (its
/// lane's jobs, its user's jobs), in the table and in the rings that have it, because a million waiting jobs should
/// cost a few hundred bytes each and nothing per operation. What few jobs have lives in <see cref="JobDetails"/>.
/// </remarks>
internal sealed class Job : HeapNode
{
    internal JobId Id;
    internal UserAccount User = null!;
    internal Lane Lane = null!;
    internal ReadOnlyMemory<byte> Payload;
    internal JobDetails? Details;

    /// <summary>The order in which jobs were submitted, from 1; the cursor of lists.</summary>
    internal long Sequence;

    /// <summary>The order in which the job entered: the submission's, or a new one after each failed run.</summary>
    internal long EntrySequence;

    internal OrderKey Key;

    /// <summary>The key of <see cref="NextInLane"/>, so that a lane moves on without a look at a job that is far
    /// away.</summary>
    internal OrderKey NextKeyInLane;
    internal Instant SubmittedAt;
    internal Instant EnteredAt;

    /// <summary>Scheduled: not before; awaiting confirmation: not after.</summary>
    internal Instant DueAt;

    internal Instant StartedAt;
    internal Instant RunStartedAt;
    internal Instant FinishedAt;
    internal long RunEpoch;
    internal long LastEventId;

    /// <summary>What its run holds slots by, 0 when it holds none.</summary>
    internal long Ticket;
    internal int ChargedDay;
    internal int DeferredOnDay = NeverDeferred;
    internal int Runs;
    internal int IterationsUsed;
    internal int IterationsGranted;

    /// <summary>The size of the last confirmed batch, 0 when none was.</summary>
    internal int LastGrant;
    internal ushort Boost;
    internal JobState State;
    internal WaitKind ScheduledWhy;
    internal byte Priority;
    internal byte Retries;
    internal byte LostRuns;
    internal sbyte StageIndex = NoStage;
    internal sbyte Progress = -1;
    internal bool CancelRequested;
    internal bool IsOverdue;

    /// <summary>One of <see cref="JobMilestones"/>.</summary>
    internal bool IsMilestone;

    /// <summary>Its object's number in the <see cref="JobTable"/>, which sets it: negative while the object stands for
    /// no job, 0 when it has none.</summary>
    internal int TableNumber;

    /// <summary>Half of its id's hash there.</summary>
    internal uint TableHash;

    /// <summary>The image (<see cref="Imaging.ImageTaker"/>) that has it, or that it came too late for.</summary>
    internal int ImageNumber;

    /// <summary>Where <see cref="EngineState.Live"/> has it.</summary>
    internal int LivePlace;

    /// <summary>Where <see cref="EngineState.Leases"/> has it.</summary>
    internal int LeasePlace;

    /// <summary>When its lease ends there.</summary>
    internal long LeaseEndsMs;

    /// <summary>Means nothing in the first of its lane.</summary>
    internal Job? PreviousInLane;
    internal Job? NextInLane;
    internal Job? PreviousOfUser;

    /// <summary>Means nothing in the oldest of the user's jobs: see <see cref="Older"/>.</summary>
    internal Job? NextOfUser;

    internal const int NeverDeferred = int.MinValue;
    internal const sbyte NoStage = -1;

    internal JobTypeEntry Type => Lane.Type;

    internal Project? Project => Lane.Project;

    internal TierEntry Tier => Lane.Tier;

    internal RunLease Lease => new(Id, Runs, RunEpoch) { Hint = this };

    /// <summary>What it carries for its owner, in bytes. Of a job that has ended it stays the same.</summary>
    internal long Bytes => Payload.Length
        + (Details is { } details ? (long)details.Result.Length + details.Checkpoint.Length : 0);

    /// <summary>Asks for the memory that tells its neighbours among its user's jobs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void PrefetchUserLinks() => Prefetch.Place(ref NextOfUser);

    /// <summary>Asks for the memory that tells who comes after it in its lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void PrefetchLaneLinks()
    {
        Prefetch.Place(ref NextInLane);
        Prefetch.Place(ref NextKeyInLane);
    }

    /// <summary>The job before it of its user, if that is kept.</summary>
    internal Job? Older => ReferenceEquals(this, User.OldestJob) ? null : NextOfUser;

    /// <summary>Never started: cancelling it gives its allowance back (design 4).</summary>
    internal bool NeverStarted => Runs == 0;

    /// <summary>Forgets everything, so that the object can stand for another job.</summary>
    internal void Reset()
    {
        Invariant.Holds(HeapSlot == Outside && Ticket == 0 && TableNumber <= 0);
        Id = default;
        User = null!;
        Lane = null!;
        Payload = default;
        Details = null;
        Sequence = EntrySequence = RunEpoch = LastEventId = 0;
        Key = NextKeyInLane = default;
        SubmittedAt = EnteredAt = DueAt = StartedAt = RunStartedAt = FinishedAt = default;
        ChargedDay = Runs = IterationsUsed = IterationsGranted = LastGrant = 0;
        DeferredOnDay = NeverDeferred;
        Boost = 0;
        State = JobState.None;
        ScheduledWhy = default;
        Priority = Retries = LostRuns = 0;
        StageIndex = NoStage;
        Progress = -1;
        CancelRequested = IsOverdue = IsMilestone = false;
        PreviousInLane = NextInLane = PreviousOfUser = NextOfUser = null;
    }
}

/// <summary>What only some jobs have.</summary>
internal sealed class JobDetails
{
    internal string Message = "";
    internal string? Error;
    internal string? DebugId;
    internal ReadOnlyMemory<byte> Result;
    internal ReadOnlyMemory<byte> Checkpoint;

    internal JobDetails Copy() => (JobDetails)MemberwiseClone();
}
