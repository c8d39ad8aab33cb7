using Engine.Core.Scheduling;

namespace Engine.Core;

/// <summary>Moves a job from one state to another and keeps every index true: the only place that does.</summary>
internal static class JobMoves
{
    /// <summary>Lets a new job in. Its fields are set, its state is not.</summary>
    internal static void Admit(EngineState state, Job job, JobState to)
    {
        Link(state, job);
        state.Live.Add(job);
        Move(state, job, to);
    }

    /// <summary>Puts a job back as it was, its state included. Jobs come in the order in which they were submitted;
    /// those that have ended are put into the list of ended jobs by the caller, in the order in which they
    /// ended.</summary>
    internal static void Restore(EngineState state, Job job)
    {
        Link(state, job);
        if (job.State.IsFinal)
        {
            return;
        }

        state.Live.Add(job);
        state.Counts[(int)job.State]++;
        if (job.State == JobState.Running)
        {
            TakeSlots(state, job);
        }

        Enter(state, job);
    }

    private static void Link(EngineState state, Job job)
    {
        state.Jobs.Add(job);
        job.Lane.References++;
        job.NextOfUser = job.User.NewestJob;
        if (job.User.NewestJob is { } newest)
        {
            newest.PreviousOfUser = job;
        }
        else
        {
            job.User.OldestJob = job;
        }

        job.User.NewestJob = job;
        job.User.JobCount++;
        if (++job.User.SinceMilestone == JobMilestones.Distance)
        {
            job.User.SinceMilestone = 0;
            (job.User.Milestones ??= new JobMilestones()).Add(job);
        }
    }

    internal static void Move(EngineState state, Job job, JobState to)
    {
        Invariant.Holds(JobTransitions.Allows(job.State, to));

        // Slots first: leaving the lane lets in those who wait for what is left of them.
        if (to == JobState.Running)
        {
            TakeSlots(state, job);
        }

        Leave(state, job);
        if (job.State != JobState.None)
        {
            state.Counts[(int)job.State]--;
            job.Tier.Counts[(int)job.State]--;
        }

        job.State = to;
        job.Tier.Counts[(int)to]++;
        if (to.IsFinal)
        {
            state.Live.Remove(job);
            state.AddEnded(job);
            job.FinishedAt = state.Now;
            job.DueAt = default;
        }
        else
        {
            state.Counts[(int)to]++;
            Enter(state, job);
        }
    }

    /// <summary>Gives a scheduled job another instant.</summary>
    internal static void Reschedule(EngineState state, Job job, Instant dueAt)
    {
        Invariant.Holds(job.State == JobState.Scheduled);
        Leave(state, job);
        job.DueAt = dueAt;
        Enter(state, job);
    }

    /// <summary>Takes scheduled jobs whose instant has come to those that only wait for room.</summary>
    internal static void MarkOverdue(EngineState state, Job job)
    {
        state.Due.Remove(job);
        job.IsOverdue = true;
        state.Overdue.Add(KeyOf(state, job), job);
    }

    /// <summary>The job's place in the queue, by the order that is in force.</summary>
    internal static OrderKey KeyOf(EngineState state, Job job) => OrderKey.For(
        state.Ordering, job.Boost, job.Priority, job.EntrySequence, job.EnteredAt.Ms, state.HeadStartMs);

    private static void Enter(EngineState state, Job job)
    {
        if (job.State == JobState.Queued)
        {
            job.DueAt = default;
        }

        if (state.IsLedger)
        {
            return;
        }

        switch (job.State)
        {
            case JobState.Queued:
                job.Key = KeyOf(state, job);
                state.Positions.Add(job.Key);
                LaneBoard.Add(job);
                break;
            case JobState.Scheduled or JobState.AwaitingConfirmation:
                state.Due.Add(DueKey(job), job);
                break;
            case JobState.Running:
                // The deadline follows as soon as somebody holds the run; until then it must not pass.
                state.Leases.Add(job);
                break;
            default:
                break;
        }
    }

    private static void Leave(EngineState state, Job job)
    {
        if (state.IsLedger)
        {
            return;
        }

        switch (job.State)
        {
            case JobState.Queued:
                state.Positions.Remove(job.Key);
                LaneBoard.Remove(job);
                break;
            case JobState.Scheduled or JobState.AwaitingConfirmation:
                (job.IsOverdue ? state.Overdue : state.Due).Remove(job);
                job.IsOverdue = false;
                break;
            case JobState.Running:
                state.Leases.Remove(job);
                ReleaseSlots(job);
                break;
            default:
                break;
        }
    }

    private static OrderKey DueKey(Job job) => new((ulong)job.DueAt.Ms, (ulong)job.Sequence);

    private static void TakeSlots(EngineState state, Job job)
    {
        if (state.IsLedger)
        {
            return;
        }

        job.Ticket = state.NextTicket();
        var lane = job.Lane;
        lane.Owner.Take(job);
        lane.Project?.Take(job);
        foreach (var limit in lane.ResourceLimits)
        {
            limit.Take(job);
        }
    }

    private static void ReleaseSlots(Job job)
    {
        job.Ticket = 0;
        var lane = job.Lane;
        Limit? kept = null;
        if (job.CancelRequested && Planted.Is(PlantedBug.LeakedSlotOnCancel))
        {
            return;
        }

        if (job.CancelRequested && Planted.Is(PlantedBug.CancelReleasesSomeSlots))
        {
            kept = lane.Limits.Last();
        }

        foreach (var limit in lane.ResourceLimits)
        {
            Release(limit, kept);
        }

        Release(lane.Project, kept);
        Release(lane.Owner, kept);
    }

    private static void Release(Limit? limit, Limit? kept)
    {
        if (limit is not null && !ReferenceEquals(limit, kept))
        {
            limit.Release();
            LaneBoard.SlotFreed(limit);
        }
    }
}
