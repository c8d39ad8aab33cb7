namespace Engine.Core.Rules;

/// <summary>What a run says while it works.</summary>
internal static class Reporting
{
    internal static LeaseAnswer DecideStage(EngineCore core, in RunLease lease, string stage, string? message)
    {
        if (core.HolderOf(lease) is not { } job)
        {
            return LeaseAnswer.LeaseLost;
        }

        if (job.CancelRequested)
        {
            return LeaseAnswer.CancelRequested;
        }

        int to = job.Type.Policy?.Pipeline?.IndexOf(stage) ?? -1;
        if (to < 0 || !job.Type.Policy!.Pipeline!.Allows(job.StageIndex, to))
        {
            return LeaseAnswer.IllegalMove;
        }

        core.Emit(new JobEvent { Kind = EventKind.StageEntered, JobId = job.Id, Stage = to, Message = message });
        return LeaseAnswer.Accepted;
    }

    internal static LeaseAnswer DecideProgress(EngineCore core, in RunLease lease, int percent, string? message)
    {
        if (core.HolderOf(lease) is not { } job)
        {
            return LeaseAnswer.LeaseLost;
        }

        if (job.CancelRequested)
        {
            return LeaseAnswer.CancelRequested;
        }

        core.Emit(new JobEvent
        {
            Kind = EventKind.ProgressReported,
            JobId = job.Id,
            Count = percent,
            Message = message,
        });
        return LeaseAnswer.Accepted;
    }

    internal static Job ApplyStage(EngineCore core, in JobEvent e)
    {
        var job = core.JobOf(e);
        job.StageIndex = (sbyte)e.Stage;
        Releasing.SetMessage(job, e.Message);
        return job;
    }

    internal static Job ApplyProgress(EngineCore core, in JobEvent e)
    {
        var job = core.JobOf(e);
        job.Progress = (sbyte)e.Count;
        Releasing.SetMessage(job, e.Message);
        return job;
    }
}
