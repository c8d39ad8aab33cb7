using System.Runtime.CompilerServices;
using Engine.Core;
using Engine.Simulation.Driver;

namespace Engine.Simulation.Audit;

/// <content>What each fact must look like, given all facts before it.</content>
internal sealed partial class Witness
{
    private void Check(in JobEvent e)
    {
        CheckCausedBySettings(e);
        switch (e.Kind)
        {
            case EventKind.JobSubmitted:
                CheckSubmitted(e);
                return;
            case EventKind.JobsPurged:
                CheckPurged(e);
                return;
            case EventKind.OrderingChanged:
                Saw(Corner.OrderingChanged);
                return;
            default:
                break;
        }

        if (Model.Find(e.JobId) is not { } job)
        {
            Fail("L1", $"{e.Kind} of {e.JobId}, which nobody submitted.");
            return;
        }

        switch (e.Kind)
        {
            case EventKind.AnswerKept:
                Require(Call is SubmitCall { Request: var asked } && asked.UserId == job.User
                    && asked.IdempotencyKey == e.Answer!.Key, "W5", job, "a key was kept that nobody gave");
                Require(e.Answer!.ExpiresMs == Model.NowMs + (long)Model.Options.IdempotencyWindow.TotalMilliseconds,
                    "W5", job, "its key stands for another time than the window");
                break;
            case EventKind.JobReleased:
                CheckReleased(e, job);
                break;
            case EventKind.JobDeferred:
                CheckDeferred(e, job);
                break;
            case EventKind.RunStarted:
                CheckStarted(e, job);
                break;
            case EventKind.StageEntered:
                Require(StageAllows(job, e.Stage), "L1", job, $"it went from stage {job.Stage} to {e.Stage}");
                RequireRunning(job, e);
                Require(Call?.Said is { Stage: { } stage } moved && job.Holds(moved.Lease)
                    && Model.TypeOf(job.Type)?.Pipeline?.IndexOf(stage) == e.Stage, "D8", job,
                    $"stage {e.Stage} was recorded, and its worker said {Call?.Said?.Stage}");
                break;
            case EventKind.ProgressReported:
                RequireRunning(job, e);
                Require(Call?.Said is { Percent: { } percent } reported && job.Holds(reported.Lease)
                    && percent == e.Count, "D8", job,
                    $"{e.Count} percent were recorded, and its worker said {Call?.Said?.Percent}");
                break;
            case EventKind.IterationStarted:
                RequireRunning(job, e);
                Require(job.Used < job.Granted && job.Used < Model.TierOf(job.Tier).IterationCap, "A8", job,
                    $"it begins iteration {job.Used + 1} of {job.Granted} granted");
                break;
            case EventKind.RunEnded:
                CheckRunEnded(e, job);
                break;
            case EventKind.CancelRequested:
                RequireRunning(job, e);
                Saw(Corner.CancelledRunning);
                break;
            case EventKind.JobEnded:
                CheckJobEnded(e, job);
                break;
            case EventKind.JobConfirmed:
                CheckConfirmed(e, job);
                break;
            default:
                Fail("L1", $"An event of kind {e.Kind}.");
                break;
        }
    }

    private void CheckSubmitted(in JobEvent e)
    {
        CheckRecorded(e);
        var tier = Model.TierOf(e.Tier);
        int limit = tier.DailyLimit;
        int charged = Model.Charged(e.User!, Model.Today);
        Require(Model.Find(e.JobId) is null, "A2", e, "its id was there already");
        Require(e.Count == Math.Min(tier.IterationDepth, tier.IterationCap), "A8", e, "another batch than its tier's");
        if (e.State == JobState.Queued)
        {
            Require(charged < limit && e.Day == Model.Today, "A5", e,
                $"queued as number {charged + 1} of {limit} a day");
            Require(Model.Queued.Count < Model.Options.GlobalCap, "A1", e,
                $"queued beside {Model.Queued.Count} others");
            Require((e.DueMs, e.Why, e.Message) == (0, default, null), "D8", e,
                $"queued, and due at {e.DueMs} for {e.Why}, with the words '{e.Message}'");
        }
        else
        {
            int last = Model.Today + Model.Options.MaxDaysAhead;
            Require(e.State == JobState.Scheduled && charged >= limit, "A5", e,
                $"{e.State} with {charged} of {limit} used");
            Require(e.Day == Model.FirstDayWithRoom(e.User!, limit, last), "A5", e, $"scheduled for day {e.Day}");
            Require(e.DueMs == Model.DueOn(e.Day, e.JobId), "A6", e, $"due at {e.DueMs} for day {e.Day}");
            Require(e.Why == WaitKind.DailyAllowance && e.Message is not null, "D8", e,
                $"scheduled because of {e.Why}, with the words '{e.Message}'");
            Saw(Corner.DayOverflowScheduled);
        }
    }

    private void CheckReleased(in JobEvent e, ModelJob job)
    {
        Require(job.State == JobState.Scheduled, "L1", job, "it is released");
        Require(job.DueMs <= Model.NowMs, job.Why == WaitKind.RetryDelay ? "L9" : "A6", job,
            $"it is released at {Model.NowMs}, and due at {job.DueMs}");
        Require(Model.Queued.Count < Model.Options.GlobalCap, "A1", job, "it is released into a full queue");
        Require(Spend(Model.Scheduled.Count) is false || ReferenceEquals(Model.FirstOverdue(), job), "O1", job,
            $"it is released before {Model.FirstOverdue()?.Id}");
        if (Model.Queued.Count + 1 == Model.Options.GlobalCap && job.DueMs < Model.NowMs)
        {
            Saw(Corner.ReleaseWaitedForRoom);
        }

        if (job.Why == WaitKind.DailyAllowance && job.ChargedDay < Model.Today)
        {
            int charged = Model.Charged(job.User, Model.Today);
            int limit = Model.TierOf(job.Tier).DailyLimit;
            Require(e.Day == Model.Today && charged < limit, "A5", job,
                $"released late, charged to day {e.Day} with {charged} of {limit} used");
        }
        else
        {
            Require(e.Day == job.ChargedDay, "A5", job, $"charged to day {job.ChargedDay}, and now to {e.Day}");
        }
    }

    private void CheckDeferred(in JobEvent e, ModelJob job)
    {
        int limit = Model.TierOf(job.Tier).DailyLimit;
        Require(job is { State: JobState.Scheduled, Why: WaitKind.DailyAllowance } && job.ChargedDay < Model.Today
            && job.DueMs <= Model.NowMs, "A5", job, "it is deferred once more");
        Require(Model.Charged(job.User, Model.Today) >= limit, "A5", job, "deferred although there is room today");
        Require(e.Day == Model.FirstDayWithRoom(job.User, limit, int.MaxValue - 2), "A5", job,
            $"deferred to day {e.Day}");
        Require(e.DueMs == Model.DueOn(e.Day, job.Id), "A6", job, $"due at {e.DueMs} for day {e.Day}");
        Saw(Corner.DeferredAgain);
    }

    private void CheckStarted(in JobEvent e, ModelJob job)
    {
        Require(job.State == JobState.Queued, "L4", job, "a run begins");
        Require(e.Run == job.Runs + 1 && e.Epoch == _epoch, "L4", job,
            $"run {e.Run} of epoch {e.Epoch} begins in epoch {_epoch}");
        Require(e.Stage == (Model.TypeOf(job.Type)?.Pipeline is null ? -1 : 0), "L1", job,
            $"a run begins in stage {e.Stage}");
        Require(Model.FullLimit(job) is null, "A3", job,
            $"a run begins although it has no room ({Model.FullLimit(job)})");
        CheckOvertaking(job);
        if (Spend(Model.Queued.Count * 2))
        {
            var first = Model.Next(type => WorkersServeAll || type == job.Type);
            Require(ReferenceEquals(first, job), "O1", job, $"it runs before {first?.Id}");
        }

        if (job.Boost > 0)
        {
            Saw(Corner.OvertakenByBoost);
        }
    }

    private void CheckRunEnded(in JobEvent e, ModelJob job)
    {
        RequireRunning(job, e);
        var said = Call as EndRunCall;
        if (said is null ? Call is not null : !job.Holds(said.Lease))
        {
            Fail("L5", $"A run of {job.Id} ended because of {Call!.GetType().Name}, which is not about it.");
        }

        if (Call is null)
        {
            // Nobody ended it: its worker must be gone, or its process.
            Require(job.Epoch < _epoch || job.LeaseEndsMs <= MonotonicMs, "L4", job,
                $"it lost its worker at {MonotonicMs} ms, with a lease until {job.LeaseEndsMs}");
            Require(job.Epoch < _epoch || job.KeptUntilMs <= MonotonicMs, "F7", job,
                $"it lost its worker at {MonotonicMs} ms, who could not be heard and had until {job.KeptUntilMs}");
            Saw(job.Epoch < _epoch ? Corner.RunsFoundLostAtStart : Corner.LeaseExpired);
        }

        if (job.CancelRequested)
        {
            Require(e.State == JobState.Cancelled, "L7", job,
                $"its cancellation was acknowledged, and it ends {e.State}");
            Require(e.End == RunEnd.Stopped && e.Payload.IsEmpty && (e.Error, e.DebugId) == (null, null), "D8", job,
                $"it ends cancelled, and {e.End}, {e.Payload.Length} bytes and '{e.Error}' were recorded");
            if (Call is null)
            {
                Saw(Corner.CancelRequestedThenLost);
            }

            return;
        }

        var outcome = said?.Outcome;
        Require(e.End == EndOf(outcome), "L1", job, $"its run ended {e.End}, and its worker said {outcome}");
        Require(e.Payload.Span.SequenceEqual(LeftBy(outcome).Span), "D8", job,
            $"its worker left {LeftBy(outcome).Length} bytes, {e.Payload.Length} others were recorded");
        var failed = outcome as RunOutcome.Failed;
        Require(e.End == RunEnd.Lost || (e.Error, e.DebugId) == (failed?.Error, failed?.DebugId), "D8", job,
            $"its worker said {outcome}, and '{e.Error}' ({e.DebugId}) was recorded");
        var type = Model.TypeOf(job.Type);
        bool isRetried = failed is { Retryable: true } && job.Retries < (type?.MaxRetries ?? 0);
        switch (e.End)
        {
            case RunEnd.Completed:
                Require(e.State == JobState.Completed, "L1", job, $"completed, and {e.State}");
                Require((e.DueMs, e.Why, e.Message) == (0, default, null), "D8", job,
                    $"completed, and due at {e.DueMs} for {e.Why}, with the words '{e.Message}'");
                break;
            case RunEnd.Failed when e.State == JobState.Scheduled:
                double delay = (type?.RetryDelay.TotalMilliseconds ?? 0) * Math.Pow(2, job.Retries);
                delay = Math.Min(delay, Model.DayMs);
                Require(isRetried, "L8", job, $"retry {job.Retries + 1} of {type?.MaxRetries} after {outcome}");
                Require(e.DueMs == Model.NowMs + (long)delay, "L9", job,
                    $"retried at {e.DueMs}, failed at {Model.NowMs}");
                Saw(Corner.RetryScheduled);
                break;
            case RunEnd.Failed:
                Require(e.State == JobState.Failed, "L1", job, $"failed, and {e.State}");
                Require(!isRetried, "L8", job, $"given up after {job.Retries} of {type?.MaxRetries} retries");
                break;
            case RunEnd.Suspended:
                Require(e.State == JobState.AwaitingConfirmation && job.Used >= job.Granted, "A8", job,
                    "suspended too early");
                Require(e.DueMs == Model.NowMs + (long)Model.Options.ConfirmationTimeout.TotalMilliseconds, "A8", job,
                    $"suspended at {Model.NowMs}, to be confirmed before {e.DueMs}");
                Saw(Corner.Suspended);
                break;
            case RunEnd.Lost when e.State == JobState.Failed:
                Require(job.Lost >= (type?.MaxLostRuns ?? 3), "L8", job, $"it failed after {job.Lost} lost workers");
                Saw(Corner.LostTooOften);
                break;
            case RunEnd.Lost:
                Require(job.Lost < (type?.MaxLostRuns ?? 3), "L8", job, $"it goes on after {job.Lost} lost workers");
                CheckRequeued(e, job);
                break;
            case RunEnd.Stopped:
                CheckRequeued(e, job);
                break;
            default:
                Fail("L1", $"A run of {job.Id} ended in no way.");
                break;
        }
    }

    private void CheckRequeued(in JobEvent e, ModelJob job)
    {
        bool room = Model.Queued.Count < Model.Options.GlobalCap;
        Require(e.State == (room ? JobState.Queued : JobState.Scheduled), "A1", job,
            $"back as {e.State} beside {Model.Queued.Count} queued jobs");
        Require(room || e.DueMs <= Model.NowMs, "A1", job, $"it waits for room until {e.DueMs}, now {Model.NowMs}");
        if (!room)
        {
            Saw(Corner.RequeuedIntoFullQueue);
        }
    }

    private void CheckJobEnded(in JobEvent e, ModelJob job)
    {
        Require(job.State is JobState.Scheduled or JobState.Queued or JobState.AwaitingConfirmation, "L2", job,
            $"it ends {e.State}");
        if (e.State == JobState.Failed)
        {
            Require(job.State == JobState.AwaitingConfirmation && job.DueMs <= Model.NowMs && Call is null, "L1", job,
                "it failed without a run");
            Saw(Corner.ConfirmationTimedOut);
            return;
        }

        Require(e.State == JobState.Cancelled && Call is not null, "L1", job, $"it ends {e.State}, and nobody asked");
        Saw(job.Runs == 0 ? Corner.ChargeGivenBack : Corner.CancelledWaiting);
    }

    private void CheckConfirmed(in JobEvent e, ModelJob job)
    {
        int cap = Model.TierOf(job.Tier).IterationCap;
        Require(job.State == JobState.AwaitingConfirmation && job.Used < cap, "A8", job, "it is confirmed");
        Require(e.Count == Math.Max(1, Math.Min(Model.TierOf(job.Tier).IterationDepth, cap - job.Granted)), "A8", job,
            $"{e.Count} more iterations");
        CheckRequeued(e, job);
        Saw(Corner.Confirmed);
    }

    private void CheckPurged(in JobEvent e)
    {
        int left = Model.Ended.Count;
        long oldest = Model.NowMs - (long)Model.Options.RetentionTime.TotalMilliseconds;
        long bytes = Model.EndedBytes;
        if (bytes > Model.Options.RetentionBytes)
        {
            Saw(Corner.PurgedForBytes);
        }

        var node = Model.Ended.First;
        for (int i = 0; i < e.Count; i++, left--, bytes -= node.Value.Bytes, node = node.Next)
        {
            if (node is null || (left <= Model.Options.RetentionCount && node.Value.FinishedMs > oldest
                && bytes <= Model.Options.RetentionBytes))
            {
                Fail("L2", $"Job {node?.Value.Id} is forgotten before its time.");
                return;
            }
        }

        Saw(Corner.Purged);
    }

    /// <summary>How a run ends of which its worker says this; null when there is no worker any more.</summary>
    private static RunEnd EndOf(RunOutcome? outcome) => outcome switch
    {
        RunOutcome.Completed => RunEnd.Completed,
        RunOutcome.Failed => RunEnd.Failed,
        RunOutcome.Suspended => RunEnd.Suspended,
        RunOutcome.Stopped => RunEnd.Stopped,
        _ => RunEnd.Lost,
    };

    /// <summary>What a run leaves for others.</summary>
    private static ReadOnlyMemory<byte> LeftBy(RunOutcome? outcome) => outcome switch
    {
        RunOutcome.Completed completed => completed.Result,
        RunOutcome.Suspended suspended => suspended.Checkpoint,
        _ => default,
    };

    private bool StageAllows(ModelJob job, int stage)
    {
        var pipeline = Model.TypeOf(job.Type)?.Pipeline;
        return pipeline is not null && stage >= 0 && stage < pipeline.Stages.Count && (stage == job.Stage + 1
            || pipeline.Loops.Any(loop => loop.From == pipeline.Stages[job.Stage].Name
                && loop.To == pipeline.Stages[stage].Name));
    }

    private bool Spend(int cost)
    {
        if (_credit < cost)
        {
            return false;
        }

        _credit -= cost;
        return true;
    }

    private void Saw(Corner corner) => inquest.Sometimes.Saw(corner);

    private void RequireRunning(ModelJob job, in JobEvent e)
    {
        if (job.State != JobState.Running)
        {
            Fail("L3", $"{e.Kind} of {job.Id}, which is {job.State}.");
        }
    }

    private void Require(
        bool holds, string invariant, ModelJob job,
            [InterpolatedStringHandlerArgument(nameof(holds))] ref RuleText what)
    {
        if (!holds)
        {
            Fail(invariant, $"{job.Id} ({job.State}, run {job.Runs}): {what.Take()}.");
        }
    }

    private void Require(bool holds, string invariant, ModelJob job, string what)
    {
        if (!holds)
        {
            Fail(invariant, $"{job.Id} ({job.State}, run {job.Runs}): {what}.");
        }
    }

    private void Require(
        bool holds, string invariant, in JobEvent e,
            [InterpolatedStringHandlerArgument(nameof(holds))] ref RuleText what)
    {
        if (!holds)
        {
            Fail(invariant, $"{e.JobId} of {e.User}: {what.Take()}.");
        }
    }

    private void Require(bool holds, string invariant, in JobEvent e, string what)
    {
        if (!holds)
        {
            Fail(invariant, $"{e.JobId} of {e.User}: {what}.");
        }
    }
}
