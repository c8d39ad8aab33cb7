namespace Engine.Core.Rules;

/// <summary>Withdrawing a job: at once while it waits, by way of its run while it works (DA-16, DA-17, L6,
/// L7).</summary>
internal static class Cancelling
{
    internal const string Message = "Cancelled by user";

    internal static CancelOutcome Decide(EngineCore core, Job job)
    {
        if (job.State.IsFinal)
        {
            if (Planted.Is(PlantedBug.TerminalChangedTwice))
            {
                job.State = JobState.Cancelled;
            }

            return CancelOutcome.AlreadyFinal;
        }

        if (job.State != JobState.Running)
        {
            core.Emit(new JobEvent
            {
                Kind = EventKind.JobEnded,
                JobId = job.Id,
                State = JobState.Cancelled,
                Message = Message,
            });
            return CancelOutcome.Cancelled;
        }

        if (!job.CancelRequested)
        {
            core.Emit(new JobEvent { Kind = EventKind.CancelRequested, JobId = job.Id, Message = "Cancelling" });
        }

        return CancelOutcome.Requested;
    }

    internal static Job ApplyRequested(EngineCore core, in JobEvent e)
    {
        var job = core.JobOf(e);
        job.CancelRequested = true;
        Releasing.SetMessage(job, e.Message);
        return job;
    }

    internal static Job ApplyEnded(EngineCore core, in JobEvent e)
    {
        var job = core.JobOf(e);
        var details = job.Details ??= new JobDetails();
        details.Message = e.Message ?? details.Message;
        details.Error = e.Error;
        details.DebugId = e.DebugId;

        // It cost nobody anything: the day it was charged to has room again (design 4).
        if (e.State == JobState.Cancelled && job.NeverStarted && !Planted.Is(PlantedBug.AllowanceKeptOnCancel))
        {
            job.User.Allowance.Refund(job.ChargedDay);
            if (job.DeferredOnDay != Job.NeverDeferred)
            {
                job.User.Allowance.RefundDeferral(job.DeferredOnDay);
            }
        }

        JobMoves.Move(core.State, job, e.State);
        return job;
    }
}
