using Engine.Runtime;
using Engine.Simulation.Audit;

namespace Engine.Simulation.Driver;

/// <summary>A call on its way through the loop and back, by the loop's own rules; what it caused is seen on the
/// way.</summary>
internal abstract class SimCall : Operation
{
    /// <summary>The life of the engine it was sent to; null once it was answered, or never will be.</summary>
    internal Life? Life { get; set; }

    internal int Index { get; set; }

    /// <summary>What a worker says, when it says how far it is: the stage or the percentage, and of which
    /// run.</summary>
    internal (RunLease Lease, string? Stage, int? Percent)? Said { get; init; }

    /// <summary>Events decided up to and with this call: what its answer may show.</summary>
    internal long EventsSeen { get; private set; }

    /// <summary>Events that it caused.</summary>
    internal long Caused { get; private set; }

    /// <summary>It is on its way to an engine.</summary>
    internal virtual void Sent()
    {
    }

    internal override bool Execute(LoopContext loop)
    {
        var witness = Life!.Witness;
        witness.SyncClock();
        long before = witness.EventCount;
        witness.Call = this;
        Prepare(witness);
        bool known = Decide(loop);
        witness.Call = null;
        EventsSeen = witness.EventCount;
        Caused = EventsSeen - before;
        Decided(witness);
        return known;
    }

    internal override void Publish()
    {
        if (Life is { } life)
        {
            life.Answered(this);
            Answer(life.Witness);
        }
    }

    internal override void Fail(Exception exception)
    {
        if (Life is { } life)
        {
            life.Forget(this);
            Lost();
        }
    }

    /// <summary>There will be no answer: whether it happened is not known.</summary>
    internal abstract void Lost();

    /// <summary>Notes what the model expects, before the engine decides.</summary>
    protected abstract void Prepare(Witness witness);

    protected abstract bool Decide(LoopContext loop);

    /// <summary>Compares what was caused, right after the engine decided.</summary>
    protected virtual void Decided(Witness witness)
    {
    }

    /// <summary>Compares the answer with what was expected, and hands it to whoever asked.</summary>
    protected abstract void Answer(Witness witness);
}

/// <summary>A question or command that the engine decides in a function of its own.</summary>
/// <param name="name">What it is called when it goes wrong.</param>
/// <param name="expect">What the model says the answer must be, and how many events come with it; called before the
/// engine decides.</param>
/// <param name="decide">The engine's decision.</param>
/// <param name="done">Who asked; null for no answer.</param>
internal sealed class AskCall<T>(
    string name,
    Func<Witness, (T Answer, int Events)>? expect,
    Func<LoopContext, T> decide,
    Action<T, bool> done) : SimCall
    where T : notnull
{
    private (T Answer, int Events)? _expected;
    private T? _answer;

    internal override void Lost() => done(default!, false);

    protected override void Prepare(Witness witness)
    {
        if (expect is not null && !witness.IsSuperseded)
        {
            _expected = expect(witness);
        }
    }

    protected override bool Decide(LoopContext loop)
    {
        _answer = decide(loop);
        return true;
    }

    protected override void Decided(Witness witness)
    {
        if (_expected is { } expected)
        {
            witness.CheckAnswer(name, expected.Answer, _answer!, Caused, expected.Events);
        }
    }

    protected override void Answer(Witness witness) => done(_answer!, true);
}

/// <summary>A submission, carried by the engine's own operation.</summary>
/// <param name="request">What was asked, as whoever asked knows it.</param>
/// <param name="submission">What the engine's front makes of it.</param>
/// <param name="done">Who asked.</param>
internal sealed class SubmitCall(
    JobRequest request, Core.Rules.Submission submission, Action<SubmitResult, bool> done) : SimCall
{
    private SubmitOperation _inner = null!;
    private ValueTask<SubmitResult> _task;
    private SubmitExpectation _expected;

    internal JobRequest Request => request;

    /// <summary>The id that its job must have.</summary>
    internal JobId JobId => submission.Id;

    internal override void Lost() => done(default, false);

    internal override void Sent()
    {
        _inner = SubmitOperation.Pool.Rent();
        _inner.Ask(submission);
    }

    internal override void Prepare(LoopContext loop, int step) => _inner.Prepare(loop, step);

    protected override void Prepare(Witness witness)
    {
        _task = _inner.Task;
        _expected = witness.Expect(request, submission.Id);
    }

    protected override bool Decide(LoopContext loop)
    {
        bool known = _inner.Execute(loop);
        _expected.IsStopping = loop.IsStopping;
        return known;
    }

    protected override void Decided(Witness witness) =>
        witness.NoteAnswer(request, submission.Id, ref _expected, Caused);

    protected override void Answer(Witness witness)
    {
        _inner.Publish();
        var result = _task.GetAwaiter().GetResult();
        witness.CheckSubmit(request, submission.Id, _expected, result, Caused);
        done(result, true);
    }
}

/// <summary>The end of a run, carried by the engine's own operation.</summary>
internal sealed class EndRunCall(RunLease lease, RunOutcome outcome, Action<LeaseAnswer, bool> done) : SimCall
{
    private EndRunOperation _inner = null!;
    private ValueTask<LeaseAnswer> _task;
    private LeaseAnswer _expected;

    internal RunLease Lease => lease;

    internal RunOutcome Outcome => outcome;

    internal override void Lost() => done(default, false);

    protected override void Prepare(Witness witness)
    {
        _inner = EndRunOperation.Pool.Rent();
        (_inner.Lease, _inner.Outcome) = (lease, outcome);
        _task = _inner.Task;
        _expected = witness.ExpectEnd(lease, outcome);
    }

    protected override bool Decide(LoopContext loop) => _inner.Execute(loop);

    protected override void Answer(Witness witness)
    {
        _inner.Publish();
        var answer = _task.GetAwaiter().GetResult();
        if (!witness.IsSuperseded)
        {
            int events = _expected is LeaseAnswer.Accepted or LeaseAnswer.CancelRequested ? 1 : 0;
            witness.CheckAnswer($"the end of {lease}", _expected, answer, Caused, events);
        }

        witness.NoteEnd(lease, outcome, answer);
        done(answer, true);
    }
}
