using Engine.Core.Scheduling;

namespace Engine.Core.Rules;

/// <summary>Hands the next job to a worker: its run, its lease and all its slots are one fact (DA-7, DA-12,
/// A4).</summary>
internal static class Claiming
{
    /// <summary>Starts the best job for these types that may run, or returns null when none may.</summary>
    internal static Job? Decide(EngineCore core, ReadOnlySpan<JobTypeEntry> types, long epoch)
    {
        if (LaneBoard.FindNext(types) is not { } lane)
        {
            return null;
        }

        var job = lane.Jobs.First;
        ref var started = ref core.Common.Started;
        started.JobId = job.Id;
        started.KnownJob = job;
        started.Run = job.Runs + 1;
        started.Epoch = epoch;
        started.Stage = job.Type.Policy?.Pipeline is null ? Job.NoStage : 0;
        core.Emit(started);
        return job;
    }

    internal static Job ApplyStarted(EngineCore core, in JobEvent e)
    {
        var job = core.JobOf(e);
        Invariant.Holds(e.Run == job.Runs + 1);
        job.Runs = e.Run;
        job.RunEpoch = e.Epoch;
        job.RunStartedAt = core.State.Now;
        job.StageIndex = (sbyte)e.Stage;
        job.Progress = -1;
        if (job.Details is { } details)
        {
            // What was said while it waited, or of the run before, is not said of this one.
            details.Message = "";
        }

        if (e.Run == 1)
        {
            job.StartedAt = core.State.Now;
        }

        JobMoves.Move(core.State, job, JobState.Running);
        return job;
    }
}
