using System.Text;

namespace Engine.Tests.Model;

/// <content>What happens to jobs.</content>
internal sealed partial class ReferenceEngine
{
    // ---- submission ------------------------------------------------------------------------------------------------

    internal SubmitResult Submit(Engine.Core.Rules.Submission request)
    {
        if (request.Key is { } key && _answers.TryGetValue((request.UserId, key), out var kept)
            && NowMs < kept.ExpiresMs)
        {
            return kept.Fingerprint == request.Fingerprint
                ? kept.Answer with { Repeated = true }
                : Refused(RefusalReason.IdempotencyKeyReused, nameof(JobRequest.IdempotencyKey));
        }

        if (TypeOf(request.Type) is not { } type)
        {
            return Refused(RefusalReason.UnknownType, nameof(JobRequest.Type));
        }

        if (request.Resources?.All(Options.Resources.ContainsKey) == false)
        {
            return Refused(RefusalReason.Invalid, nameof(JobRequest.Resources));
        }

        bool isOwned = request.ProjectId is { } project && Kept.Any(job => job.Project == project);
        if (isOwned && !Options.SharedProjects && _projectOwners[request.ProjectId!] != request.UserId)
        {
            return Refused(RefusalReason.ProjectNotOwned, nameof(JobRequest.ProjectId));
        }

        if (Find(request.Id) is not null)
        {
            return Refused(RefusalReason.DuplicateId, nameof(JobRequest.Id));
        }

        var tier = TierOf(request.Tier);
        int? day = Charged(request.UserId, Today) < tier.DailyLimit
            ? Today
            : FirstDayWithRoom(request.UserId, tier, Today + Options.MaxDaysAhead);
        if (day is null)
        {
            return Refused(RefusalReason.ScheduleFull) with { Usage = Usage(request.UserId, tier, 0) };
        }

        if (day == Today && Queued >= Options.GlobalCap)
        {
            return Refused(RefusalReason.GlobalCapReached);
        }

        Fact();
        var job = new ReferenceJob
        {
            Id = request.Id,
            User = request.UserId,
            Project = request.ProjectId,
            Tier = tier.Name,
            Boost = tier.Boost,
            Type = type.Name,
            Resources = [.. type.Resources.Concat(request.Resources ?? []).Distinct().Order(StringComparer.Ordinal)],
            Priority = request.Priority,
            Payload = Encoding.UTF8.GetString(request.Payload.Span),
            Sequence = ++_entries,
            Entry = _entries,
            EnteredMs = NowMs,
            SubmittedMs = NowMs,
            Granted = Math.Min(tier.IterationDepth, tier.IterationCap),
            ChargedDay = day.Value,
            State = JobState.Queued,
        };
        if (day != Today)
        {
            (job.State, job.Why, job.DeferredOn) = (JobState.Scheduled, WaitKind.DailyAllowance, Today);
            job.DueMs = DueOn(day.Value, job.Id);
        }

        if (!isOwned && request.ProjectId is { } newProject)
        {
            _projectOwners[newProject] = request.UserId;
        }

        Jobs.Add(job);
        int position = Queue.IndexOf(job) + 1;
        var answer = new SubmitResult
        {
            Outcome = position > 0 ? SubmitOutcome.Queued : SubmitOutcome.Scheduled,
            JobId = job.Id,
            Position = position,
            Estimate = position > 0 ? Estimate(tier, position) : null,
            ScheduledFor = position > 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(job.DueMs),
            Usage = Usage(job.User, tier, 0),
        };
        if (request.Key is { } newKey)
        {
            long expires = NowMs + (long)Options.IdempotencyWindow.TotalMilliseconds;
            _answers[(job.User, newKey)] = new ReferenceAnswer(request.Fingerprint, expires, answer);
        }

        return answer;
    }

    private static SubmitResult Refused(RefusalReason reason, string? field = null) => new()
    {
        Outcome = SubmitOutcome.Refused,
        Refusal = new Refusal { Reason = reason, Message = "", Field = field },
    };

    private int? FirstDayWithRoom(string user, Tier tier, int last)
    {
        for (int day = Today + 1; day <= last; day++)
        {
            if (Charged(user, day) < tier.DailyLimit)
            {
                return day;
            }
        }

        return null;
    }

    private long DueOn(int day, JobId id) =>
        (day * DayMs) + (long)(id.Seed % ((ulong)Options.ReleaseJitter.TotalMilliseconds + 1));

    // ---- release ---------------------------------------------------------------------------------------------------

    /// <summary>What waits for an instant that has come goes on: suspended jobs fail, scheduled ones enter the queue as
    /// long as there is room, in the order of the queue.</summary>
    internal void Release()
    {
        var timedOut = Jobs.Where(job => job.State == JobState.AwaitingConfirmation && job.DueMs <= NowMs);
        foreach (var job in timedOut.OrderBy(job => job.DueMs).ThenBy(job => job.Sequence).ToList())
        {
            job.HasError = true;
            job.DebugId = null;
            End(job, JobState.Failed);
        }

        while (Queued < Options.GlobalCap
            && InOrder(job => job.State == JobState.Scheduled && job.DueMs <= NowMs).FirstOrDefault() is { } job)
        {
            ReleaseOne(job);
        }
    }

    private void ReleaseOne(ReferenceJob job)
    {
        Fact();
        if (job.Why == WaitKind.DailyAllowance && job.ChargedDay < Today)
        {
            // It missed its day, so it needs room on this one.
            var tier = TierOf(job.Tier);
            if (Charged(job.User, Today) >= tier.DailyLimit)
            {
                job.ChargedDay = FirstDayWithRoom(job.User, tier, int.MaxValue - 1)!.Value;
                job.DueMs = DueOn(job.ChargedDay, job.Id);
                return;
            }

            job.ChargedDay = Today;
        }

        if (job.Why == WaitKind.RetryDelay)
        {
            job.Entry = ++_entries;
            job.EnteredMs = NowMs;
        }

        job.State = JobState.Queued;
    }

    // ---- runs ------------------------------------------------------------------------------------------------------

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
            job.LeaseEndsMs = MonotonicMs + (long)Options.LeaseDuration.TotalMilliseconds;
            job.Stage = 0;
            job.Progress = null;
            runs.Add((job.Lease, job));
        }

        return runs;
    }

    private ReferenceJob? Holder(RunLease lease) => OpenRuns.FirstOrDefault(job => job.Lease == lease);

    internal LeaseAnswer EndRun(RunLease lease, RunOutcome outcome)
    {
        if (Holder(lease) is not { } job)
        {
            return LeaseAnswer.LeaseLost;
        }

        if (job.CancelRequested)
        {
            EndCancelled(job);
            return LeaseAnswer.CancelRequested;
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
        if (Holder(lease) is not { } job)
        {
            return LeaseAnswer.LeaseLost;
        }

        if (job.CancelRequested)
        {
            return LeaseAnswer.CancelRequested;
        }

        job.LeaseEndsMs = MonotonicMs + (long)Options.LeaseDuration.TotalMilliseconds;
        return LeaseAnswer.Accepted;
    }

    internal LeaseAnswer MoveToStage(RunLease lease, string stage)
    {
        if (Holder(lease) is not { } job)
        {
            return LeaseAnswer.LeaseLost;
        }

        if (job.CancelRequested)
        {
            return LeaseAnswer.CancelRequested;
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
        if (Holder(lease) is not { } job)
        {
            return LeaseAnswer.LeaseLost;
        }

        if (job.CancelRequested)
        {
            return LeaseAnswer.CancelRequested;
        }

        Fact();
        job.Progress = percent;
        return LeaseAnswer.Accepted;
    }

    internal IterationAnswer Iterate(RunLease lease)
    {
        if (Holder(lease) is not { } job)
        {
            return IterationAnswer.LeaseLost;
        }

        if (job.CancelRequested)
        {
            return IterationAnswer.CancelRequested;
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

    // ---- owners ----------------------------------------------------------------------------------------------------

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

    // ---- retention -------------------------------------------------------------------------------------------------

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
