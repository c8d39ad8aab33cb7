namespace Engine.Simulation.Audit;

/// <content>What words about jobs and runs must be answered, and what answers may cause.</content>
internal sealed partial class Witness
{
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

    internal (CancelOutcome Outcome, int Events) ExpectCancel(JobId id, string? user)
    {
        var job = Model.Find(id);
        return job is null || (user is not null && job.User != user) ? (CancelOutcome.NotFound, 0)
            : job.State.IsFinal ? (CancelOutcome.AlreadyFinal, 0)
            : job.State == JobState.Running ? (CancelOutcome.Requested, job.CancelRequested ? 0 : 1)
            : (CancelOutcome.Cancelled, 1);
    }

    internal (ConfirmOutcome Outcome, int Events) ExpectConfirm(JobId id)
    {
        if (Model.Find(id) is not { } job)
        {
            return (ConfirmOutcome.NotFound, 0);
        }

        if (job.State.IsFinal)
        {
            return (ConfirmOutcome.NotAwaiting, 0);
        }

        if (job.Used >= Model.TierOf(job.Tier).IterationCap)
        {
            return (ConfirmOutcome.CapReached, 0);
        }

        bool untouched = job.LastGrant > 0 && job.Granted - job.Used == job.LastGrant;
        return job.State == JobState.AwaitingConfirmation ? (ConfirmOutcome.Confirmed, 1)
            : (untouched ? ConfirmOutcome.Confirmed : ConfirmOutcome.NotAwaiting, 0);
    }

    /// <param name="call">What was asked.</param>
    /// <param name="expected">The answer that follows.</param>
    /// <param name="actual">The answer.</param>
    /// <param name="caused">How many events came with it.</param>
    /// <param name="events">How many must: what was answered was recorded, and nothing else (A2, D8).</param>
    internal void CheckAnswer<T>(string call, T expected, T actual, long caused, int events)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            Fail(InvariantOf(expected, actual), $"{call} was answered {actual}, where {expected} follows.");
        }
        else if (caused != events)
        {
            Fail(caused > events ? "A2" : "D8",
                $"{call} was answered {actual}, and caused {caused} events instead of {events}.");
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
        else if (outcome is RunOutcome.Failed { Retryable: false })
        {
            inquest.Ledger.Ended(lease.JobId, JobState.Failed);
        }
        else if (outcome is RunOutcome.Failed { Retryable: true } && Model.Find(lease.JobId)?.State == JobState.Failed)
        {
            Saw(Corner.RetriesExhausted);
        }
    }

    /// <summary>A worker is given runs of the types it serves, no more than it asked for, and none twice
    /// (L3).</summary>
    internal void CheckClaimed(string[] types, int maxRuns, IReadOnlyList<ClaimedRun> runs)
    {
        var served = types.ToHashSet();
        if (runs.Count > maxRuns || runs.Any(run => !served.Contains(run.Type))
            || runs.Select(static run => run.Lease.JobId).Distinct().Count() < runs.Count)
        {
            string given = string.Join(", ", runs.Select(static run => $"{run.Lease.JobId} ({run.Type})"));
            Fail("L3", $"Who asked for {maxRuns} of {string.Join(", ", types)} was given {given}.");
        }
    }

    /// <summary>What a worker is given is what its job's submitter gave, in every run (L10), and what the run before
    /// left for it.</summary>
    internal void CheckHandedOut(ClaimedRun run)
    {
        if (IsSuperseded)
        {
            return;
        }

        if (HolderOf(run.Lease) is not { } job)
        {
            // It may be over by now, but it was begun.
            bool isOver = Model.Find(run.Lease.JobId) is { } known
                ? known.Runs >= run.Lease.Run
                : Model.Purged.Contains(run.Lease.JobId);
            if (!isOver)
            {
                Fail("L3", $"{run.Lease} was handed out, and no fact began it.");
            }

            return;
        }

        if (!run.Payload.Span.SequenceEqual(job.Payload.Span))
        {
            Fail("L10",
                $"Run {run.Lease.Run} of {job.Id} was given {run.Payload.Length} other bytes than the "
                + $"{job.Payload.Length} that were submitted.");
        }

        if ((run.Type, run.UserId, run.ProjectId, run.Tier) != (job.Type, job.User, job.Project, job.Tier))
        {
            Fail("L10",
                $"Run {run.Lease.Run} of {job.Id} is one of {run.Type} for {run.UserId}, {run.ProjectId}, {run.Tier}.");
        }

        if (run.IterationsUsed != job.Used || !run.Checkpoint.Span.SequenceEqual(job.Checkpoint.Span))
        {
            Fail("A8",
                $"Run {run.Lease.Run} of {job.Id} was told of {run.IterationsUsed} iterations and given a checkpoint "
                + $"of {run.Checkpoint.Length} bytes; {job.Used} were used, {job.Checkpoint.Length} bytes were left.");
        }
    }

    /// <summary>An answer leaves the engine: everything it shows is durable (D3), nothing is said after a doubt (D5),
    /// and
    /// nobody who was superseded tells of anything new (D7).</summary>
    internal void CheckPublished(long eventsSeen, long caused, bool hasFailed)
    {
        if (IsSuperseded)
        {
            // Neither done nor seen: whoever looks at what was never durable is told what never happened.
            if (eventsSeen > _supersededAt)
            {
                Fail("D7", $"An owner that had been superseded told of event {eventsSeen}, {caused} of its own.");
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
        (JobShown, _) => "O5",
        _ => "L1",
    };
}
