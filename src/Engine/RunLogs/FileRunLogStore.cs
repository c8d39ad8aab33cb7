using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Engine.RunLogs;

/// <summary>Keeps the output of runs in files under one directory, which this process has for itself.</summary>
/// <remarks>
/// Writers only clean a line and queue it; one pump writes the files, so that a slow disk slows no engine and no handler
/// down for long. A job has a directory, a run some files in it (<see cref="RunLogSegment"/>), of which the oldest goes
/// when the run has printed too much. Lines survive the end of the process once stored, but not the loss of power: they
/// are not synced. Directories are made with mode 0700, files with 0600.
/// </remarks>
public sealed partial class FileRunLogStore : IRunLogStore, IAsyncDisposable
{
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RunLogLimits _limits;
    private readonly Lock _lock = new();
    private readonly Dictionary<JobId, FileJobLog> _open = [];
    private readonly Channel<FileJobLog> _dirty =
        Channel.CreateUnbounded<FileJobLog>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _pump;

    /// <summary>Opens or makes the directory.</summary>
    /// <param name="directory">Where the logs are kept.</param>
    /// <param name="time">Dates the lines.</param>
    /// <param name="logger">Told when the disk fails.</param>
    /// <param name="limits">How much is kept; by default about 50,000 lines a run.</param>
    /// <exception cref="IOException">The directory cannot be made.</exception>
    public FileRunLogStore(
        string directory, TimeProvider time, ILogger<FileRunLogStore> logger, RunLogLimits? limits = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(logger);
        _directory = Path.GetFullPath(directory);
        _time = time;
        _logger = logger;
        _limits = (limits ?? new RunLogLimits()).Validated();
        RunLogFiles.MakeDirectory(_directory);
        _pump = Task.Run(PumpAsync);
    }

    /// <inheritdoc/>
    public IRunLog Open(JobId jobId, int run)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(run, 1);
        var job = Acquire(jobId);
        try
        {
            return job.OpenWriter(run);
        }
        catch
        {
            Release(job);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<RunLogPage> ReadAsync(
        JobId jobId, long? beforeId, int limit, CancellationToken cancellationToken = default)
    {
        RunLogPaging.Check(limit);
        await StoredAsync(jobId, cancellationToken).ConfigureAwait(false);

        var segments = RunLogSegment.List(DirectoryOf(jobId));
        var newestFirst = new List<RunLogLine>(limit + 1);
        for (int i = segments.Count - 1; i >= 0 && newestFirst.Count <= limit; i--)
        {
            if (beforeId is null || segments[i].FirstId < beforeId)
            {
                segments[i].ReadBackward(beforeId, limit + 1 - newestFirst.Count, newestFirst);
            }
        }

        return RunLogPaging.PageOf(newestFirst, limit);
    }

    /// <inheritdoc/>
    /// <remarks>A reader so slow that lines are rotated away before it comes to them misses those; the ids show it.
    /// Deleting the job's log ends the sequence.</remarks>
    public IAsyncEnumerable<RunLogLine> FollowAsync(JobId jobId, long? afterId, CancellationToken cancellationToken)
    {
        // Where to start is settled now, not when the first line is asked for (DA-24).
        long start = afterId ?? LastIdOf(jobId);
        return FollowCoreAsync(jobId, start, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DeleteAsync(JobId jobId, CancellationToken cancellationToken = default)
    {
        var job = Acquire(jobId);
        try
        {
            lock (_lock)
            {
                _open.Remove(jobId);
            }

            job.Delete();
        }
        finally
        {
            Release(job);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Stores what is queued and stops; what is written afterwards is dropped.</summary>
    public async ValueTask DisposeAsync()
    {
        _dirty.Writer.TryComplete();
        await _pump.ConfigureAwait(false);
        List<FileJobLog> open;
        lock (_lock)
        {
            open = [.. _open.Values];
        }

        foreach (var job in open)
        {
            job.Stop();
        }
    }

    internal void MarkDirty(FileJobLog job)
    {
        lock (_lock)
        {
            job.References++;
        }

        if (!_dirty.Writer.TryWrite(job))
        {
            job.Stop();
            Release(job);
        }
    }

    internal void Release(FileJobLog job)
    {
        lock (_lock)
        {
            if (--job.References > 0)
            {
                return;
            }

            if (_open.TryGetValue(job.JobId, out var current) && ReferenceEquals(current, job))
            {
                _open.Remove(job.JobId);
            }
        }

        job.Dispose();
    }

    private async Task PumpAsync()
    {
        await foreach (var job in _dirty.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            job.Store();
            Release(job);
        }
    }

    private async IAsyncEnumerable<RunLogLine> FollowCoreAsync(
        JobId jobId, long afterId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var job = Acquire(jobId);
        try
        {
            var lines = new List<RunLogLine>();
            var cursor = new FollowCursor(DirectoryOf(jobId), afterId);
            while (!cancellationToken.IsCancellationRequested)
            {
                // Taken before reading: what is stored after the read completes it.
                var changed = job.Changed;
                bool deleted = job.IsDeleted;
                lines.Clear();
                cursor.Read(lines);
                foreach (var line in lines)
                {
                    yield return line;
                }

                if (lines.Count > 0)
                {
                    continue;
                }

                if (deleted)
                {
                    yield break;
                }

                await ((Task)changed.WaitAsync(cancellationToken)).ConfigureAwait(
                    ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            Release(job);
        }
    }

    /// <summary>Waits until what was written before the call can be read.</summary>
    private async ValueTask StoredAsync(JobId jobId, CancellationToken cancellationToken)
    {
        FileJobLog? job;
        lock (_lock)
        {
            if (!_open.TryGetValue(jobId, out job))
            {
                return;
            }

            job.References++;
        }

        try
        {
            await job.StoredAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Release(job);
        }
    }

    private long LastIdOf(JobId jobId)
    {
        var job = Acquire(jobId);
        try
        {
            return job.LastId();
        }
        finally
        {
            Release(job);
        }
    }

    private FileJobLog Acquire(JobId jobId)
    {
        lock (_lock)
        {
            if (!_open.TryGetValue(jobId, out var job))
            {
                job = new FileJobLog(this, jobId, DirectoryOf(jobId), _time, _limits, _logger);
                _open.Add(jobId, job);
            }

            job.References++;
            return job;
        }
    }

    // The last two digits of an id are random: 256 directories of about equal size.
    private string DirectoryOf(JobId jobId)
    {
        string name = jobId.ToString();
        return Path.Combine(_directory, name[^2..], name);
    }

    /// <summary>How far a follower has come in a job's files.</summary>
    private struct FollowCursor(string directory, long afterId)
    {
        private long _afterId = afterId;
        private RunLogSegment? _segment;
        private long _offset;

        internal void Read(List<RunLogLine> lines)
        {
            if (_segment is not null)
            {
                _segment.ReadForward(ref _offset, _afterId, lines);
            }

            // A segment is only left for one that has begun: then no more lines come to it.
            while (lines.Count == 0 && Next() is { } next)
            {
                _segment?.ReadForward(ref _offset, _afterId, lines);
                if (lines.Count > 0)
                {
                    break;
                }

                _segment = next;
                _offset = -1;
                next.ReadForward(ref _offset, _afterId, lines);
            }

            if (lines.Count > 0)
            {
                _afterId = lines[^1].Id;
            }
        }

        private readonly RunLogSegment? Next()
        {
            var segments = RunLogSegment.List(directory);
            if (_segment is { } current)
            {
                return segments.Find(candidate => candidate.FirstId > current.FirstId);
            }

            long after = _afterId;
            return segments.FindLast(candidate => candidate.FirstId <= after + 1) ?? segments.FirstOrDefault();
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The log of job {JobId} cannot be stored: {Count} lines are lost.")]
    internal static partial void LinesLost(ILogger logger, Exception exception, JobId jobId, int count);
}
