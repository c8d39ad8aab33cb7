using System.Text;

namespace Engine.Tests.Model;

/// <content>How jobs come in, and how those that wait for an instant go on.</content>
internal sealed partial class ReferenceEngine
{
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
}
