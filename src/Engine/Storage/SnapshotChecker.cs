using System.Runtime.InteropServices;
using Engine.Core;
using Engine.Core.Imaging;
using Engine.Estimation;

namespace Engine.Storage;

/// <summary>Reads a snapshot as a start would, but keeps no job: for whoever only wants to know what state it
/// gives.</summary>
internal sealed class SnapshotChecker : SnapshotReader
{
    private readonly List<ulong> _ended = [];
    private ulong[] _digests = [];
    private bool[] _isEnded = [];
    private (Job This, Job Other) _jobs = (new Job(), new Job());

    internal SnapshotChecker(EngineSettings settings)
        : this(new EngineCore(settings, new MovingAverageEstimator(), NoSink.Instance, isLedger: true))
    {
    }

    private SnapshotChecker(EngineCore core)
        : base(core) =>
        Core = core;

    /// <summary>Everything but the jobs, once it was read.</summary>
    internal EngineCore Core { get; }

    /// <summary>The digest of the state that was read.</summary>
    internal ulong ComputeHash()
    {
        var live = new List<ulong>(_digests.Length - _ended.Count);
        for (int i = 0; i < _digests.Length; i++)
        {
            if (!_isEnded[i])
            {
                live.Add(_digests[i]);
            }
        }

        return StateHash.Of(
            StateImage.Of(Core.State),
            CollectionsMarshal.AsSpan(live),
            CollectionsMarshal.AsSpan(_ended));
    }

    protected override void Expect(int jobs) => (_digests, _isEnded) = (new ulong[jobs], new bool[jobs]);

    protected override Job NextJob()
    {
        _jobs = (_jobs.Other, _jobs.This);
        _jobs.This.Reset();
        return _jobs.This;
    }

    protected override void Take(Job job, int place)
    {
        job.Lane.References++;
        job.User.JobCount++;
        _digests[place] = StateHash.DigestOf(job);
    }

    protected override void TakeEnded(int place)
    {
        _isEnded[place] = true;
        _ended.Add(_digests[place]);
    }

    /// <summary>Nothing is decided here, and nothing is forgotten.</summary>
    private sealed class NoSink : IEventSink
    {
        internal static NoSink Instance { get; } = new();

        public bool IsFull => false;

        public void Recorded(in JobEvent e, Job? job) =>
            throw new InvariantViolationException("Something was decided while a snapshot was checked.");

        public void Forgotten(JobId id)
        {
        }
    }
}
