using System.Runtime.CompilerServices;

namespace Engine.Core;

/// <summary>Says where a job keeps its place in one kind of <see cref="JobRing{TPlace}"/>.</summary>
internal interface IJobPlace
{
    static abstract ref int Of(Job job);
}

/// <summary>Jobs in the order in which they were put in; any of them can leave. All in O(1), on average.</summary>
/// <remarks>
/// A ring of references with gaps where jobs have left, and not a list linked through the jobs: who leaves touches the
/// ring only, which is small, and no neighbour, which was last used thousands of jobs ago. A full ring with many gaps
/// is closed up, any other doubled.
/// </remarks>
internal sealed class JobRing<TPlace>
    where TPlace : struct, IJobPlace
{
    private const int SmallestSize = 16;

    private Job?[] _jobs = new Job?[SmallestSize];

    // Where the first is, and how many places from there on are in use, gaps included; the first and the last are none.
    private int _first;
    private int _length;

    internal int Count { get; private set; }

    /// <summary>The one that came first, if there is one.</summary>
    internal Job? First => Count > 0 ? _jobs[_first] : null;

    /// <summary>The one that came last, if there is one.</summary>
    internal Job? Last => Count > 0 ? _jobs[IndexOf(_length - 1)] : null;

    /// <summary>From the first to the last; the ring stays as it is meanwhile.</summary>
    internal IEnumerable<Job> All
    {
        get
        {
            for (int i = 0; i < _length; i++)
            {
                if (_jobs[IndexOf(i)] is { } job)
                {
                    yield return job;
                }
            }
        }
    }

    /// <summary>Whether the job is in this ring.</summary>
    internal bool Contains(Job job)
    {
        int index = TPlace.Of(job);
        return (uint)index < (uint)_jobs.Length && ReferenceEquals(_jobs[index], job);
    }

    /// <summary>Puts a job behind all others. It is in no ring of this kind.</summary>
    internal void Add(Job job)
    {
        if (_length == _jobs.Length)
        {
            Tidy();
        }

        int index = IndexOf(_length++);
        _jobs[index] = job;
        TPlace.Of(job) = index;
        Count++;
    }

    /// <summary>Takes a job out that is in this ring.</summary>
    internal void Remove(Job job)
    {
        Invariant.Holds(Contains(job));
        int index = TPlace.Of(job);
        _jobs[index] = null;
        if (--Count == 0)
        {
            (_first, _length) = (0, 0);
        }
        else if (index == _first)
        {
            do
            {
                _first = (_first + 1) & (_jobs.Length - 1);
                _length--;
            }
            while (_jobs[_first] is null);
        }
        else if (index == IndexOf(_length - 1))
        {
            do
            {
                _length--;
            }
            while (_jobs[IndexOf(_length - 1)] is null);
        }
    }

    /// <summary>The one that came next after a job that is in this ring.</summary>
    internal Job? After(Job job)
    {
        int last = IndexOf(_length - 1);
        for (int index = TPlace.Of(job); index != last;)
        {
            index = (index + 1) & (_jobs.Length - 1);
            if (_jobs[index] is { } next)
            {
                return next;
            }
        }

        return null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Tidy()
    {
        // Closed up only when that leaves room for as many as it moves.
        const int FarAhead = 16;
        var jobs = Count <= _jobs.Length / 2 ? _jobs : new Job?[_jobs.Length * 2];
        var old = _jobs;
        int end = ReferenceEquals(jobs, old) ? _first : 0;
        int start = end;
        for (int i = 0; i < _length; i++)
        {
            if (i + FarAhead < _length && old[(_first + i + FarAhead) & (old.Length - 1)] is { } soon)
            {
                Prefetch.Place(ref TPlace.Of(soon));
            }

            ref var place = ref old[(_first + i) & (old.Length - 1)];
            if (place is { } job)
            {
                place = null;
                jobs[end] = job;
                TPlace.Of(job) = end;
                end = (end + 1) & (jobs.Length - 1);
            }
        }

        (_jobs, _first, _length) = (jobs, start, Count);
    }

    private int IndexOf(int number) => (_first + number) & (_jobs.Length - 1);
}
