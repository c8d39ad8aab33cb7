namespace Engine.Core;

/// <summary>Jobs in the order in which they were submitted.</summary>
internal sealed class JobList
{
    private readonly Ring<LiveJob> _jobs = new();

    // The first that has not been counted as old, and the sequence of the last that has. Not state: found anew by
    // whoever asks for the count.
    private Job? _next;
    private long _countedUpTo;
    private TimeSpan _age = TimeSpan.MaxValue;

    internal Job? First => _jobs.First.Job;

    internal int Count => _jobs.Count;

    /// <summary>From the first to the last; none comes or goes meanwhile.</summary>
    internal IEnumerable<Job> All => _jobs.All.Select(static live => live.Job!);

    /// <summary>Jobs at the beginning that <see cref="CountOlder"/> has found old, and that are still here.</summary>
    internal int CountedOld { get; private set; }

    /// <summary>There may be more old ones than were counted.</summary>
    internal bool IsCounting { get; private set; }

    internal void Add(Job job)
    {
        _jobs.Add(new LiveJob(job));
        _next ??= job;
    }

    internal void Remove(Job job)
    {
        if (ReferenceEquals(job, _next))
        {
            _next = _jobs.After(new LiveJob(job)).Job;
        }
        else if (job.Sequence <= _countedUpTo)
        {
            CountedOld--;
        }

        _jobs.Remove(new LiveJob(job));
    }

    /// <summary>Asks for the memory that a removal of the job begins in.</summary>
    internal void Prefetch(Job job) => _jobs.PrefetchPlaceOf(new LiveJob(job));

    /// <summary>Counts on from where it was left: jobs are looked at once as they grow old, not each time that somebody
    /// asks.</summary>
    /// <param name="now">The instant by which they are judged; never earlier than before.</param>
    /// <param name="age">What an old job is older than.</param>
    /// <param name="most">How many to look at; with more, <see cref="IsCounting"/> says so.</param>
    internal void CountOlder(Instant now, TimeSpan age, int most)
    {
        if (age > _age)
        {
            // Of those that were old some may be so no longer.
            (_next, _countedUpTo, CountedOld) = (First, 0, 0);
        }

        _age = age;
        for (; _next is { } job && now.Since(job.SubmittedAt) > age; _next = _jobs.After(new LiveJob(job)).Job)
        {
            if (most-- == 0)
            {
                IsCounting = true;
                return;
            }

            _countedUpTo = job.Sequence;
            CountedOld++;
        }

        IsCounting = false;
    }

    private readonly struct LiveJob(Job? job) : IRingEntry<LiveJob>
    {
        internal readonly Job? Job = job;

        public bool IsGap => Job is null;

        public ref int Place => ref Job!.LivePlace;

        public bool IsSame(in LiveJob other) => ReferenceEquals(Job, other.Job);
    }
}
