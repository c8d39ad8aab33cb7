using System.Runtime.CompilerServices;

namespace Engine.RunLogs;

/// <summary>Keeps the output of runs in memory: gone with the process. For tests, and beside a memory journal.</summary>
/// <remarks>Bounded as a whole: beyond <c>maxBytes</c> the lines of the jobs that wrote first go first, whether or not those
/// jobs are kept.</remarks>
public sealed class MemoryRunLogStore : IRunLogStore
{
    private readonly TimeProvider _time;
    private readonly int _maxLines;
    private readonly long _maxBytes;
    private readonly Lock _lock = new();
    private readonly Dictionary<JobId, JobLog> _jobs = [];

    // Jobs with lines, in the order in which they got their first.
    private readonly LinkedList<JobLog> _oldest = new();
    private long _bytes;

    /// <summary>Creates an empty store.</summary>
    /// <param name="time">Dates the lines.</param>
    /// <param name="maxLines">Lines kept per job, 10 to 10,000,000; the oldest go first.</param>
    /// <param name="maxBytes">Bytes kept of all jobs, about, 64 KiB to 1 TiB.</param>
    public MemoryRunLogStore(TimeProvider time, int maxLines = 50_000, long maxBytes = 256 << 20)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLines, 10);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxLines, 10_000_000);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1 << 16);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBytes, 1L << 40);
        _time = time;
        (_maxLines, _maxBytes) = (maxLines, maxBytes);
    }

    /// <summary>Jobs that something is remembered of.</summary>
    internal int JobCount
    {
        get
        {
            lock (_lock)
            {
                return _jobs.Count;
            }
        }
    }

    /// <inheritdoc/>
    public IRunLog Open(JobId jobId, int run)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(run, 1);
        lock (_lock)
        {
            var job = Find(jobId);
            return job.Writer = new Writer(this, job);
        }
    }

    /// <inheritdoc/>
    public ValueTask<RunLogPage> ReadAsync(
        JobId jobId, long? beforeId, int limit, CancellationToken cancellationToken = default)
    {
        RunLogPaging.Check(limit);
        var newestFirst = new List<RunLogLine>(limit + 1);
        lock (_lock)
        {
            if (_jobs.TryGetValue(jobId, out var job))
            {
                int end = beforeId is { } id ? job.IndexOf(id) : job.Lines.Count;
                for (int i = end - 1; i >= job.First && newestFirst.Count <= limit; i--)
                {
                    newestFirst.Add(job.Lines[i]);
                }
            }
        }

        return ValueTask.FromResult(RunLogPaging.PageOf(newestFirst, limit));
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<RunLogLine> FollowAsync(JobId jobId, long? afterId, CancellationToken cancellationToken)
    {
        // Where to start is settled now, not when the first line is asked for (DA-24).
        lock (_lock)
        {
            long start = afterId ?? (_jobs.TryGetValue(jobId, out var job) ? job.LastId : 0);
            return FollowCoreAsync(jobId, start, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public ValueTask DeleteAsync(JobId jobId, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_jobs.Remove(jobId, out var job))
            {
                job.IsDeleted = true;
                job.Writer = null;
                _bytes -= job.Bytes;
                job.Clear();
                Unlist(job);
                job.Signal();
            }
        }

        return ValueTask.CompletedTask;
    }

    private async IAsyncEnumerable<RunLogLine> FollowCoreAsync(
        JobId jobId, long afterId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var job = BeginFollowing(jobId);
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                RunLogLine[] lines;
                Task changed;
                bool deleted;
                lock (_lock)
                {
                    lines = [.. job.Lines.Skip(job.IndexOf(afterId + 1))];
                    changed = job.Changed.Task;
                    deleted = job.IsDeleted;
                }

                foreach (var line in lines)
                {
                    yield return line;
                    afterId = line.Id;
                }

                if (deleted)
                {
                    yield break;
                }

                await changed.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            EndFollowing(jobId, job);
        }
    }

    private JobLog BeginFollowing(JobId jobId)
    {
        lock (_lock)
        {
            var job = Find(jobId);
            job.Followers++;
            return job;
        }
    }

    private void EndFollowing(JobId jobId, JobLog job)
    {
        lock (_lock)
        {
            // Of a job that nobody ever wrote for nobody will say that it can be forgotten.
            if (--job.Followers == 0 && job is { LastId: 0, Writer: null, IsDeleted: false })
            {
                _jobs.Remove(jobId);
            }
        }
    }

    private JobLog Find(JobId jobId)
    {
        if (!_jobs.TryGetValue(jobId, out var job))
        {
            _jobs.Add(jobId, job = new JobLog());
        }

        return job;
    }

    private void Write(Writer writer, JobLog job, string source, string text, string? phase)
    {
        if (!LogLines.TryClean(text, out string? clean))
        {
            return;
        }

        lock (_lock)
        {
            if (job.Writer == writer)
            {
                job.Place ??= _oldest.AddLast(job);
                long before = job.Bytes;
                job.Add(
                    new RunLogLine(
                        ++job.LastId,
                        _time.GetUtcNow(),
                        RunLogPaging.Name(source),
                        clean,
                        phase is null ? null : RunLogPaging.Name(phase)),
                    _maxLines);
                _bytes += job.Bytes - before;
                DropOldest();
            }
        }
    }

    private void DropOldest()
    {
        while (_bytes > _maxBytes && _oldest.First?.Value is { } job)
        {
            if (job.Count == 0)
            {
                // Should it write once more, it is the youngest.
                Unlist(job);
                continue;
            }

            long before = job.Bytes;
            job.DropFirst();
            _bytes += job.Bytes - before;
        }
    }

    private void Unlist(JobLog job)
    {
        if (job.Place is { } place)
        {
            _oldest.Remove(place);
            job.Place = null;
        }
    }

    private sealed class JobLog
    {
        // What a line takes besides its text, about.
        private const int BytesPerLine = 100;

        internal List<RunLogLine> Lines { get; } = [];

        internal int First { get; private set; }

        internal int Count => Lines.Count - First;

        /// <summary>What its lines take, about.</summary>
        internal long Bytes { get; private set; }

        /// <summary>Where it stands among those whose lines may have to go.</summary>
        internal LinkedListNode<JobLog>? Place { get; set; }

        internal int Followers { get; set; }

        internal long LastId { get; set; }

        internal bool IsDeleted { get; set; }

        internal Writer? Writer { get; set; }

        internal TaskCompletionSource Changed { get; private set; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>The place of the first line with at least this id.</summary>
        internal int IndexOf(long id)
        {
            // Ids are dense here: lines are only ever dropped at the old end.
            long firstId = LastId - (Lines.Count - First) + 1;
            return (int)Math.Clamp(First + (id - firstId), First, Lines.Count);
        }

        internal void Add(RunLogLine line, int maxLines)
        {
            Lines.Add(line);
            Bytes += BytesOf(line);
            if (Count > maxLines)
            {
                DropFirst();
            }

            Signal();
        }

        internal void DropFirst()
        {
            Bytes -= BytesOf(Lines[First]);
            Lines[First++] = Lines[^1]; // Lets go of the dropped line until the list is compacted.
            if (First > Lines.Count / 2)
            {
                Lines.RemoveRange(0, First);
                First = 0;
            }
        }

        internal void Clear()
        {
            Lines.Clear();
            (First, Bytes) = (0, 0);
        }

        private static long BytesOf(RunLogLine line) => BytesPerLine + (sizeof(char) * (long)line.Text.Length);

        internal void Signal()
        {
            Changed.TrySetResult();
            Changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private sealed class Writer(MemoryRunLogStore store, JobLog job) : IRunLog
    {
        public void Write(string source, string text, string? phase = null)
        {
            ArgumentNullException.ThrowIfNull(source);
            ArgumentNullException.ThrowIfNull(text);
            store.Write(this, job, source, text, phase);
        }

        public ValueTask DisposeAsync()
        {
            lock (store._lock)
            {
                if (job.Writer == this)
                {
                    job.Writer = null;
                }
            }

            return ValueTask.CompletedTask;
        }
    }
}
