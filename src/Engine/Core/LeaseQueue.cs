namespace Engine.Core;

/// <summary>Open runs by when their lease ends, on the monotonic clock.</summary>
/// <remarks>Leases of one length end in the order in which they were given, so that a ring of each length in use
/// (nearly always one) is all that it takes: a heap would move a few others for every run that begins, is renewed or
/// ends.</remarks>
internal sealed class LeaseQueue
{
    // Runs that nobody holds yet: those of another life, or whose start is not durable.
    private readonly Ring<LeasedRun> _notHeld = new();
    private readonly List<(long LengthMs, Ring<LeasedRun> Runs)> _held = [];

    internal int Count { get; private set; }

    /// <summary>How many lengths rings are kept for, for who checks it.</summary>
    internal int Lengths => _held.Count;

    /// <summary>The run whose lease ends first; of leases of one length that end at once, the one that was given first.
    /// Null when none ends.</summary>
    internal Job? First
    {
        get
        {
            Job? first = null;
            foreach (var (_, runs) in _held)
            {
                if (runs.First.Job is { } run && (first is null || run.LeaseEndsMs < first.LeaseEndsMs))
                {
                    first = run;
                }
            }

            return first;
        }
    }

    /// <summary>When that is, in ms; <see cref="long.MaxValue"/> for never.</summary>
    internal long FirstDeadlineMs => First?.LeaseEndsMs ?? long.MaxValue;

    /// <summary>All of them, in no order that means anything.</summary>
    internal IEnumerable<Job> All =>
        _held.SelectMany(held => held.Runs.All).Concat(_notHeld.All).Select(static run => run.Job!);

    internal bool Contains(Job job) => RingOf(job) is not null;

    /// <summary>Takes a run in that nobody holds yet: its lease does not end.</summary>
    internal void Add(Job job)
    {
        job.LeaseEndsMs = long.MaxValue;
        _notHeld.Add(new LeasedRun(job));
        Count++;
    }

    /// <summary>Gives a run a lease from now on.</summary>
    /// <param name="job">Its job. It is in.</param>
    /// <param name="nowMs">The monotonic time, never earlier than before.</param>
    /// <param name="lengthMs">How long the lease is.</param>
    internal void Renew(Job job, long nowMs, long lengthMs)
    {
        Leave(job);
        var runs = RingFor(lengthMs);
        job.LeaseEndsMs = Math.Max(nowMs + lengthMs, runs.Last.Job?.LeaseEndsMs ?? 0);
        runs.Add(new LeasedRun(job));
    }

    /// <summary>Takes a run out. It is in.</summary>
    internal void Remove(Job job)
    {
        Leave(job);
        Count--;
    }

    /// <summary>Asks for the memory that a removal of the run begins in, if it is held.</summary>
    internal void Prefetch(Job job)
    {
        foreach (var (_, runs) in _held)
        {
            runs.PrefetchPlaceOf(new LeasedRun(job));
        }
    }

    private void Leave(Job job)
    {
        var runs = RingOf(job);
        Invariant.Holds(runs is not null);
        runs.Remove(new LeasedRun(job));
    }

    private Ring<LeasedRun>? RingOf(Job job)
    {
        foreach (var (_, runs) in _held)
        {
            if (runs.Contains(new LeasedRun(job)))
            {
                return runs;
            }
        }

        return _notHeld.Contains(new LeasedRun(job)) ? _notHeld : null;
    }

    private Ring<LeasedRun> RingFor(long lengthMs)
    {
        foreach (var (length, runs) in _held)
        {
            if (length == lengthMs)
            {
                return runs;
            }
        }

        // The settings have changed: rings of other lengths are in use until their last lease has ended.
        _held.RemoveAll(static held => held.Runs.Count == 0);
        var added = new Ring<LeasedRun>();
        _held.Add((lengthMs, added));
        return added;
    }

    private readonly struct LeasedRun(Job? job) : IRingEntry<LeasedRun>
    {
        internal readonly Job? Job = job;

        public bool IsGap => Job is null;

        public ref int Place => ref Job!.LeasePlace;

        public bool IsSame(in LeasedRun other) => ReferenceEquals(Job, other.Job);
    }
}
