namespace Engine.Core.Scheduling;

/// <summary>The waiting jobs of one lane, in the order of their keys.</summary>
/// <remarks>
/// Jobs of a lane mostly come in order: those lie in a row, where entering, leading and leaving touch no other job.
/// With a heap alone, each job that leaves moves a few others, which with a million waiting jobs are far away. A job
/// that comes out of order (a higher priority, an old place) goes to a heap beside the row. One that is taken from the
/// middle of the row leaves a gap. Everything is O(log n).
/// </remarks>
internal sealed class LaneQueue
{
    // A ring: its length is a power of two.
    private (OrderKey Key, Job? Job)[] _row = new (OrderKey, Job?)[2];
    private int _head;
    private int _length;
    private int _gaps;
    private IndexedHeap<Job>? _others;

    internal int Count => _length - _gaps + (_others?.Count ?? 0);

    /// <summary>The job with the lowest key. There is one.</summary>
    internal Job First => IsRowNext ? _row[_head].Job! : _others!.First;

    /// <summary>The lowest key. There is one.</summary>
    internal OrderKey FirstKey => IsRowNext ? _row[_head].Key : _others!.FirstKey;

    /// <summary>The jobs with their keys, in no particular order.</summary>
    internal IEnumerable<(OrderKey Key, Job Job)> Members
    {
        get
        {
            for (int i = 0; i < _length; i++)
            {
                var (key, job) = At(i);
                if (job is not null)
                {
                    yield return (key, job);
                }
            }

            for (int i = 0; i < (_others?.Count ?? 0); i++)
            {
                yield return _others!.Unordered[i];
            }
        }
    }

    // The row never begins with a gap.
    private bool IsRowNext => _length > 0 && (_others is not { Count: > 0 } || _row[_head].Key < _others.FirstKey);

    internal void Add(OrderKey key, Job job)
    {
        if (_length > 0 && !(At(_length - 1).Key < key))
        {
            (_others ??= new IndexedHeap<Job>(2)).Add(key, job);
            return;
        }

        if (_length == _row.Length)
        {
            Grow();
        }

        At(_length++) = (key, job);
    }

    /// <summary>Takes a job out. It is in, and its key is the one it came with.</summary>
    internal void Remove(Job job)
    {
        if (job.HeapIndex != HeapNode.Outside)
        {
            _others!.Remove(job);
            return;
        }

        int index = IndexOf(job.Key);
        Invariant.Holds(index >= 0 && ReferenceEquals(At(index).Job, job));
        At(index).Job = null;
        _gaps++;
        if (index == 0)
        {
            SkipGaps();
        }
        else if (_gaps > 8 && _gaps > _length / 2)
        {
            CloseGaps();
        }
    }

    private ref (OrderKey Key, Job? Job) At(int index) => ref _row[(_head + index) & (_row.Length - 1)];

    private int IndexOf(OrderKey key)
    {
        int low = 0;
        int high = _length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            var found = At(middle).Key;
            if (found == key)
            {
                return middle;
            }

            if (found < key)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return -1;
    }

    private void SkipGaps()
    {
        while (_length > 0 && At(0).Job is null)
        {
            At(0) = default;
            _head = (_head + 1) & (_row.Length - 1);
            _length--;
            _gaps--;
        }
    }

    private void CloseGaps()
    {
        int kept = 0;
        for (int i = 0; i < _length; i++)
        {
            if (At(i).Job is not null)
            {
                At(kept++) = At(i);
            }
        }

        for (int i = kept; i < _length; i++)
        {
            At(i) = default;
        }

        _length = kept;
        _gaps = 0;
    }

    private void Grow()
    {
        var row = new (OrderKey, Job?)[_row.Length * 2];
        for (int i = 0; i < _length; i++)
        {
            row[i] = At(i);
        }

        _row = row;
        _head = 0;
    }
}
