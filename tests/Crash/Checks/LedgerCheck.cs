using Engine.Core;
using static Engine.Tests.Crash.Checks.Finding;

namespace Engine.Tests.Crash.Checks;

/// <summary>Holds what was promised (the book) and what happened in the world (the effects) against the journal.</summary>
internal sealed class LedgerCheck(ulong seed, Book book, EffectsLog effects)
{
    // Starts of jobs whose end somebody knew at an earlier check: there must never be one more.
    private readonly Dictionary<JobId, int> _startsWhenDone = [];

    internal int UnansweredPresent { get; private set; }

    internal int UnansweredAbsent { get; private set; }

    /// <summary>Checks everything. All processes are dead.</summary>
    internal void Run(JournalModel model)
    {
        effects.ReadOn();
        (UnansweredPresent, UnansweredAbsent) = (0, 0);
        foreach (var (n, (asked, answers)) in book.Submissions)
        {
            CheckSubmission(model, n, asked, answers);
        }

        foreach (var job in model.Jobs.Values)
        {
            Unless(book.NumberOf.ContainsKey(job.Id), "D8", $"{job.Id} is in the journal and nobody asked for it");
            Unless(
                job.Terminals == (job.State.IsFinal ? 1 : 0),
                "L2", $"{job.Id} is {job.State} and has {job.Terminals} terminal events");
        }

        CheckSeen(model);
        CheckCancels(model);
        CheckConfirmations(model);
        CheckEnds(model);
        CheckEffects(model);
    }

    private void CheckSubmission(JournalModel model, int n, int asked, List<Answer> answers)
    {
        var request = Workload.Request(seed, n);
        bool present = model.Jobs.TryGetValue(request.Id!.Value, out var job);
        var accepted = answers.Where(answer => answer.IsAccepted).ToList();
        if (accepted.Count > 0)
        {
            var first = accepted[0];
            Unless(present, "D1", $"submission {n} was acknowledged ({first}) and is not in the journal");
            Unless(
                accepted.All(answer => Content(answer) == Content(first)) && first.JobId == request.Id,
                "W5", $"submission {n} was answered differently: {string.Join("; ", accepted)}");
            Unless(
                accepted.Count(answer => !answer.Repeated) <= 1,
                "W5", $"submission {n} was accepted more than once: {string.Join("; ", accepted)}");
            Unless(
                first.Outcome == (job!.Admitted == JobState.Queued ? SubmitOutcome.Queued : SubmitOutcome.Scheduled)
                    && first.DueMs == job.AdmittedDueMs,
                "D1", $"submission {n} was answered {first}; the journal says {job.Admitted}, due {job.AdmittedDueMs}");
            foreach (var later in answers.Where(answer => answer.Life > first.Life))
            {
                // An engine that is stopping says only that.
                if (later.Reason == nameof(RefusalReason.Stopping))
                {
                    continue;
                }

                bool same = request.IdempotencyKey is null
                    ? later.Reason == nameof(RefusalReason.DuplicateId)
                    : later.Repeated;
                Unless(same, "W5", $"submission {n} was answered {first} and, in a later process, {later}");
            }
        }
        else if (asked == answers.Count)
        {
            bool only = answers.All(answer => answer.Reason != nameof(RefusalReason.DuplicateId));
            Unless(!present || !only, "A2", $"submission {n} was refused every time and left {request.Id} in the journal");
        }
        else
        {
            UnansweredPresent += present ? 1 : 0;
            UnansweredAbsent += present ? 0 : 1;
        }

        Unless(
            present || answers.All(answer => answer.Reason != nameof(RefusalReason.DuplicateId)),
            "D3", $"submission {n} was refused as known, and is not in the journal");
        if (present)
        {
            CheckContent(job!, request, n);
        }
    }

    private static (SubmitOutcome, JobId, long, long) Content(in Answer answer) =>
        (answer.Outcome, answer.JobId, answer.Position, answer.DueMs);

    private static void CheckContent(JobFacts job, JobRequest request, int n) => Unless(
        job.User == request.UserId && job.Project == request.ProjectId && job.Tier == request.Tier
            && job.Type == request.Type && job.Priority == request.Priority && job.Key == request.IdempotencyKey
            && job.Payload.AsSpan().SequenceEqual(request.Payload.Span),
        "D8", $"submission {n} is in the journal as something else: {job.User} {job.Project} {job.Tier} {job.Type} {job.Key}");

    private void CheckSeen(JournalModel model)
    {
        foreach (var (id, (job, state)) in book.Seen)
        {
            var found = model.EventOf(id);
            Unless(
                found == (job, state),
                "D3", $"event {id} was shown as {job} {state}; the journal has {found?.ToString() ?? "no such event"}");
        }
    }

    private void CheckCancels(JournalModel model)
    {
        foreach (var (id, outcomes) in book.Cancels)
        {
            foreach (var outcome in outcomes)
            {
                Unless(model.Jobs.TryGetValue(id, out var job), "D1", $"{id} was {outcome} and is not in the journal");
                bool holds = outcome switch
                {
                    CancelOutcome.Cancelled => job!.State == JobState.Cancelled,
                    CancelOutcome.Requested => job!.CancelRequested && job.State is JobState.Running or JobState.Cancelled,
                    CancelOutcome.AlreadyFinal => job!.State.IsFinal,
                    CancelOutcome.NotFound => false,
                };
                Unless(holds, "L7", $"cancelling {id} was answered {outcome}, and it is {job!.State}");
            }
        }
    }

    private void CheckConfirmations(JournalModel model)
    {
        foreach (var (id, answers) in book.Confirmations)
        {
            var granted = answers.Where(answer => answer.Outcome == ConfirmOutcome.Confirmed).ToList();
            int found = model.Jobs.GetValueOrDefault(id)?.Confirmations ?? 0;
            Unless(
                granted.Count == 0 || found > 0,
                "D1", $"{granted.Count} confirmations of {id} were acknowledged, the journal has none");
            if (model.Jobs.GetValueOrDefault(id) is { } job)
            {
                int cap = Workload.TierOf(job.User).IterationCap;
                Unless(job.IterationsGranted <= cap, "A8", $"{id} was granted {job.IterationsGranted} of {cap} iterations");
            }
        }
    }

    private void CheckEnds(JournalModel model)
    {
        foreach (var (lease, answer) in book.Ends)
        {
            var end = EndOf(model, lease);
            bool holds = answer switch
            {
                LeaseAnswer.Accepted => end == RunEnd.Completed,
                LeaseAnswer.CancelRequested => end == RunEnd.Stopped,
                LeaseAnswer.LeaseLost => end is RunEnd.Lost or RunEnd.Stopped,
                null => end is not null,
                _ => false,
            };
            Unless(holds, "D1", $"the end of {lease} was answered {answer}; the journal has {end?.ToString() ?? "no such run"}");
        }

        foreach (var (lease, answer) in book.Stale)
        {
            Unless(answer == LeaseAnswer.LeaseLost, "L5", $"a completion of {lease} that came too late was answered {answer}");
        }
    }

    private void CheckEffects(JournalModel model)
    {
        foreach (var (lease, (started, done)) in effects.Runs)
        {
            var end = EndOf(model, lease);
            Unless(end is not null, "D3", $"{lease} had effects, and the journal never handed it out");
            Unless(started == 1, "L4", $"{lease} had its effects {started} times");
            Unless(done <= 1, "L4", $"{lease} came to its end {done} times");
        }

        foreach (var lease in book.Ran.Concat(book.Did))
        {
            Unless(effects.Runs.ContainsKey(lease), "D1", $"{lease} was reported and left no effect: the test is broken");
        }

        foreach (var job in model.Jobs.Values.Where(job => job.State == JobState.Completed))
        {
            var last = new RunLease(job.Id, job.Runs.Count, job.Runs[^1].Epoch);
            int done = effects.Runs.GetValueOrDefault(last).Done;
            Unless(done == 1, "D1", $"{last} is recorded as completed, and its work was done {done} times");
        }

        foreach (var id in book.KnownEnds)
        {
            int starts = effects.StartsOf.GetValueOrDefault(id);
            if (!_startsWhenDone.TryAdd(id, starts))
            {
                Unless(
                    _startsWhenDone[id] == starts,
                    "L2", $"{id} was known as ended after {_startsWhenDone[id]} runs and has had {starts} since");
            }
        }
    }

    private static RunEnd? EndOf(JournalModel model, RunLease lease) =>
        model.Jobs.TryGetValue(lease.JobId, out var job) && lease.Run <= job.Runs.Count
            && job.Runs[lease.Run - 1].Epoch == lease.Epoch
            ? job.Runs[lease.Run - 1].End
            : null;
}
