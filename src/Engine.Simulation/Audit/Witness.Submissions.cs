using Engine.Core;
using Engine.Simulation.Driver;

namespace Engine.Simulation.Audit;

/// <summary>What the model says of a submission.</summary>
internal record struct SubmitExpectation(SubmitOutcome Outcome, RefusalReason? Reason, ModelAnswer? Repeated)
{
    internal bool IsStopping;
    internal long Position;
    internal DateTimeOffset? ScheduledFor;

    /// <summary>Until when its key stands for this answer.</summary>
    internal long KeyExpiresMs;

    /// <summary>What the user has used of the day right after the decision, and what the tier allows.</summary>
    internal int Used;
    internal int DailyLimit;
}

/// <content>What submissions must be answered, and what they may cause. The model goes by the request itself, not by
/// what the engine makes of it.</content>
internal sealed partial class Witness
{
    internal SubmitExpectation Expect(JobRequest request, JobId id)
    {
        if (request.IdempotencyKey is { } key && Model.Answers.TryGetValue((request.UserId, key), out var kept)
            && Model.NowMs < kept.ExpiresMs)
        {
            return AsksForTheSame(request, kept.Request)
                ? new SubmitExpectation(kept.Outcome, null, kept)
                : Refusal(RefusalReason.IdempotencyKeyReused);
        }

        if (Model.TypeOf(request.Type) is null)
        {
            return Refusal(RefusalReason.UnknownType);
        }

        foreach (string resource in request.Resources)
        {
            if (!Model.Options.Resources.ContainsKey(resource))
            {
                return Refusal(RefusalReason.Invalid);
            }
        }

        if (request.ProjectId is { } project && !Model.Options.SharedProjects
            && Model.OwnerOf(project) is { } owner && owner != request.UserId)
        {
            return Refusal(RefusalReason.ProjectNotOwned);
        }

        if (request.Id is not null && Model.Find(id) is not null)
        {
            return Refusal(RefusalReason.DuplicateId);
        }

        var tier = Model.TierOf(request.Tier);
        if (Model.Charged(request.UserId, Model.Today) < tier.DailyLimit)
        {
            return Model.Queued.Count < Model.Options.GlobalCap
                ? new SubmitExpectation(SubmitOutcome.Queued, null, null)
                : Refusal(RefusalReason.GlobalCapReached);
        }

        return Model.FirstDayWithRoom(request.UserId, tier.DailyLimit, Model.Today + Model.Options.MaxDaysAhead) is null
            ? Refusal(RefusalReason.ScheduleFull)
            : new SubmitExpectation(SubmitOutcome.Scheduled, null, null);
    }

    /// <summary>Right after the decision, when everything is as the answer must say.</summary>
    internal void NoteAnswer(JobRequest request, JobId id, ref SubmitExpectation expected, long caused)
    {
        if (IsSuperseded)
        {
            return;
        }

        (expected.Used, expected.DailyLimit) =
            (Model.UsedOn(request.UserId, Model.Today), Model.TierOf(request.Tier).DailyLimit);
        if (caused == 0 || Model.Find(id) is not { } job)
        {
            return;
        }

        if (request.IdempotencyKey is { } key && Model.Answers.TryGetValue((request.UserId, key), out var kept))
        {
            expected.KeyExpiresMs = kept.ExpiresMs;
        }

        if (job.State == JobState.Queued && Spend(Model.Queued.Count))
        {
            expected.Position = Model.PositionOf(job);
        }
        else if (job.State == JobState.Scheduled)
        {
            expected.ScheduledFor = DateTimeOffset.FromUnixTimeMilliseconds(job.DueMs);
        }
    }

    internal void CheckSubmit(
        JobRequest request, JobId id, in SubmitExpectation expected, in SubmitResult result, long caused)
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
            bool isAboutKey = expected.Repeated is not null || reason == RefusalReason.IdempotencyKeyReused;
            string invariant = isAboutKey ? "W5" : reason == RefusalReason.GlobalCapReached ? "A1" : "A5";
            Fail(invariant,
                $"{id} of {request.UserId} was {result.Outcome} ({result.Refusal?.Reason}), where {outcome} ({reason}) "
                + "follows.");
            return;
        }

        int events = outcome == SubmitOutcome.Refused || expected.Repeated is not null ? 0
            : request.IdempotencyKey is null ? 1 : 2;
        if (caused != events)
        {
            Fail(events == 0 ? "A2" : "D8", $"{id} was {outcome}, and caused {caused} events instead of {events}.");
        }

        if (reason is { } refused)
        {
            SawRefusal(refused);
        }
        else if (expected.Repeated is { } kept)
        {
            CheckRepeated(request, kept, result);
        }
        else
        {
            CheckAccepted(request, id, expected, result);
        }
    }

    /// <summary>All that is recorded of a submission is what was asked for: whoever reads the journal knows no
    /// other.</summary>
    private void CheckRecorded(in JobEvent e)
    {
        if (Call is not SubmitCall { Request: var request } call || call.JobId != e.JobId)
        {
            Fail("A2", $"{e.JobId} of {e.User} was submitted by nobody.");
            return;
        }

        var tier = Model.TierOf(request.Tier);
        Require(
            (e.User, e.Project, e.Type, e.Tier) == (request.UserId, request.ProjectId, request.Type, tier.Name),
            "A2", e, $"recorded as one of {e.Type} for {e.User}, {e.Project}, {e.Tier}");
        Require(e.Priority == request.Priority && e.Boost == tier.Boost, "O1", e,
            $"recorded with priority {e.Priority} instead of {request.Priority}, and boost {e.Boost} of {tier.Boost}");
        Require(e.Payload.Span.SequenceEqual(request.Payload.Span), "L10", e,
            $"{e.Payload.Length} other bytes were recorded than the {request.Payload.Length} submitted");
        var needed = new HashSet<string>(request.Resources);
        needed.UnionWith(Model.TypeOf(request.Type)!.Resources);
        Require(needed.Count == (e.Resources?.Length ?? 0) && needed.SetEquals(e.Resources ?? []), "A4", e,
            $"it needs {string.Join(", ", needed)}, and {string.Join(", ", e.Resources ?? [])} was recorded");
    }

    private void CheckAccepted(JobRequest request, JobId id, in SubmitExpectation expected, in SubmitResult result)
    {
        CheckUsage(id, result.Usage, expected.Used, expected.DailyLimit);
        if (result.JobId != id || (expected.Position > 0 && result.Position != expected.Position))
        {
            Fail("O5", $"{id} was told to be number {result.Position}; it is {expected.Position}.");
        }

        if (result.ScheduledFor != expected.ScheduledFor)
        {
            Fail("A5", $"{id} was told to run at {result.ScheduledFor:O}; it will at {expected.ScheduledFor:O}.");
        }

        if (result.Usage.JobsUsed < 1 || (result.Estimate is { } estimate
            && (estimate.LowerSeconds > estimate.Seconds || estimate.Seconds > estimate.UpperSeconds)))
        {
            Fail("O5", $"{id} was told {result.Usage} and {result.Estimate}.");
        }

        if (request.IdempotencyKey is { } key)
        {
            inquest.Ledger.Told(request.UserId, key, expected.KeyExpiresMs, result);
        }
    }

    private void CheckRepeated(JobRequest request, ModelAnswer kept, in SubmitResult result)
    {
        if (result.JobId != kept.JobId || !result.Repeated)
        {
            Fail("W5", $"The key of {kept.JobId} was answered with {result.JobId}.");
        }

        if (inquest.Ledger.Told(request.UserId, request.IdempotencyKey!, kept.ExpiresMs, result) is { } before)
        {
            Fail("W5", $"Whoever asked again for {kept.JobId} was told {result}, and before that {before}.");
        }

        Saw(kept.IsFromBefore ? Corner.KeyRepeatedAfterRestart : Corner.KeyRepeated);
    }

    /// <summary>Whether two requests under one key ask for the same work. Whose they are is not part of it, nor under
    /// which plan and id.</summary>
    private static bool AsksForTheSame(JobRequest one, JobRequest other) =>
        (one.Type, one.ProjectId, one.Priority) == (other.Type, other.ProjectId, other.Priority)
        && one.Payload.Span.SequenceEqual(other.Payload.Span)
        && one.Resources.ToHashSet().SetEquals(other.Resources);

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
