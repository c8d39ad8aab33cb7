using Engine.Core;
using Engine.Core.Rules;
using Engine.Runtime;
using Engine.Storage;
using Engine.Tests.Stories;

namespace Engine.Tests.Runtime;

/// <summary>Callers and workers who know only what they were answered, and keep a ledger of it.</summary>
internal sealed class Clients
{
    private readonly List<Call> _calls = [];
    private readonly List<RunLease> _leases = [];
    private readonly List<JobId> _jobs = [];
    private readonly Watcher _watcher;
    private int _next;

    internal Clients(JobEngineOptions options, ScriptedJournal journal)
    {
        Journal = journal;
        Engine = new EngineUnderTest(options, EngineUnderTest.NewClock(), journal);
        _watcher = Engine.Feed.WatchAll(0);
    }

    internal EngineUnderTest Engine { get; }

    internal ScriptedJournal Journal { get; }

    /// <summary>Every answer that was given, and how to see after a restart that it still holds.</summary>
    internal List<(string What, Action<EngineCore> StillHolds)> Ledger { get; } = [];

    /// <summary>Ids that were refused and must be nowhere.</summary>
    internal HashSet<JobId> Refused { get; } = [];

    internal int Failed { get; private set; }

    internal int Unanswered => _calls.Count;

    internal void Post(Op op)
    {
        try
        {
            Send(op);
        }
        catch (EngineStoppedException) when (Engine.Loop.HasEnded)
        {
            Failed++;
        }
    }

    /// <summary>One step, after which whatever was answered is compared with what is durable.</summary>
    internal bool Step()
    {
        bool hadFailed = Engine.Loop.Failure is not null;
        bool any = Engine.Loop.Step();
        var durable = Walk.Events(FramesOf(Journal.Inner));
        foreach (var call in _calls.Where(call => call.IsAnswered()).ToList())
        {
            _calls.Remove(call);
            try
            {
                long seen = call.Take();
                Assert.False(hadFailed, $"{call.What} was acknowledged after the loop had failed (D5).");
                Assert.True(
                    seen <= durable.Count,
                    $"{call.What} was answered from event {seen}; {durable.Count} are durable (D3).");
            }
            catch (EngineStoppedException)
            {
                Assert.True(Engine.Loop.HasEnded);
                Failed++;
            }
        }

        while (_watcher.Channel.Reader.TryRead(out var update))
        {
            Assert.True(update.EventId <= durable.Count,
                $"Event {update.EventId} was shown; {durable.Count} are durable.");
        }

        foreach (var lease in Engine.Stopped)
        {
            Assert.Contains(durable, e => e.Event.JobId == lease.JobId
                && e.Event.Kind is EventKind.CancelRequested or EventKind.RunEnded);
        }

        Engine.Stopped.Clear();
        return any;
    }

    private void Send(Op op)
    {
        switch (op)
        {
            case Op.Submit submit:
                Submit(Play.SubmissionOf(submit with { Job = ++_next, Key = 0 }));
                break;
            case Op.Claim claim:
                var operation = new ClaimOperation([Setup.Plain, Setup.Staged, Setup.Scarce], claim.Max,
                    waits: claim.Types == 7);
                Send(op, operation, operation.Task, runs =>
                {
                    _leases.AddRange(runs.Select(run => run.Lease));
                    foreach (var run in runs)
                    {
                        Holds(op, core => Assert.True(core.State.Jobs[run.Lease.JobId].Runs >= run.Lease.Run));
                    }
                });
                break;
            case Op.End end when _leases.Count > 0:
                EndRun(end, _leases[end.Run % _leases.Count]);
                break;
            case Op.Cancel cancel when _jobs.Count > 0:
                var id = _jobs[cancel.Job % _jobs.Count];
                Ask(op, core => Cancelling.Decide(core, core.State.Jobs[id]), outcome =>
                {
                    if (outcome is CancelOutcome.Cancelled or CancelOutcome.Requested)
                    {
                        // A run that was told to stop is lost by the restart, and its job ends cancelled (L7).
                        Holds(op, core => Assert.Equal(JobState.Cancelled, core.State.Jobs[id].State));
                    }
                });
                break;
            case Op.Iterate iterate when _leases.Count > 0:
                var lease = _leases[iterate.Run % _leases.Count];
                Ask(op, core => (Iterating.DecideBegin(core, lease), core.State.Jobs[lease.JobId].IterationsUsed),
                    answer =>
                    Holds(op, core =>
                        Assert.True(core.State.Jobs[lease.JobId].IterationsUsed >= answer.IterationsUsed)));
                break;
            default:
                break;
        }
    }

    private void Submit(Submission submission)
    {
        var operation = SubmitOperation.Pool.Rent();
        operation.Submission = submission;
        Send($"submit {submission.Id}", operation, operation.Task, result =>
        {
            if (result.Outcome == SubmitOutcome.Refused)
            {
                Refused.Add(submission.Id);
                return;
            }

            Assert.Equal(submission.Id, result.JobId);
            _jobs.Add(submission.Id);
            Holds($"submitted {submission.Id}", core => Assert.True(core.State.Jobs.ContainsKey(submission.Id)));
        });
    }

    private void EndRun(Op.End end, RunLease lease)
    {
        var outcome = Play.OutcomeOf(end.How);
        var operation = EndRunOperation.Pool.Rent();
        (operation.Lease, operation.Outcome) = (lease, outcome);
        Send(end, operation, operation.Task, answer =>
        {
            if (answer == LeaseAnswer.Accepted && outcome is RunOutcome.Completed)
            {
                Holds(end, core => Assert.Equal(JobState.Completed, core.State.Jobs[lease.JobId].State));
            }
            else if (answer == LeaseAnswer.Accepted)
            {
                // Over is over: what was ended in whatever way does not hold its slots any more under this lease.
                Holds(end, core => Assert.Null(core.HolderOf(lease)));
            }
        });
    }

    private void Ask<T>(Op op, Func<EngineCore, T> decide, Action<T> note)
    {
        var operation = new FuncOperation<T>(loop => decide(loop.Core));
        Send(op, operation, operation.Task, note);
    }

    /// <summary>Sends an operation, and right after it a question: how far has the engine decided?</summary>
    private void Send<T>(object op, Operation operation, ValueTask<T> task, Action<T> note)
    {
        Engine.Post(operation);
        var probe = new FuncOperation<long>(loop => loop.Core.State.LastEventId);
        Engine.Post(probe);
        var seen = probe.Task;
        _calls.Add(new Call(op.ToString()!, () => task.IsCompleted && seen.IsCompleted, () =>
        {
            // Both, even if the first fails: each answer is taken exactly once.
            var last = seen.AsTask();
            note(task.GetAwaiter().GetResult());
            return last.GetAwaiter().GetResult();
        }));
    }

    private void Holds(object what, Action<EngineCore> stillHolds) => Ledger.Add((what.ToString()!, stillHolds));

    private static IEnumerable<JournalFrame> FramesOf(MemoryJournal journal)
    {
        var reader = journal.ReadAsync(1).GetAsyncEnumerator();
        while (EngineUnderTest.Done(reader.MoveNextAsync()))
        {
            yield return reader.Current;
        }
    }

    private sealed record Call(string What, Func<bool> IsAnswered, Func<long> Take);
}
