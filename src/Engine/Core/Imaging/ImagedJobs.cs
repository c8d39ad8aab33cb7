using Engine.Core.Scheduling;

namespace Engine.Core.Imaging;

/// <summary>The jobs of an image by place: first the live ones in the order in which they were submitted, then the
/// others in the order in which they ended.</summary>
internal abstract class ImagedJobs : IDisposable
{
    internal abstract int LiveCount { get; }

    internal abstract int Count { get; }

    internal int EndedCount => Count - LiveCount;

    /// <summary>The facts of a job, in an object that is good until the next call but one.</summary>
    internal abstract Job At(int place);

    internal abstract Lane LaneAt(int place);

    internal abstract long SequenceAt(int place);

    /// <summary>Lets go of what was copied: nothing can be read any more.</summary>
    public abstract void Dispose();
}

/// <summary>The jobs themselves, of a state that stands still.</summary>
internal sealed class StandingJobs(EngineState state) : ImagedJobs
{
    private readonly Job[] _live = [.. state.Live.All];
    private readonly Job[] _ended = state.Ended.ToArray();

    internal override int LiveCount => _live.Length;

    internal override int Count => _live.Length + _ended.Length;

    internal override Job At(int place) =>
        place < _live.Length ? _live[place] : _ended[place - _live.Length];

    internal override Lane LaneAt(int place) => At(place).Lane;

    internal override long SequenceAt(int place) => At(place).Sequence;

    public override void Dispose()
    {
        // They are the state's.
    }
}

/// <summary>Copies of jobs that may have changed since, or be forgotten.</summary>
/// <remarks>Written by one thread, which adds; then read by one, after <see cref="Sort"/>.</remarks>
internal sealed class CopiedJobs : ImagedJobs
{
    private const int PieceShift = 10;
    private const int PieceSize = 1 << PieceShift;

    private readonly OffHeap<JobFacts> _facts = new();

    // In pieces that are short enough to be the collector's youngest.
    private readonly List<JobReferences[]> _references = [];
    private int[] _order = [];
    private int _liveCount;
    private (Job Next, Job Last) _jobs = (new Job(), new Job());

    internal override int LiveCount => _liveCount;

    internal override int Count => _facts.Count;

    internal void Add(Job job)
    {
        int place = _facts.Count & (PieceSize - 1);
        _facts.Add(new JobFacts(job));
        if (place == 0)
        {
            _references.Add(new JobReferences[PieceSize]);
        }

        _references[^1][place] = JobReferences.Of(job);
    }

    /// <summary>Puts them in order. All have been added.</summary>
    internal void Sort()
    {
        int[] order = new int[Count];
        long[] keys = new long[Count];
        (int live, int ended) = (0, Count);
        for (int i = 0; i < Count; i++)
        {
            var facts = _facts[i];

            // The last thing that happens to a job is its end.
            bool isEnded = facts.State.IsFinal;
            int place = isEnded ? --ended : live++;
            (order[place], keys[place]) = (i, isEnded ? facts.LastEventId : facts.Sequence);
        }

        Array.Sort(keys, order, 0, live);
        Array.Sort(keys, order, live, Count - live);
        (_order, _liveCount) = (order, live);
    }

    internal override Job At(int place)
    {
        _jobs = (_jobs.Last, _jobs.Next);
        var job = _jobs.Last;
        _facts[_order[place]].PutInto(job);
        ReferencesAt(place).PutInto(job);
        return job;
    }

    internal override Lane LaneAt(int place) => ReferencesAt(place).Lane;

    internal override long SequenceAt(int place) => _facts[_order[place]].Sequence;

    public override void Dispose()
    {
        _facts.Dispose();
        _references.Clear();
    }

    private ref readonly JobReferences ReferencesAt(int place)
    {
        int index = _order[place];
        return ref _references[index >> PieceShift][index & (PieceSize - 1)];
    }
}
