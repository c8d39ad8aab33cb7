using System.Runtime.CompilerServices;

namespace Engine.RunLogs;

/// <summary>Keeps the output of runs in memory: gone with the process. For tests, and beside a memory journal.</summary>
public sealed class MemoryRunLogStore : IRunLogStore
{
    private readonly TimeProvider _time;
    private readonly int _maxLines;
    private readonly Lock _lock = new();
    private readonly Dictionary<JobId, JobLog> _jobs = [];

    /// <summary>Creates an empty store.</summary>
    /// <param name="time">Dates the lines.</param>
    /// <param name="maxLines">Lines kept per job, 10 to 10,000,000; the oldest go first.</param>
    public MemoryRunLogStore(TimeProvider time, int maxLines = 50_000)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLines, 10);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxLines, 10_000_000);
        _time = time;
        _maxLines = maxLines;
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
            var job = Find(jobId);
            return FollowCoreAsync(job, afterId ?? job.LastId, cancellationToken);
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
                job.Lines.Clear();
                job.First = 0;
                job.Signal();
            }
        }

        return ValueTask.CompletedTask;
    }

    private async IAsyncEnumerable<RunLogLine> FollowCoreAsync(
        JobLog job, long afterId, [EnumeratorCancellation] CancellationToken cancellationToken)
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
                job.Add(
                    new RunLogLine(
                        ++job.LastId,
                        _time.GetUtcNow(),
                        RunLogPaging.Name(source),
                        clean,
                        phase is null ? null : RunLogPaging.Name(phase)),
                    _maxLines);
            }
        }
    }

    private sealed class JobLog
    {
        internal List<RunLogLine> Lines { get; } = [];

        internal int First { get; set; }

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
            if (Lines.Count - First > maxLines)
            {
                Lines[First++] = line; // Lets go of the dropped line until the list is compacted.
                if (First > maxLines)
                {
                    Lines.RemoveRange(0, First);
                    First = 0;
                }
            }

            Signal();
        }

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
