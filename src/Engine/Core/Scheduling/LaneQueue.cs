namespace Engine.Core.Scheduling;

/// <summary>The waiting jobs of one lane, in the order of their keys.</summary>
/// <remarks>
/// Jobs of a lane mostly come in order: those are linked through themselves, where entering, leading and leaving touch
/// at most a neighbour. With a heap alone, each job that leaves moves a few others, which with a million waiting jobs
/// are far away. A job that comes out of order (a higher priority, an old place) goes to a heap beside the row.
/// Everything is O(log n).
/// </remarks>
internal struct LaneQueue
{
    private Job? _first;
    private Job? _last;
    private OrderKey _firstKey;
    private OrderKey _lastKey;
    private int _length;
    private IndexedHeap<Job>? _others;

    internal readonly int Count => _length + (_others?.Count ?? 0);

    /// <summary>The job with the lowest key. There is one.</summary>
    internal readonly Job First => IsRowNext ? _first! : _others!.First;

    /// <summary>The lowest key. There is one.</summary>
    internal readonly OrderKey FirstKey => IsRowNext ? _firstKey : _others!.FirstKey;

    /// <summary>The jobs with their keys, in no particular order.</summary>
    internal readonly IEnumerable<(OrderKey Key, Job Job)> Members
    {
        get
        {
            for (var job = _first; job is not null; job = job.NextInLane)
            {
                yield return (job.Key, job);
            }

            for (int i = 0; i < (_others?.Count ?? 0); i++)
            {
                yield return _others![i];
            }
        }
    }

    private readonly bool IsRowNext =>
        _first is not null && (_others is not { Count: > 0 } || _firstKey < _others.FirstKey);

    /// <summary>The job that the next one in order would be linked to, if there is one.</summary>
    internal readonly Job? Last => _last;

    internal void Add(OrderKey key, Job job)
    {
        if (_last is not { } last)
        {
            (_first, _firstKey) = (job, key);
        }
        else if (_lastKey < key || Planted.Is(PlantedBug.OldPlaceBehindTheRow))
        {
            (last.NextInLane, last.NextKeyInLane) = (job, key);
            job.PreviousInLane = last;
        }
        else
        {
            (_others ??= new IndexedHeap<Job>(2)).Add(key, job);
            return;
        }

        (_last, _lastKey) = (job, key);
        _length++;
    }

    /// <summary>Takes a job out. It is in, and its key is the one it came with.</summary>
    internal void Remove(Job job)
    {
        if (job.HeapSlot != HeapNode.Outside)
        {
            _others!.Remove(job);
            return;
        }

        var next = job.NextInLane;
        if (ReferenceEquals(_first, job))
        {
            // The next one is far away, and need not be told: what is before the first means nothing.
            (_first, _firstKey) = (next, job.NextKeyInLane);
            if (next is null)
            {
                Invariant.Holds(ReferenceEquals(_last, job));
                (_last, _lastKey) = (null, default);
            }
        }
        else
        {
            var previous = job.PreviousInLane;
            Invariant.Holds(previous is not null);
            (previous.NextInLane, previous.NextKeyInLane) = (next, job.NextKeyInLane);
            if (next is null)
            {
                Invariant.Holds(ReferenceEquals(_last, job));
                (_last, _lastKey) = (previous, previous.Key);
            }
            else
            {
                next.PreviousInLane = previous;
            }
        }

        job.PreviousInLane = job.NextInLane = null;
        job.NextKeyInLane = default;
        _length--;
    }
}
