using System.Runtime.CompilerServices;

namespace Engine.Core.Rules;

/// <summary>The end of a run: its slots, its job's next state and what it left are one fact.</summary>
/// <remarks>What seldom happens is kept out of line: inlined, each event of it would be cleared on every common end
/// too.
/// </remarks>
internal static class Finishing
{
    /// <summary>Asks for the memory that the end of a run will need. Changes nothing.</summary>
    internal static void Prepare(EngineCore core, in RunLease lease, int step)
    {
        // The hint may stand for another job by now, or for another engine's: it is only asked for.
        switch (step)
        {
            case 0:
                Prefetch.Object(lease.Hint, lines: 5);
                break;
            case 2 when lease.Hint is Job job:
                core.State.Live.Prefetch(job);
                core.State.Leases.Prefetch(job);
                Prefetch.Object(job.Lane, lines: 2);
                Prefetch.Object(job.User, lines: 3);
                break;
            case 3 when lease.Hint is Job job:
                Prefetch.Object(job.Lane?.Project, lines: 2);
                break;
            default:
                break;
        }
    }

    /// <summary>Ends the run that a worker holds. A completion out of turn is refused; a stale one changes
    /// nothing.</summary>
    internal static LeaseAnswer Decide(EngineCore core, in RunLease lease, RunOutcome outcome)
    {
        if (core.HolderOf(lease) is not { } job)
        {
            return LeaseAnswer.LeaseLost;
        }

        // Whatever the run says now, its owner was promised that it would not complete (L7).
        if (job.CancelRequested && !Planted.Is(PlantedBug.CancelledRunCompletes))
        {
            Cancel(core, job);
            return LeaseAnswer.CancelRequested;
        }

        switch (outcome)
        {
            case RunOutcome.Completed completed:
                if (job.Type.Policy?.Pipeline is { } pipeline && job.StageIndex != pipeline.Stages.Count - 1)
                {
                    return LeaseAnswer.IllegalMove;
                }

                ref var ended = ref core.Common.Completed;
                ended.JobId = job.Id;
                ended.KnownJob = job;
                ended.Payload = completed.Result;
                core.Emit(ended);

                // Learned once decided. A start learns from what the state keeps: of forgotten runs there is no event.
                core.Estimator.Record(job.Tier.Policy, core.State.Now.Since(job.RunStartedAt));
                break;
            case RunOutcome.Failed failed:
                Fail(core, job, failed);
                break;
            case RunOutcome.Suspended suspended:
                if (job.IterationsUsed < job.IterationsGranted)
                {
                    return LeaseAnswer.IllegalMove;
                }

                Suspend(core, job, suspended.Checkpoint);
                break;
            case RunOutcome.Stopped:
                GiveBack(core, job, RunEnd.Stopped, "Interrupted, queued again");
                break;
            default:
                throw new InvariantViolationException($"An outcome of type {outcome.GetType()} reached the core.");
        }

        return LeaseAnswer.Accepted;
    }

    /// <summary>Ends a run whose worker is gone: the job keeps its place, unless it lost too many (DA-7,
    /// DA-13).</summary>
    internal static void Lose(EngineCore core, Job job)
    {
        if (job.CancelRequested)
        {
            Cancel(core, job);
        }
        else if (job.LostRuns < (job.Type.Policy?.MaxLostRuns ?? 3))
        {
            GiveBack(core, job, RunEnd.Lost, "Worker lost, queued again");
        }
        else
        {
            core.Emit(new JobEvent
            {
                Kind = EventKind.RunEnded,
                JobId = job.Id,
                End = RunEnd.Lost,
                State = JobState.Failed,
                Message = "Worker lost too often",
                Error = "The job lost its worker too often.",
            });
        }
    }

    /// <summary>Sends a job back to the queue, or to wait for room when the cap is reached (A1).</summary>
    internal static void Requeue(EngineCore core, ref JobEvent e)
    {
        bool room = core.State.Queued < core.Settings.GlobalCap;
        e.State = room ? JobState.Queued : JobState.Scheduled;
        e.DueMs = room ? 0 : core.State.Now.Ms;
        e.Why = room ? default : WaitKind.GlobalCap;
    }

    internal static Job ApplyRunEnded(EngineCore core, in JobEvent e)
    {
        var job = core.JobOf(e);
        if (job.Details is not null || e.Message is not null || e.Error is not null || e.DebugId is not null
            || !e.Payload.IsEmpty)
        {
            var details = job.Details ??= new JobDetails();
            details.Message = e.Message ?? details.Message;
            details.Error = e.Error;
            details.DebugId = e.DebugId;
            details.Checkpoint = e.End == RunEnd.Suspended ? e.Payload : details.Checkpoint;
            details.Result = e.End == RunEnd.Completed ? e.Payload : default;
        }

        switch (e.End)
        {
            case RunEnd.Completed:
                job.Tier.Completed(core.State.Now.Ms - job.RunStartedAt.Ms);
                break;
            case RunEnd.Failed:
                job.Retries++;
                break;
            case RunEnd.Lost:
                job.LostRuns++;
                if (Planted.Is(PlantedBug.LostRunLosesItsPlace))
                {
                    job.EntrySequence = ++core.State.LastSequence;
                }

                break;
            case RunEnd.Suspended or RunEnd.Stopped:
                break;
            case RunEnd.None:
                throw new InvariantViolationException("A run ended in no way.");
        }

        MoveOn(core, job, e);
        return job;
    }

    /// <summary>Moves a job to the state that the event says.</summary>
    internal static void MoveOn(EngineCore core, Job job, in JobEvent e)
    {
        if (e.State is JobState.Scheduled or JobState.AwaitingConfirmation)
        {
            job.DueAt = new Instant(e.DueMs);
            job.ScheduledWhy = e.Why;
        }

        JobMoves.Move(core.State, job, e.State);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Suspend(EngineCore core, Job job, ReadOnlyMemory<byte> checkpoint) => core.Emit(new JobEvent
    {
        Kind = EventKind.RunEnded,
        JobId = job.Id,
        End = RunEnd.Suspended,
        State = JobState.AwaitingConfirmation,
        DueMs = core.State.Now.Add(core.Settings.ConfirmationTimeout).Ms,
        Why = WaitKind.Confirmation,
        Message = "Awaiting confirmation",
        Payload = checkpoint,
    });

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Cancel(EngineCore core, Job job) => core.Emit(new JobEvent
    {
        Kind = EventKind.RunEnded,
        JobId = job.Id,
        End = RunEnd.Stopped,
        State = JobState.Cancelled,
        Message = Cancelling.Message,
    });

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fail(EngineCore core, Job job, RunOutcome.Failed failed)
    {
        var policy = job.Type.Policy;
        var ended = new JobEvent
        {
            Kind = EventKind.RunEnded,
            JobId = job.Id,
            End = RunEnd.Failed,
            State = JobState.Failed,
            Message = $"Job failed - debug_id: {failed.DebugId}. {Shortened(failed.Error, 200)}",
            Error = failed.Error,
            DebugId = failed.DebugId,
        };

        int retries = policy?.MaxRetries ?? 0;
        retries += Planted.Is(PlantedBug.OneRetryTooMany) ? 1 : Planted.Is(PlantedBug.GivenUpTooEarly) ? -1 : 0;
        if (failed.Retryable && job.Retries < retries)
        {
            var delay = Planted.Is(PlantedBug.RetryTooEarly) ? TimeSpan.Zero : RetryDelay(policy!, job.Retries);
            ended.State = JobState.Scheduled;
            ended.DueMs = core.State.Now.Add(delay).Ms;
            ended.Why = WaitKind.RetryDelay;
        }

        core.Emit(ended);
    }

    private static TimeSpan RetryDelay(JobType type, int retries)
    {
        // Compared before the shift, because afterwards it may have overflowed.
        var longest = TimeSpan.FromDays(1);
        int doublings = Math.Min(retries, 40);
        return type.RetryDelay.Ticks > longest.Ticks >> doublings ? longest : type.RetryDelay * (1L << doublings);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void GiveBack(EngineCore core, Job job, RunEnd end, string message)
    {
        var ended = new JobEvent { Kind = EventKind.RunEnded, JobId = job.Id, End = end, Message = message };
        Requeue(core, ref ended);
        core.Emit(ended);
    }

    private static string Shortened(string text, int length)
    {
        if (text.Length <= length)
        {
            return text;
        }

        // Not between the two halves of a character.
        return text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];
    }
}
