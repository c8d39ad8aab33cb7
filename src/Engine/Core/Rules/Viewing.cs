using Engine.Core.Scheduling;

namespace Engine.Core.Rules;

/// <summary>Reads state for people. Changes nothing.</summary>
internal static class Viewing
{
    /// <summary>Jobs that one page is looked for among.</summary>
    internal const int MaxListed = 1_000;

    /// <summary>Jobs that are looked at for one answer, to see whether they are stale.</summary>
    internal const int MaxCounted = 1_000;

    /// <summary>A job, with everything that can be said about it now.</summary>
    /// <param name="core">The core.</param>
    /// <param name="job">The job.</param>
    /// <param name="forOperator">Whether other users' jobs may be named in the answer (W6).</param>
    internal static JobView View(EngineCore core, Job job, bool forOperator)
    {
        bool queued = job.State == JobState.Queued;
        long position = queued ? core.State.Positions.RankOf(job.Key) : 0;
        if (position > 1 && Planted.Is(PlantedBug.PositionOffByOne))
        {
            position--;
        }

        var details = job.Details;
        var status = core.Statuses.Of(job);
        return new JobView
        {
            Id = job.Id,
            Type = job.Type.Name,
            UserId = job.User.Id,
            ProjectId = job.Project?.Id,
            Tier = job.Tier.Name,
            Priority = job.Priority,
            State = job.State,
            Status = status.Name,
            StatusLabel = status.Label,
            Message = details?.Message ?? "",
            Payload = job.Payload,
            Position = position,
            Estimate = queued ? core.EstimateOf(job.Tier.Policy, position) : null,
            WaitingFor = WhyWaiting(core, job, forOperator),
            ScheduledFor = job.State == JobState.Scheduled ? job.DueAt.ToDateTimeOffset() : null,
            SubmittedAt = job.SubmittedAt.ToDateTimeOffset(),
            StartedAt = job.Runs > 0 ? job.StartedAt.ToDateTimeOffset() : null,
            FinishedAt = job.State.IsFinal ? job.FinishedAt.ToDateTimeOffset() : null,
            Runs = job.Runs,
            CancelRequested = job.CancelRequested && !job.State.IsFinal,
            ProgressPercent = job.Progress >= 0 ? job.Progress : null,
            Result = details?.Result ?? default,
            Error = details?.Error,
            DebugId = details?.DebugId,
            IterationsGranted = job.IterationsGranted,
            ConfirmBefore = job.State == JobState.AwaitingConfirmation ? job.DueAt.ToDateTimeOffset() : null,
            Usage = UsageOf(core, job.User, job.Tier.Policy, job.IterationsUsed),
            LastEventId = job.LastEventId,
        };
    }

    /// <summary>The run that a claim hands out.</summary>
    internal static ClaimedRun RunOf(Job job) => new()
    {
        Lease = job.Lease,
        Type = job.Type.Name,
        UserId = job.User.Id,
        ProjectId = job.Project?.Id,
        Tier = job.Tier.Name,
        Payload = job.Runs > 1 && Planted.Is(PlantedBug.RetriedWithoutPayload) ? default : job.Payload,
        Checkpoint = job.Details is { } details && !Planted.Is(PlantedBug.CheckpointForgotten)
            ? details.Checkpoint
            : default,
        IterationsUsed = job.IterationsUsed,
        Timeout = job.Type.Policy?.Timeout ?? TimeSpan.FromHours(1),
    };

    internal static UsageCounters UsageOf(EngineCore core, UserAccount? user, Tier tier, int iterationsUsed)
    {
        var state = core.State;
        int used = user?.Allowance.UsedOn(state.Today) ?? 0;
        int left = tier.DailyLimit - used;
        if (left < 0 && !Planted.Is(PlantedBug.RemainingBelowZero))
        {
            left = 0;
        }

        return new UsageCounters(
            used,
            left,
            iterationsUsed,
            Math.Max(0, tier.IterationCap - iterationsUsed),
            state.NextMidnight);
    }

    /// <summary>A page of a user's jobs, newest first.</summary>
    internal static JobPage List(EngineCore core, JobQuery query) => List(core, query, out _);

    /// <summary>A page of a user's jobs, newest first.</summary>
    /// <param name="core">The core.</param>
    /// <param name="query">Which jobs.</param>
    /// <param name="looked">How many were looked at: at most <see cref="MaxListed"/> and the way there, whatever the
    /// user has, as everybody else waits meanwhile.</param>
    internal static JobPage List(EngineCore core, JobQuery query, out int looked)
    {
        looked = 0;
        var views = new List<JobView>();
        if (!core.State.Users.TryGetValue(query.UserId, out var user))
        {
            return new JobPage(views, null);
        }

        long cursor = query.Cursor ?? long.MaxValue;
        var job = user.Milestones?.OldestFrom(cursor) ?? user.NewestJob;
        for (; job is not null && job.Sequence >= cursor; job = job.Older)
        {
            looked++;
        }

        for (int left = MaxListed; job is not null; job = job.Older)
        {
            if (left-- == 0)
            {
                return new JobPage(views, cursor);
            }

            looked++;
            if (query.State is null || job.State == query.State)
            {
                if (views.Count == query.Limit)
                {
                    return new JobPage(views, cursor);
                }

                views.Add(View(core, job, forOperator: false));
            }

            cursor = job.Sequence;
        }

        return new JobPage(views, null);
    }

    internal static QueueSummary Summarize(EngineCore core)
    {
        var state = core.State;
        return new QueueSummary
        {
            Queued = state.Queued,
            Running = state.Counts[(int)JobState.Running],
            Scheduled = state.Counts[(int)JobState.Scheduled],
            AwaitingConfirmation = state.Counts[(int)JobState.AwaitingConfirmation],
            GlobalCap = core.Settings.GlobalCap,
            Stale = CountStale(core),
            Tiers =
            [
                .. core.Settings.Tiers.Select(tier => TierOf(core, state.Tiers[tier.Name])),
                .. state.Tiers.Values
                    .Where(entry => !entry.IsConfigured && entry.Counts.Any(count => count > 0))
                    .OrderBy(entry => entry.Number)
                    .Select(entry => TierOf(core, entry)),
            ],
        };
    }

    /// <summary>Jobs that have not ended and are older than they should be; at least so many, while the list of live
    /// jobs is still counting. The oldest come first in it.</summary>
    internal static long CountStale(EngineCore core)
    {
        var live = core.State.Live;
        live.CountOlder(core.State.Now, core.Settings.StaleAfter, MaxCounted);
        return live.CountedOld;
    }

    private static TierSummary TierOf(EngineCore core, TierEntry entry) => new(
        entry.Name,
        entry.Counts[(int)JobState.Scheduled],
        entry.Counts[(int)JobState.Queued],
        entry.Counts[(int)JobState.Running],
        entry.Counts[(int)JobState.AwaitingConfirmation],
        entry.Counts[(int)JobState.Completed],
        entry.Counts[(int)JobState.Failed],
        entry.Counts[(int)JobState.Cancelled],
        core.EstimateOf(entry.Policy, NextPosition(core, entry.Policy)));

    /// <summary>The place that a job of a tier would take if it were submitted now.</summary>
    private static long NextPosition(EngineCore core, Tier tier)
    {
        var state = core.State;
        var key = OrderKey.For(
            state.Ordering, tier.Boost, priority: 0, state.LastSequence + 1, state.Now.Ms, state.HeadStartMs);
        return state.Positions.CountBelow(key) + 1;
    }

    private static WaitReason? WhyWaiting(EngineCore core, Job job, bool forOperator)
    {
        var state = core.State;
        switch (job.State)
        {
            case JobState.Queued when job.Lane.FullLimit is { } limit && !Planted.Is(PlantedBug.WrongReasonShown):
                var kind = limit.Kind switch
                {
                    LimitKind.User => WaitKind.UserSlots,
                    LimitKind.Project => WaitKind.ProjectSlots,
                    LimitKind.Resource => WaitKind.Resource,
                };
                var holder = limit.LongestHolder;
                bool mayName = forOperator || ReferenceEquals(holder?.User, job.User);
                return new WaitReason(
                    kind, limit.Name, limit.Used, limit.CapacityFor(job.Tier), mayName ? holder?.Id : null);
            case JobState.Queued:
                return new WaitReason(
                    WaitKind.Worker, job.Type.Name, state.Counts[(int)JobState.Running], core.Settings.Workers);
            case JobState.Scheduled when job.IsOverdue || job.ScheduledWhy == WaitKind.GlobalCap:
                return new WaitReason(WaitKind.GlobalCap, "queue", state.Queued, core.Settings.GlobalCap);
            case JobState.Scheduled when job.ScheduledWhy == WaitKind.DailyAllowance:
                int limitOfDay = job.Tier.Policy.DailyLimit;
                return new WaitReason(
                    WaitKind.DailyAllowance,
                    job.User.Id,
                    job.User.Allowance.ChargedTo(state.Today),
                    limitOfDay,
                    Until: job.DueAt.ToDateTimeOffset());
            case JobState.Scheduled:
                return new WaitReason(
                    job.ScheduledWhy,
                    job.Type.Name,
                    job.Retries,
                    job.Type.Policy?.MaxRetries ?? 0,
                    Until: job.DueAt.ToDateTimeOffset());
            case JobState.AwaitingConfirmation:
                return new WaitReason(
                    WaitKind.Confirmation,
                    job.User.Id,
                    job.IterationsUsed,
                    job.IterationsGranted,
                    Until: job.DueAt.ToDateTimeOffset());
            default:
                return null;
        }
    }
}
