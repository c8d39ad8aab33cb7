namespace Engine.Core.Rules;

/// <summary>Iterations in batches: a run asks before each; at the end of a batch the job waits for its owner
/// (DA-22).</summary>
internal static class Iterating
{
    internal static IterationAnswer DecideBegin(EngineCore core, in RunLease lease)
    {
        if (core.HolderOf(lease) is not { } job)
        {
            return IterationAnswer.LeaseLost;
        }

        if (job.CancelRequested)
        {
            return IterationAnswer.CancelRequested;
        }

        if (job.IterationsUsed >= job.Tier.Policy.IterationCap)
        {
            return IterationAnswer.CapReached;
        }

        if (job.IterationsUsed >= job.IterationsGranted
            && !(job.IterationsUsed == job.IterationsGranted && Planted.Is(PlantedBug.IterationCapOffByOne)))
        {
            return IterationAnswer.Suspend;
        }

        core.Emit(new JobEvent { Kind = EventKind.IterationStarted, JobId = job.Id });
        return IterationAnswer.Granted;
    }

    internal static (ConfirmOutcome Outcome, int Granted) DecideConfirm(EngineCore core, Job job)
    {
        var tier = job.Tier.Policy;
        if (job.State.IsFinal)
        {
            return (ConfirmOutcome.NotAwaiting, 0);
        }

        if (job.IterationsUsed >= tier.IterationCap)
        {
            return (ConfirmOutcome.CapReached, 0);
        }

        if (job.State == JobState.Queued && job.LastGrant > 0 && Planted.Is(PlantedBug.ConfirmedTwiceGrantsTwice))
        {
            job.IterationsGranted += job.LastGrant;
        }

        if (job.State != JobState.AwaitingConfirmation)
        {
            // A second confirmation of the same batch finds it granted and untouched: one grant, the same answer.
            int untouched = job.IterationsGranted - job.IterationsUsed;
            return job.LastGrant > 0 && untouched == job.LastGrant
                ? (ConfirmOutcome.Confirmed, job.LastGrant)
                : (ConfirmOutcome.NotAwaiting, 0);
        }

        int batch = Math.Min(tier.IterationDepth, tier.IterationCap - job.IterationsGranted);
        batch = Math.Max(batch, 1);
        var confirmed = new JobEvent
        {
            Kind = EventKind.JobConfirmed,
            JobId = job.Id,
            Count = batch,
            Message = "Next iterations confirmed",
        };
        Finishing.Requeue(core, ref confirmed);
        if (!Planted.Is(PlantedBug.ConfirmedButNotRecorded))
        {
            core.Emit(confirmed);
        }

        return (ConfirmOutcome.Confirmed, batch);
    }

    /// <summary>Fails a job whose confirmation never came (LA-17).</summary>
    internal static void Expire(EngineCore core, Job job) => core.Emit(new JobEvent
    {
        Kind = EventKind.JobEnded,
        JobId = job.Id,
        State = JobState.Failed,
        Message = "Confirmation timed out",
        Error = "The next iterations were not confirmed in time.",
    });

    internal static Job ApplyStarted(EngineCore core, in JobEvent e)
    {
        var job = core.JobOf(e);
        job.IterationsUsed++;
        return job;
    }

    internal static Job ApplyConfirmed(EngineCore core, in JobEvent e)
    {
        var job = core.JobOf(e);
        job.IterationsGranted += e.Count;
        job.LastGrant = e.Count;
        Releasing.SetMessage(job, e.Message);
        Finishing.MoveOn(core, job, e);
        return job;
    }
}
