using Engine.Core.Rules;

namespace Engine.Simulation.Audit;

/// <summary>What the model says of a submission.</summary>
internal record struct SubmitExpectation(SubmitOutcome Outcome, RefusalReason? Reason, ModelAnswer? Repeated)
{
    internal bool IsStopping;
    internal long Position;

    /// <summary>What the user has used of the day right after the decision, and what the tier allows.</summary>
    internal int Used;
    internal int DailyLimit;
}

/// <content>What calls must be answered, and what answers may cause.</content>
internal sealed partial class Witness
{
    internal SubmitExpectation Expect(in Submission submission)
    {
        if (submission.Key is { } key && Model.Answers.TryGetValue((submission.UserId, key), out var kept)
            && Model.NowMs < kept.ExpiresMs)
        {
            return kept.Fingerprint == submission.Fingerprint
                ? new SubmitExpectation(kept.Outcome, null, kept)
                : Refusal(RefusalReason.IdempotencyKeyReused);
        }

        if (Model.TypeOf(submission.Type) is null)
        {
            return Refusal(RefusalReason.UnknownType);
        }

        foreach (string resource in submission.Resources ?? [])
        {
            if (!Model.Options.Resources.ContainsKey(resource))
            {
                return Refusal(RefusalReason.Invalid);
            }
        }

        if (submission.ProjectId is { } project && !Model.Options.SharedProjects
            && Model.OwnerOf(project) is { } owner && owner != submission.UserId)
        {
            return Refusal(RefusalReason.ProjectNotOwned);
        }

        if (submission.IdIsGiven && Model.Find(submission.Id) is not null)
        {
            return Refusal(RefusalReason.DuplicateId);
        }

        var tier = Model.TierOf(submission.Tier);
        if (Model.Charged(submission.UserId, Model.Today) < tier.DailyLimit)
        {
            return Model.Queued.Count < Model.Options.GlobalCap
                ? new SubmitExpectation(SubmitOutcome.Queued, null, null)
                : Refusal(RefusalReason.GlobalCapReached);
        }

        return Model.FirstDayWithRoom(submission.UserId, tier.DailyLimit, Model.Today
            + Model.Options.MaxDaysAhead) is null
            ? Refusal(RefusalReason.ScheduleFull)
            : new SubmitExpectation(SubmitOutcome.Scheduled, null, null);
    }

    /// <summary>Right after the decision, when the queue is as the answer must say.</summary>
    internal void NotePosition(in Submission submission, ref SubmitExpectation expected, long caused)
    {
        (expected.Used, expected.DailyLimit) =
            (Model.UsedOn(submission.UserId, Model.Today), Model.TierOf(submission.Tier).DailyLimit);
        if (caused > 0 && !IsSuperseded && Model.Find(submission.Id) is { State: JobState.Queued } job
            && Spend(Model.Queued.Count))
        {
            expected.Position = Model.PositionOf(job);
        }
    }

    internal void CheckSubmit(in Submission submission, in SubmitExpectation expected, in SubmitResult result,
        long caused)
    {
        if (IsSuperseded)
        {
            return;
        }

        var reason = expected.IsStopping && expected.Repeated is null
            && expected.Reason != RefusalReason.IdempotencyKeyReused
            ? RefusalReason.Stopping
            : expected.Reason;
        var outcome = reason is null ? expected.Outcome : SubmitOutcome.Refused;
        if (result.Outcome != outcome || result.Refusal?.Reason != reason)
        {
            string invariant = expected.Repeated is not null ? "W5" : reason == RefusalReason.GlobalCapReached ? "A1"
                : "A5";
            Fail(invariant,
                $"{submission.Id} of {submission.UserId} was {result.Outcome} ({result.Refusal?.Reason}), where "
                + $"{outcome} ({reason}) follows.");
            return;
        }

        int events = outcome == SubmitOutcome.Refused || expected.Repeated is not null ? 0 : submission.Key is null
            ? 1 : 2;
        if (caused != events)
        {
            Fail(events == 0 ? "A2" : "D8",
                $"{submission.Id} was {outcome}, and caused {caused} events instead of {events}.");
        }

        if (expected.Repeated is { } kept)
        {
            if (result.JobId != kept.JobId || !result.Repeated)
            {
                Fail("W5", $"The key of {kept.JobId} was answered with {result.JobId}.");
            }

            Saw(kept.IsFromBefore ? Corner.KeyRepeatedAfterRestart : Corner.KeyRepeated);
            return;
        }

        if (reason is { } refused)
        {
            SawRefusal(refused);
            return;
        }

        CheckUsage(submission.Id, result.Usage, expected.Used, expected.DailyLimit);

        if (result.JobId != submission.Id || (expected.Position > 0 && result.Position != expected.Position))
        {
            Fail("O5", $"{submission.Id} was told to be number {result.Position}; it is {expected.Position}.");
        }

        if (result.Usage.JobsUsed < 1 || (result.Estimate is { } estimate
            && (estimate.LowerSeconds > estimate.Seconds || estimate.Seconds > estimate.UpperSeconds)))
        {
            Fail("O5", $"{submission.Id} was told {result.Usage} and {result.Estimate}.");
        }
    }

    internal LeaseAnswer ExpectEnd(in RunLease lease, RunOutcome outcome)
    {
        if (HolderOf(lease) is not { } job)
        {
            return LeaseAnswer.LeaseLost;
        }

        if (job.CancelRequested)
        {
            return LeaseAnswer.CancelRequested;
        }

        bool isTooEarly = outcome switch
        {
            RunOutcome.Completed => Model.TypeOf(job.Type)?.Pipeline is { } pipeline
                && job.Stage != pipeline.Stages.Count - 1,
            RunOutcome.Suspended => job.Used < job.Granted,
            _ => false,
        };
        return isTooEarly ? LeaseAnswer.IllegalMove : LeaseAnswer.Accepted;
    }

    /// <summary>What any other word under a lease is answered, when its content is all right.</summary>
    internal LeaseAnswer ExpectWord(in RunLease lease) => HolderOf(lease) switch
    {
        null => LeaseAnswer.LeaseLost,
        { CancelRequested: true } => LeaseAnswer.CancelRequested,
        _ => LeaseAnswer.Accepted,
    };

    internal LeaseAnswer ExpectStage(in RunLease lease, string stage)
    {
        var answer = ExpectWord(lease);
        if (answer != LeaseAnswer.Accepted)
        {
            return answer;
        }

        var job = Model.Find(lease.JobId)!;
        int to = Model.TypeOf(job.Type)?.Pipeline?.IndexOf(stage) ?? -1;
        return StageAllows(job, to) ? LeaseAnswer.Accepted : LeaseAnswer.IllegalMove;
    }

    internal IterationAnswer ExpectIteration(in RunLease lease)
    {
        var job = Model.Find(lease.JobId);
        return ExpectWord(lease) switch
        {
            LeaseAnswer.LeaseLost => IterationAnswer.LeaseLost,
            LeaseAnswer.CancelRequested => IterationAnswer.CancelRequested,
            _ when job!.Used >= Model.TierOf(job.Tier).IterationCap => IterationAnswer.CapReached,
            _ => job.Used >= job.Granted ? IterationAnswer.Suspend : IterationAnswer.Granted,
        };
    }

    internal CancelOutcome ExpectCancel(JobId id) => Model.Find(id)?.State switch
    {
        null => CancelOutcome.NotFound,
        JobState.Running => CancelOutcome.Requested,
        { IsFinal: true } => CancelOutcome.AlreadyFinal,
        _ => CancelOutcome.Cancelled,
    };

    internal ConfirmOutcome ExpectConfirm(JobId id)
    {
        if (Model.Find(id) is not { } job)
        {
            return ConfirmOutcome.NotFound;
        }

        if (job.State.IsFinal)
        {
            return ConfirmOutcome.NotAwaiting;
        }

        if (job.Used >= Model.TierOf(job.Tier).IterationCap)
        {
            return ConfirmOutcome.CapReached;
        }

        bool untouched = job.LastGrant > 0 && job.Granted - job.Used == job.LastGrant;
        return job.State == JobState.AwaitingConfirmation || untouched ? ConfirmOutcome.Confirmed
            : ConfirmOutcome.NotAwaiting;
    }

    /// <summary>What a view of a job must show.</summary>
    internal (JobState, int, int)? ExpectView(JobId id) =>
        Model.Find(id) is not { } job ? null
        : (job.State, job.State == JobState.Queued ? Model.PositionOf(job) : 0, job.Runs);

    internal void CheckAnswer<T>(string call, T expected, T actual, long caused, int mayCause)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            Fail(InvariantOf(expected, actual), $"{call} was answered {actual}, where {expected} follows.");
        }
        else if (caused > mayCause)
        {
            Fail("A2", $"{call} was answered {actual}, and caused {caused} events.");
        }
    }

    internal void NoteEnd(in RunLease lease, RunOutcome outcome, LeaseAnswer answer)
    {
        if (IsSuperseded)
        {
            return;
        }

        if (answer == LeaseAnswer.LeaseLost)
        {
            inquest.StaleRefused++;
            Saw(Corner.StaleCompletionRefused);
        }
        else if (answer == LeaseAnswer.IllegalMove)
        {
            Saw(Corner.StageRefused);
        }
        else if (answer == LeaseAnswer.CancelRequested)
        {
            inquest.Ledger.Ended(lease.JobId, JobState.Cancelled);
        }
        else if (outcome is RunOutcome.Completed)
        {
            inquest.Ledger.Ended(lease.JobId, JobState.Completed);
        }
        else if (outcome is RunOutcome.Failed { Retryable: true } && Model.Find(lease.JobId)?.State == JobState.Failed)
        {
            Saw(Corner.RetriesExhausted);
        }
    }

    /// <summary>What a worker is given is what its job's submitter gave, in every run (L10).</summary>
    internal void CheckHandedOut(ClaimedRun run)
    {
        if (!IsSuperseded && HolderOf(run.Lease) is { } job && !run.Payload.Span.SequenceEqual(job.Payload.Span))
        {
            Fail("L10",
                $"Run {run.Lease.Run} of {job.Id} was given {run.Payload.Length} other bytes than the "
                + $"{job.Payload.Length} that were submitted.");
        }
    }

    /// <summary>A heartbeat was accepted, or a run was handed out: its lease begins anew.</summary>
    internal void Renewed(in RunLease lease)
    {
        if (!IsSuperseded && HolderOf(lease) is { } job)
        {
            job.LeaseEndsMs = MonotonicMs + (long)Model.Options.LeaseDuration.TotalMilliseconds;
        }
    }

    /// <summary>An answer leaves the engine: everything it shows is durable (D3), nothing is said after a doubt (D5),
    /// and
    /// nobody who was superseded tells of anything new (D7).</summary>
    internal void CheckPublished(long eventsSeen, long caused, bool hasFailed)
    {
        if (IsSuperseded)
        {
            if (caused > 0 && eventsSeen > _supersededAt)
            {
                Fail("D7", "An owner that had been superseded acknowledged something new.");
            }
        }
        else if (eventsSeen > inquest.DurableEvents)
        {
            // What was durable before the doubt may still be told after it.
            Fail(hasFailed ? "D5" : "D3", $"An answer shows event {eventsSeen}; {inquest.DurableEvents} are durable.");
        }
    }

    private ModelJob? HolderOf(in RunLease lease) =>
        Model.Find(lease.JobId) is { } job && job.Holds(lease) ? job : null;

    private static string InvariantOf<T>(T expected, T actual) => (expected, actual) switch
    {
        (LeaseAnswer.LeaseLost, _) => "L5",
        (LeaseAnswer.CancelRequested, _) => "L7",
        (IterationAnswer, _) or (ConfirmOutcome, _) => "A8",
        (CancelOutcome, _) => "L6",
        (ValueTuple<JobState, int, int>, _) => "O5",
        _ => "L1",
    };

    private static SubmitExpectation Refusal(RefusalReason reason) => new(SubmitOutcome.Refused, reason, null);

    private void SawRefusal(RefusalReason reason)
    {
        Corner? corner = reason switch
        {
            RefusalReason.GlobalCapReached => Corner.CapRefused,
            RefusalReason.ScheduleFull => Corner.ScheduleFull,
            RefusalReason.IdempotencyKeyReused => Corner.KeyReusedRefused,
            RefusalReason.UnknownType => Corner.UnknownType,
            RefusalReason.ProjectNotOwned => Corner.ProjectNotOwned,
            RefusalReason.DuplicateId => Corner.DuplicateIdRefused,
            RefusalReason.Invalid => Corner.HostileName,
            RefusalReason.Stopping => null,
        };
        if (corner is { } seen)
        {
            Saw(seen);
        }
    }
}
