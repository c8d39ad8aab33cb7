using System.Globalization;
using System.Runtime.CompilerServices;
using Engine.Core.Scheduling;

namespace Engine.Core.Rules;

/// <summary>A request that was checked field by field, as the core decides on it.</summary>
internal readonly record struct Submission(
    JobId Id,
    bool IdIsGiven,
    string Type,
    string UserId,
    string? ProjectId,
    string? Tier,
    int Priority,
    ReadOnlyMemory<byte> Payload,
    string[]? Resources,
    string? Key,
    UInt128 Fingerprint);

/// <summary>What was found for a submission ahead of its decision.</summary>
internal struct SubmitHint
{
    internal KnownLane Known;

    /// <summary>Those under which the lane was found right.</summary>
    internal EngineSettings? Settings;

    internal UserAccount? User;
}

/// <summary>Admission: repeated key, type, ownership, allowance and cap are one decision at one instant (DA-1 to DA-4,
/// DA-20: there is no other way in).</summary>
/// <remarks>Refusals are kept out of line: inlined, each of their results would be cleared on every acceptance too.
/// </remarks>
internal static class Submitting
{
    private static readonly Refusal KeyReused = new()
    {
        Reason = RefusalReason.IdempotencyKeyReused,
        Field = nameof(JobRequest.IdempotencyKey),
        Message = "The idempotency key was used with another request.",
    };

    /// <summary>Asks for the memory that a submission will need, step by step: each finds what the one before asked
    /// for. Changes nothing.</summary>
    internal static void Prepare(
        EngineCore core, in Submission submission, in LaneNames names, ref SubmitHint hint, int step)
    {
        switch (step)
        {
            case 0:
                core.State.Jobs.Prefetch(submission.Id);
                core.State.LaneMemo.Prefetch(names.Hash);
                break;
            case 1:
                core.State.LaneMemo.KeepFor(core.Settings);
                hint.Settings = core.Settings;
                hint.Known = core.State.LaneMemo.Guess(names.Hash);
                Prefetch.Object(hint.Known.Lane, lines: 4);
                Prefetch.Object(hint.Known.Names, lines: 2);
                break;
            case 2 when hint.Known.Lane is { } lane:
                hint.User = lane.Owner;
                Prefetch.Object(hint.User, lines: 3);
                Prefetch.Object(lane.EncodedNames, lines: 2);
                lane.Jobs.Last?.PrefetchLaneLinks();
                break;
            case 2:
                core.State.Users.TryGetValue(submission.UserId, out hint.User);
                Prefetch.Object(hint.User, lines: 3);
                break;
            case 3:
                hint.User?.NewestJob?.PrefetchUserLinks();
                break;
            default:
                break;
        }
    }

    /// <param name="core">The core.</param>
    /// <param name="submission">What was asked.</param>
    internal static SubmitResult Decide(EngineCore core, in Submission submission) =>
        Decide(core, submission, default, default);

    /// <param name="core">The core.</param>
    /// <param name="submission">What was asked.</param>
    /// <param name="names">Its names; empty to find everything the long way.</param>
    /// <param name="hint">What <see cref="Prepare"/> found; it may be out of date.</param>
    internal static SubmitResult Decide(
        EngineCore core, in Submission submission, in LaneNames names, in SubmitHint hint)
    {
        var state = core.State;
        var lane = ReferenceEquals(hint.Settings, core.Settings) && hint.Known.Is(names.Bytes) ? hint.Known.Lane : null;
        var user = lane?.Owner ?? hint.User;

        // The owner of a lane whose names have the same hash may be anybody.
        if (lane is null && (user is not { IsKnown: true } || user.Id != submission.UserId))
        {
            state.Users.TryGetValue(submission.UserId, out user);
        }

        if (submission.Key is not null && DecideRepeat(core, submission) is { } repeated)
        {
            return repeated;
        }

        if (Objection(core, submission, user, isKnown: lane is not null) is { } objection)
        {
            return Refuse(objection);
        }

        var tier = lane?.Tier.Policy ?? core.TierFor(submission.Tier);
        ref var submitted = ref core.Common.Submitted;
        submitted.JobId = submission.Id;
        submitted.KnownLane = lane;
        submitted.Priority = submission.Priority;
        submitted.Boost = tier.Boost;
        submitted.Payload = submission.Payload;
        submitted.Count = Math.Min(tier.IterationDepth, tier.IterationCap);
        submitted.Type = lane is null ? submission.Type : null;
        submitted.User = lane is null ? submission.UserId : null;
        submitted.Project = lane is null ? submission.ProjectId : null;
        submitted.Tier = lane is null ? tier.Name : null;
        submitted.Resources = lane is null ? ResourcesOf(core, submission) : null;

        int today = state.Today;
        if ((user?.Allowance.ChargedTo(today) ?? 0) < tier.DailyLimit)
        {
            if (state.Queued >= core.Settings.GlobalCap
                && !(state.Queued == core.Settings.GlobalCap && Planted.Is(PlantedBug.CapOffByOne)))
            {
                return RefuseFullQueue(core, user, tier);
            }

            submitted.State = JobState.Queued;
            submitted.Day = today;
            submitted.DueMs = 0;
            submitted.Why = default;
            submitted.Message = null;
        }
        else if (user!.Allowance.FirstDayWithRoom(today, tier.DailyLimit, core.Settings.MaxDaysAhead) is { } day)
        {
            submitted.State = JobState.Scheduled;
            submitted.Day = day;
            submitted.DueMs = Releasing.DueOn(day, submission.Id, core.Settings).Ms;
            submitted.Why = WaitKind.DailyAllowance;
            submitted.Message = day == today + 1
                ? "Scheduled for tomorrow"
                : string.Create(CultureInfo.InvariantCulture,
                    $"Scheduled for {Instant.StartOf(day).ToDateTimeOffset():yyyy-MM-dd}");
        }
        else
        {
            return RefuseFullSchedule(core, user, tier);
        }

        var job = core.Emit(submitted)!;
        if (lane is null && names.Length > 0)
        {
            state.LaneMemo.KeepFor(core.Settings);
            state.LaneMemo.Remember(names.Hash, names.Bytes, job.Lane);
        }

        return Answer(core, job, submission);
    }

    /// <summary>The answer of a submission whose key stands for an earlier one; null when it stands for none.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static SubmitResult? DecideRepeat(EngineCore core, in Submission submission)
    {
        if (submission.Key is not { } key
            || KeptFor(core.State.Users.GetValueOrDefault(submission.UserId), key, core.State.Now) is not { } kept
            || Planted.Is(PlantedBug.ResendCreatesSecondJob))
        {
            return null;
        }

        return kept.Content.Fingerprint == submission.Fingerprint ? Repeat(kept) : Refuse(KeyReused);
    }

    internal static Job ApplySubmitted(EngineCore core, in JobEvent e)
    {
        var state = core.State;
        var lane = e.KnownLane ?? LaneOf(core, e);
        var user = lane.Owner;
        state.Image?.Keep(user);
        var job = state.NewJob(lane.Tier);
        job.Id = e.JobId;
        job.User = user;
        job.Lane = lane;
        job.Payload = e.Payload;
        job.Sequence = job.EntrySequence = ++state.LastSequence;
        job.SubmittedAt = job.EnteredAt = state.Now;
        job.Priority = (byte)e.Priority;
        job.Boost = (ushort)e.Boost;
        job.DueAt = new Instant(e.DueMs);
        job.ScheduledWhy = e.Why;
        job.ChargedDay = e.Day;
        job.IterationsGranted = e.Count;
        if (e.Message is not null)
        {
            job.Details = new JobDetails { Message = e.Message };
        }

        int today = state.Today;
        user.Allowance.Charge(e.Day, today);
        if (e.Day != today)
        {
            user.Allowance.Defer(today, today);
            job.DeferredOnDay = today;
        }

        JobMoves.Admit(state, job, e.State);
        return job;
    }

    private static Lane LaneOf(EngineCore core, in JobEvent e)
    {
        var user = core.State.UserOf(e.User!);
        var project = e.Project is null ? null : core.State.ProjectOf(e.Project, user);
        return core.State.LaneOf(core.TypeEntry(e.Type!), core.TierEntry(e.Tier!), user, project, e.Resources);
    }

    internal static Job ApplyAnswer(EngineCore core, in JobEvent e)
    {
        var state = core.State;
        while (state.Answers.TryPeek(out var oldest) && oldest.ExpiresAt <= state.Now)
        {
            state.Answers.Dequeue();
            if (oldest.User.Answers is { } answers
                && answers.TryGetValue(oldest.Content.Key, out var current) && ReferenceEquals(current, oldest))
            {
                answers.Remove(oldest.Content.Key);
            }

            if (oldest.User.JobCount == 0)
            {
                state.NoteIdle(oldest.User);
            }
        }

        var job = core.JobOf(e);
        var outcome = job.State == JobState.Scheduled ? SubmitOutcome.Scheduled : SubmitOutcome.Queued;
        var kept = new KeptAnswer(job.User, job.Id, outcome, job.DueAt, e.Answer!);
        state.Answers.Enqueue(kept);
        (job.User.Answers ??= new(StringComparer.Ordinal))[e.Answer!.Key] = kept;
        return job;
    }

    private static KeptAnswer? KeptFor(UserAccount? user, string key, Instant now) =>
        user?.Answers is { } answers && answers.TryGetValue(key, out var kept) && now < kept.ExpiresAt ? kept : null;

    /// <param name="core">The core.</param>
    /// <param name="submission">The submission.</param>
    /// <param name="user">Its user, if known.</param>
    /// <param name="isKnown">Whether its type, resources and project were found right under these settings.</param>
    private static Refusal? Objection(EngineCore core, in Submission submission, UserAccount? user, bool isKnown)
    {
        if (!isKnown && ObjectionToNames(core, submission, user) is { } objection)
        {
            return objection;
        }

        return submission.IdIsGiven && core.State.Jobs.ContainsKey(submission.Id)
            ? new Refusal
            {
                Reason = RefusalReason.DuplicateId,
                Field = nameof(JobRequest.Id),
                Message = "A job with this id exists.",
            }
            : null;
    }

    private static Refusal? ObjectionToNames(EngineCore core, in Submission submission, UserAccount? user)
    {
        if (!core.State.Types.TryGetValue(submission.Type, out var type) || type.Policy is null)
        {
            string known = string.Join(", ", core.Settings.Types.Select(known => known.Name));
            return new Refusal
            {
                Reason = RefusalReason.UnknownType,
                Field = nameof(JobRequest.Type),
                Message = $"There is no job type '{submission.Type}'. " +
                    $"Known types: {(known.Length == 0 ? "none" : known)}.",
            };
        }

        foreach (string resource in submission.Resources ?? [])
        {
            if (!core.Settings.Resources.ContainsKey(resource))
            {
                return new Refusal
                {
                    Reason = RefusalReason.Invalid,
                    Field = nameof(JobRequest.Resources),
                    Message = $"There is no resource '{resource}'.",
                };
            }
        }

        if (submission.ProjectId is { } id && !core.Settings.SharedProjects
            && core.State.Projects.TryGetValue(id, out var project) && project.Owner.Id != submission.UserId)
        {
            return new Refusal
            {
                Reason = RefusalReason.ProjectNotOwned,
                Field = nameof(JobRequest.ProjectId),
                Message = "Project not found.",
            };
        }

        return null;
    }

    private static string[]? ResourcesOf(EngineCore core, in Submission submission)
    {
        var ofType = core.State.Types[submission.Type].Policy!.Resources;
        if (ofType.Count == 0)
        {
            return submission.Resources;
        }

        var asked = Planted.Is(PlantedBug.RequestedResourcesForgotten) ? null : submission.Resources;

        // Sorted and distinct, so that equal needs share a lane whatever order they were named in.
        return [.. new SortedSet<string>(ofType.Concat(asked ?? []), StringComparer.Ordinal)];
    }

    private static SubmitResult Answer(EngineCore core, Job job, in Submission submission)
    {
        bool queued = job.State == JobState.Queued;
        long position = queued ? core.State.Positions.RankOf(job.Key) : 0;
        WaitEstimate? estimate = queued ? core.EstimateOf(job.Tier.Policy, position) : null;
        var usage = Viewing.UsageOf(core, job.User, job.Tier.Policy, iterationsUsed: 0);
        if (submission.Key is { } key)
        {
            long expires = core.State.Now.Add(core.Settings.IdempotencyWindow).Ms;
            core.Emit(new JobEvent
            {
                Kind = EventKind.AnswerKept,
                JobId = job.Id,
                Answer = new SubmitKey(key, submission.Fingerprint, expires, position, estimate, usage),
            });
        }

        return new SubmitResult
        {
            Outcome = queued ? SubmitOutcome.Queued : SubmitOutcome.Scheduled,
            JobId = job.Id,
            Position = position,
            Estimate = estimate,
            ScheduledFor = queued ? null : job.DueAt.ToDateTimeOffset(),
            Usage = usage,
        };
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static SubmitResult Repeat(KeptAnswer kept) => new()
    {
        Outcome = kept.Outcome,
        JobId = kept.JobId,
        Position = kept.Content.Position + (Planted.Is(PlantedBug.RepeatAnsweredAnew) ? 1 : 0),
        Estimate = kept.Content.Estimate,
        ScheduledFor = kept.Outcome == SubmitOutcome.Scheduled ? kept.ScheduledFor.ToDateTimeOffset() : null,
        Usage = kept.Content.Usage,
        Repeated = true,
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static SubmitResult RefuseFullSchedule(EngineCore core, UserAccount user, Tier tier) => new()
    {
        Outcome = SubmitOutcome.Refused,
        Refusal = new Refusal
        {
            Reason = RefusalReason.ScheduleFull,
            Message = string.Create(CultureInfo.InvariantCulture,
                $"Every day up to {core.Settings.MaxDaysAhead} day{(core.Settings.MaxDaysAhead == 1 ? "" : "s")} ahead "
                + $"is full for this user."),
            Limit = tier.DailyLimit,
            RetryAfter = core.State.Now.NextMidnight.Since(core.State.Now),
        },
        Usage = Viewing.UsageOf(core, user, tier, iterationsUsed: 0),
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static SubmitResult RefuseFullQueue(EngineCore core, UserAccount? user, Tier tier)
    {
        // The documented wait: until the excess and one more have been worked off by one worker (DA-25, 1.7).
        long excess = core.State.Queued - core.Settings.GlobalCap + 1;
        long minutes = Math.Max(1, core.Estimator.Estimate(tier, excess, workers: 1).Seconds / 60);
        return new SubmitResult
        {
            Outcome = SubmitOutcome.Refused,
            Refusal = new Refusal
            {
                Reason = RefusalReason.GlobalCapReached,
                Message = string.Create(CultureInfo.InvariantCulture, $"System busy. Try again in {minutes} minutes."),
                Limit = core.Settings.GlobalCap,
                RetryAfter = TimeSpan.FromMinutes(minutes),
            },
            Usage = Viewing.UsageOf(core, user, tier, iterationsUsed: 0),
        };
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static SubmitResult Refuse(Refusal refusal) =>
        new() { Outcome = SubmitOutcome.Refused, Refusal = refusal };
}
