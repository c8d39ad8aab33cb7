using System.Text;

namespace Engine.Tests.Model;

/// <content>What workers are given, and what they say of it.</content>
internal sealed partial class ReferenceEngine
{
    internal List<(RunLease Lease, ReferenceJob Job)> Claim(IReadOnlyCollection<string> types, int max)
    {
        var runs = new List<(RunLease, ReferenceJob)>();
        while (runs.Count < max && Next(types) is { } job)
        {
            Fact();
            job.State = JobState.Running;
            job.Runs++;
            job.Epoch = Epoch;
            job.RunNumber = ++_runs;
            job.RunStartedMs = NowMs;
            job.StartedMs = job.Runs == 1 ? NowMs : job.StartedMs;
            Lease(job);
            job.Stage = 0;
            job.Progress = null;
            runs.Add((job.Lease, job));
        }

        return runs;
    }

    /// <summary>What whoever has a lease is told before anything else: that it is lost, that its run should stop, or
    /// nothing of the kind. There is no job only when it is lost.</summary>
    private LeaseAnswer Hear(RunLease lease, out ReferenceJob job)
    {
        var holder = OpenRuns.FirstOrDefault(each => each.Lease == lease);
        job = holder!;
        return holder switch
        {
            null => LeaseAnswer.LeaseLost,
            { CancelRequested: true } => LeaseAnswer.CancelRequested,
            _ => LeaseAnswer.Accepted,
        };
    }

    internal LeaseAnswer EndRun(RunLease lease, RunOutcome outcome)
    {
        var answer = Hear(lease, out var job);
        if (answer == LeaseAnswer.CancelRequested)
        {
            EndCancelled(job);
        }

        if (answer != LeaseAnswer.Accepted)
        {
            return answer;
        }

        var type = TypeOf(job.Type)!;
        switch (outcome)
        {
            case RunOutcome.Completed when type.Pipeline is { } pipeline && job.Stage < pipeline.Stages.Count - 1:
                return LeaseAnswer.IllegalMove;
            case RunOutcome.Suspended when job.Used < job.Granted:
                return LeaseAnswer.IllegalMove;
            case RunOutcome.Completed completed:
                var tier = TierOf(job.Tier);
                double seconds = (NowMs - job.RunStartedMs) / 1000.0;
                _averageSeconds[tier.Name] = (0.3 * seconds) + (0.7 * AverageSeconds(tier));
                job.Result = Encoding.UTF8.GetString(completed.Result.Span);
                (job.HasError, job.DebugId) = (false, null);
                End(job, JobState.Completed);
                break;
            case RunOutcome.Failed failed:
                (job.HasError, job.DebugId) = (true, failed.DebugId);
                if (failed.Retryable && job.Retries < type.MaxRetries)
                {
                    Fact();
                    job.State = JobState.Scheduled;
                    job.Why = WaitKind.RetryDelay;
                    job.DueMs = NowMs + (long)(type.RetryDelay.TotalMilliseconds * Math.Pow(2, job.Retries));
                }
                else
                {
                    End(job, JobState.Failed);
                }

                job.Retries++;
                break;
            case RunOutcome.Suspended suspended:
                Fact();
                (job.HasError, job.DebugId) = (false, null);
                job.Checkpoint = Encoding.UTF8.GetString(suspended.Checkpoint.Span);
                job.State = JobState.AwaitingConfirmation;
                job.DueMs = NowMs + (long)Options.ConfirmationTimeout.TotalMilliseconds;
                break;
            case RunOutcome.Stopped:
                Requeue(job);
                (job.HasError, job.DebugId) = (false, null);
                break;
            default:
                throw new InvalidOperationException($"No such outcome: {outcome}.");
        }

        return LeaseAnswer.Accepted;
    }

    private void Lose(ReferenceJob job)
    {
        if (job.CancelRequested)
        {
            EndCancelled(job);
        }
        else if (job.Lost++ < TypeOf(job.Type)!.MaxLostRuns)
        {
            (job.HasError, job.DebugId) = (false, null);
            Requeue(job);
        }
        else
        {
            (job.HasError, job.DebugId) = (true, null);
            End(job, JobState.Failed);
        }
    }

    /// <summary>Back to its original place; or, when the queue is full, to wait for room.</summary>
    private void Requeue(ReferenceJob job)
    {
        Fact();
        if (Queued < Options.GlobalCap)
        {
            job.State = JobState.Queued;
        }
        else
        {
            (job.State, job.Why, job.DueMs) = (JobState.Scheduled, WaitKind.GlobalCap, NowMs);
        }
    }

    private void EndCancelled(ReferenceJob job)
    {
        (job.HasError, job.DebugId) = (false, null);
        End(job, JobState.Cancelled);
    }

    private void End(ReferenceJob job, JobState state)
    {
        Fact();
        job.State = state;
        job.FinishedMs = NowMs;
        Ended.Add(job);
    }

    internal LeaseAnswer Heartbeat(RunLease lease)
    {
        var answer = Hear(lease, out var job);
        if (answer == LeaseAnswer.Accepted)
        {
            Lease(job);
        }

        return answer;
    }

    internal LeaseAnswer MoveToStage(RunLease lease, string stage)
    {
        if (Hear(lease, out var job) is var answer and not LeaseAnswer.Accepted)
        {
            return answer;
        }

        var names = TypeOf(job.Type)!.Pipeline?.Stages.Select(each => each.Name).ToList() ?? [];
        int to = names.IndexOf(stage);
        bool isLoop = to >= 0 && TypeOf(job.Type)!.Pipeline!.Loops
            .Any(loop => loop.From == names[job.Stage] && loop.To == stage);
        if (to < 0 || (to != job.Stage + 1 && !isLoop))
        {
            return LeaseAnswer.IllegalMove;
        }

        Fact();
        job.Stage = to;
        return LeaseAnswer.Accepted;
    }

    internal LeaseAnswer Report(RunLease lease, int percent)
    {
        var answer = Hear(lease, out var job);
        if (answer == LeaseAnswer.Accepted)
        {
            Fact();
            job.Progress = percent;
        }

        return answer;
    }

    internal IterationAnswer Iterate(RunLease lease)
    {
        if (Hear(lease, out var job) is var answer and not LeaseAnswer.Accepted)
        {
            return answer == LeaseAnswer.LeaseLost ? IterationAnswer.LeaseLost : IterationAnswer.CancelRequested;
        }

        if (job.Used >= TierOf(job.Tier).IterationCap)
        {
            return IterationAnswer.CapReached;
        }

        if (job.Used >= job.Granted)
        {
            return IterationAnswer.Suspend;
        }

        Fact();
        job.Used++;
        return IterationAnswer.Granted;
    }

    private void Lease(ReferenceJob job)
    {
        job.LeaseEndsMs = MonotonicMs + (long)Options.LeaseDuration.TotalMilliseconds;
        job.LeaseNumber = ++_leases;
    }
}
