namespace Engine.Tests.Model;

/// <content>What owners ask of their jobs, and what is forgotten.</content>
internal sealed partial class ReferenceEngine
{
    internal CancelOutcome Cancel(JobId id)
    {
        if (Find(id) is not { } job)
        {
            return CancelOutcome.NotFound;
        }

        if (job.State.IsFinal)
        {
            return CancelOutcome.AlreadyFinal;
        }

        if (job.State == JobState.Running)
        {
            if (!job.CancelRequested)
            {
                Fact();
                job.CancelRequested = true;
            }

            return CancelOutcome.Requested;
        }

        // What never started cost nothing.
        job.GaveBack = job.Runs == 0;
        EndCancelled(job);
        return CancelOutcome.Cancelled;
    }

    internal (ConfirmOutcome Outcome, int Granted) Confirm(JobId id)
    {
        if (Find(id) is not { } job)
        {
            return (ConfirmOutcome.NotFound, 0);
        }

        var tier = TierOf(job.Tier);
        if (job.State.IsFinal)
        {
            return (ConfirmOutcome.NotAwaiting, 0);
        }

        if (job.Used >= tier.IterationCap)
        {
            return (ConfirmOutcome.CapReached, 0);
        }

        if (job.State != JobState.AwaitingConfirmation)
        {
            return job.LastGrant > 0 && job.Granted - job.Used == job.LastGrant
                ? (ConfirmOutcome.Confirmed, job.LastGrant)
                : (ConfirmOutcome.NotAwaiting, 0);
        }

        job.LastGrant = Math.Min(tier.IterationDepth, tier.IterationCap - job.Granted);
        job.Granted += job.LastGrant;
        Requeue(job);
        return (ConfirmOutcome.Confirmed, job.LastGrant);
    }

    internal void Retain()
    {
        while (Ended.FirstOrDefault() is { } oldest
            && (Ended.Count > Options.RetentionCount
                || oldest.FinishedMs + (long)Options.RetentionTime.TotalMilliseconds <= NowMs))
        {
            Fact();
            oldest.IsForgotten = true;
            Ended.RemoveAt(0);
        }
    }
}
