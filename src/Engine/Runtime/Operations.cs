using Engine.Core;
using Engine.Core.Rules;
using Engine.Core.Scheduling;
using Engine.Storage;

namespace Engine.Runtime;

/// <summary>Submits a job. Pooled: the hottest way in.</summary>
internal sealed class SubmitOperation : Operation<SubmitResult>
{
    internal static readonly OperationPool<SubmitOperation> Pool = new();

    internal Submission Submission;

    private LaneNames _names;
    private SubmitHint _hint;
    private SubmitResult _answer;

    protected override ref SubmitResult Answer => ref _answer;

    /// <summary>Takes what the caller asks for. The caller's thread.</summary>
    internal void Ask(in Submission submission)
    {
        Submission = submission;
        EventCodec.WriteNames(submission, ref _names);
    }

    internal override void Prepare(LoopContext loop, int step) =>
        Submitting.Prepare(loop.Core, Submission, _names, ref _hint, step);

    internal override bool Execute(LoopContext loop)
    {
        // Who repeats a submission while the engine stops is told what it was told before (W5).
        Answer = !loop.IsStopping ? Submitting.Decide(loop.Core, Submission, _names, _hint)
            : Submitting.DecideRepeat(loop.Core, Submission) ?? new SubmitResult
            {
                Outcome = SubmitOutcome.Refused,
                Refusal = new Refusal { Reason = RefusalReason.Stopping, Message = "The engine is stopping." },
            };
        return true;
    }

    protected override void Recycle()
    {
        Submission = default;
        _hint = default;
        Pool.Return(this);
    }
}

/// <summary>Ends a run. Pooled.</summary>
internal sealed class EndRunOperation : Operation<LeaseAnswer>
{
    internal static readonly OperationPool<EndRunOperation> Pool = new();

    internal RunLease Lease;
    internal RunOutcome? Outcome;
    private LeaseAnswer _answer;

    protected override ref LeaseAnswer Answer => ref _answer;

    internal override void Prepare(LoopContext loop, int step) => Finishing.Prepare(loop.Core, Lease, step);

    internal override bool Execute(LoopContext loop)
    {
        Answer = Finishing.Decide(loop.Core, Lease, Outcome!);
        return true;
    }

    protected override void Recycle()
    {
        Outcome = null;
        Pool.Return(this);
    }
}

/// <summary>Asks for work: stays with the loop until there is some, or only until the end of the batch.</summary>
internal sealed class ClaimOperation(string[] types, int maxRuns, bool waits) : Operation<IReadOnlyList<ClaimedRun>>
{
    private readonly List<ClaimedRun> _runs = [];
    private EngineCore? _core;
    private JobTypeEntry[]? _types;
    private IReadOnlyList<ClaimedRun>? _answer;

    protected override ref IReadOnlyList<ClaimedRun>? Answer => ref _answer;

    internal override bool Execute(LoopContext loop)
    {
        _core = loop.Core;
        _types = [.. types.Select(loop.Core.TypeEntry)];
        if (loop.IsStopping)
        {
            Answer = [];
            return true;
        }

        loop.PendingClaims.Add(this);
        return false;
    }

    /// <summary>Takes what there is. Returns whether that is the answer.</summary>
    internal bool TryFulfil(EngineCore core, long epoch)
    {
        while (_runs.Count < maxRuns && !core.Sink.IsFull && Claiming.Decide(core, _types, epoch) is { } job)
        {
            if (_runs.Count == 0)
            {
                // This one no longer waits.
                _runs.EnsureCapacity((int)Math.Min(maxRuns, core.State.Queued + 1));
            }

            _runs.Add(Viewing.RunOf(job));
        }

        // A full batch says nothing about the queue: the rest of the answer follows in the next.
        Answer = _runs;
        return _runs.Count > 0 || (!waits && !core.Sink.IsFull);
    }

    /// <summary>Hands the runs out; their leases begin now. From the decision on, a slow commit would use them up before
    /// their worker has heard of them (F7).</summary>
    internal override void Publish()
    {
        foreach (var run in _runs)
        {
            // Nobody knew the lease until now, so nobody but a recovery could have ended the run.
            if (run.Lease.Hint is Job { State: JobState.Running } job && job.Lease == run.Lease)
            {
                Leasing.Renew(_core!, job);
            }
        }

        base.Publish();
    }

    /// <summary>Gives up waiting.</summary>
    internal void Release() => Answer = [];
}
