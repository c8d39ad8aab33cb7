using Engine.Tests.Load.Checks;
using Engine.Tests.Load.Driving;
using Engine.Tests.Load.Targets;

namespace Engine.Tests.Load.Work;

/// <summary>What users do, one operation a number, and what each answer must be like. Which operation a number stands
/// for is fixed by the seed; whose job it meets is not.</summary>
internal sealed class Traffic(Target target, Workload workload, Ledger ledger, Findings findings, ulong seed)
{
    private int _next = -1;

    /// <summary>Whether the engine may go away: then there may be no answers.</summary>
    internal bool MayEnd { get; set; }

    /// <summary>Submits and nothing else.</summary>
    internal ValueTask<Operation> SubmitOnlyAsync(long number) =>
        GuardedAsync(() => SubmitAsync(workload.Ask(Interlocked.Increment(ref _next))));

    /// <summary>A mix of everything.</summary>
    internal ValueTask<Operation> AnyAsync(long number)
    {
        var dice = Dice.For(seed, (ulong)number ^ 0x0F_F1CE);
        int kind = dice.Below(100);
        var recent = ledger.AnyRecent(ref dice);
        return GuardedAsync(() => kind switch
        {
            < 50 => SubmitAsync(workload.Ask(Interlocked.Increment(ref _next))),
            < 60 => SubmitTwiceAsync(Workload.WithKey(workload.Ask(Interlocked.Increment(ref _next)))),
            < 92 when recent is not null => LookAsync(recent),
            < 98 when recent is not null => CancelAsync(recent),
            _ => QueueAsync(),
        });
    }

    /// <summary>Looks at a certain job, and confirms it if it waits for that.</summary>
    internal ValueTask<Operation> LookAtAsync(Acknowledged job) => GuardedAsync(() => LookAsync(job));

    /// <summary>Submits for a certain user, a job that all others leave alone; there is none when it was not
    /// accepted.</summary>
    internal async ValueTask<(Acknowledged? Job, SubmitAnswer Answer)> SubmitForAsync(
        string user, Func<Ask, Ask>? change = null)
    {
        var ask = workload.AskOf(user, Interlocked.Increment(ref _next));
        ask = change is null ? ask : change(ask);
        var answer = await target.SubmitAsync(ask);
        Note(ask, answer, isForAll: false);
        return (ledger.Accepted.GetValueOrDefault(ask.Number), answer);
    }

    /// <summary>Sends an accepted submission that has a key once more: the answer must be the same job.</summary>
    internal async Task ResendAsync(Acknowledged job)
    {
        var again = await target.SubmitAsync(job.Ask);
        findings.Unless(
            again.IsAccepted && again.Repeated && again.Id == job.Id,
            "W5", $"submission {job.Number} was acknowledged as {job.Id}; sent again, it was answered {again}");
    }

    /// <summary>Reads a stream until its job has ended or it is told to stop. False when the stream was never
    /// opened.</summary>
    internal async Task<bool> WatchAsync(Acknowledged job, CancellationToken stop, Action? opened = null)
    {
        long last = -1;
        bool isOpen = false;
        await foreach (var change in target.WatchAsync(job, Opened, stop))
        {
            ledger.Count(change.IsResync ? "stream_resyncs" : "stream_events");
            findings.Unless(
                change.Id is null || change.Id > last, "W4", $"a stream of {job.Id} says {change.Id} after {last}");
            last = change.Id ?? last;
            if (change.State.IsFinal)
            {
                ledger.Count("streams_to_the_end");
                ledger.SeeEnd(job.Id, change.State);
            }
        }

        return isOpen;

        void Opened()
        {
            isOpen = true;
            opened?.Invoke();
        }
    }

    private async Task<Operation> SubmitAsync(Ask ask) => Note(ask, await target.SubmitAsync(ask));

    private async Task<Operation> SubmitTwiceAsync(Ask ask)
    {
        var first = target.SubmitAsync(ask).AsTask();
        var second = target.SubmitAsync(ask).AsTask();
        var (one, two) = (await first, await second);

        // Accepted once is accepted; and what was not answered once is not known to be refused.
        var noted = Note(ask, one.IsAccepted || (one.Kind == Answer.None && !two.IsAccepted) ? one : two);
        if (!one.IsAccepted || !two.IsAccepted)
        {
            return noted;
        }

        ledger.Count("sent_twice");
        findings.Unless(
            one.Id == two.Id && one.Repeated != two.Repeated,
            "W5", $"submission {ask.Number}, sent twice at once, was answered {one} and {two}");
        var other = await target.SubmitAsync(ask with { Priority = (ask.Priority + 1) % 100 });
        findings.Unless(
            other is { Kind: Answer.Refused, Reason: SubmitAnswer.KeyReused } || (MayEnd && other.Kind == Answer.None),
            "W5", $"another request under the key of submission {ask.Number} was answered {other}");
        return Operation.Submit;
    }

    private Operation Note(Ask ask, SubmitAnswer answer, bool isForAll = true)
    {
        switch (answer.Kind)
        {
            case Answer.Queued or Answer.Scheduled:
                ledger.Count(answer.Kind == Answer.Queued ? "queued" : "scheduled");
                findings.Unless(
                    ledger.Accept(new Acknowledged(ask, answer.Id), isForAll),
                    "W5", $"submission {ask.Number} was accepted as {answer.Id} and as another job");
                break;
            case Answer.Refused:
                ledger.Count("refused_" + answer.Reason);
                ledger.Refuse(ask.Number);
                bool mayBe = answer.Reason is SubmitAnswer.CapReached or SubmitAnswer.ScheduleFull
                    || (MayEnd && answer.Reason == SubmitAnswer.Stopping);
                findings.Unless(mayBe, "A2", $"submission {ask.Number} was refused: {answer.Reason}");
                findings.Unless(
                    answer.RetryAfter is { } after && after >= TimeSpan.FromSeconds(1),
                    "A2", $"a refusal ({answer.Reason}) does not say when to try again: {answer.RetryAfter}");
                break;
            case Answer.None:
                ledger.Count("not_answered");
                ledger.MissAnswer(ask.Number);
                findings.Unless(MayEnd, "V1", $"submission {ask.Number} was not answered: {answer.Reason}");
                return Operation.Unanswered;
        }

        return Operation.Submit;
    }

    private async Task<Operation> LookAsync(Acknowledged job)
    {
        var look = await target.LookAsync(job);
        findings.Unless(look is not null, "D1", $"{job.Id} was acknowledged and is not shown to its owner");
        if (look is null)
        {
            return Operation.Look;
        }

        Explained.Check(findings, job, look);
        if (look.State != JobState.AwaitingConfirmation)
        {
            return Operation.Look;
        }

        ledger.Count(await target.ConfirmAsync(job) ? "confirmed" : "confirmed_too_late");
        return Operation.Confirm;
    }

    private async Task<Operation> CancelAsync(Acknowledged job)
    {
        ledger.Count(await target.CancelAsync(job) ? "cancelled" : "cancelled_too_late");
        return Operation.Cancel;
    }

    private async Task<Operation> QueueAsync()
    {
        var queue = await target.QueueAsync();
        findings.Unless(queue.Queued <= queue.Cap, "A1", $"{queue.Queued} jobs are queued, {queue.Cap} may be");
        return Operation.Queue;
    }

    // A loop's operation never throws: what goes wrong is a finding.
    private async ValueTask<Operation> GuardedAsync(Func<Task<Operation>> operation)
    {
        try
        {
            return await operation();
        }
        catch (NoAnswerException gone)
        {
            ledger.Count("not_answered");
            findings.Unless(MayEnd, "V1", $"a question was not answered: {gone.Message}");
        }
        catch (Exception e) when (e is InvalidDataException or KeyNotFoundException or System.Text.Json.JsonException)
        {
            findings.Unless(false, "V1", $"an answer cannot be understood: {e.Message}");
        }

        return Operation.Unanswered;
    }
}
