using Microsoft.Extensions.Logging;

namespace Engine.RunLogs;

/// <summary>The log of one job while somebody writes or follows it: ids, lines that wait, the file being written.</summary>
/// <remarks>
/// Two locks, never both at once by the same caller but in the order I/O, then gate. The gate guards what writers touch,
/// and nobody does I/O under it. The I/O lock guards the files: the pump stores under it, deleting takes it.
/// </remarks>
internal sealed class FileJobLog(
    FileRunLogStore store, JobId jobId, string directory, TimeProvider time, RunLogLimits limits, ILogger logger)
    : IDisposable
{
    private const int MaxBufferedChars = 1 << 20;
    private static readonly TimeSpan MaxFlushWait = TimeSpan.FromSeconds(5);

    // Writers wait on it for room, which Lock cannot do.
    private readonly object _gate = new();
    private readonly Lock _io = new();
    private readonly RunLogFiles _files = new(directory, limits);

    // Under the gate.
    private List<(int Run, RunLogLine Line)> _buffer = [];
    private int _bufferedChars;
    private long _lastId = -1;
    private long _storedId;
    private bool _dirty;
    private bool _stalled;
    private bool _isStopped;
    private long _dropped;
    private Writer? _writer;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Under the I/O lock.
    private List<(int Run, RunLogLine Line)> _storing = [];

    /// <summary>How many writers, followers and pending stores there are. Under the store's lock.</summary>
    internal int References { get; set; }

    internal JobId JobId => jobId;

    internal bool IsDeleted { get; private set; }

    /// <summary>Completes when more can be read, or nothing ever will.</summary>
    internal Task Changed
    {
        get
        {
            lock (_gate)
            {
                return _changed.Task;
            }
        }
    }

    internal IRunLog OpenWriter(int run)
    {
        _ = LastId();
        lock (_gate)
        {
            // An earlier run that still writes is an abandoned one: nothing more is recorded of it.
            var writer = new Writer(this, run);
            _writer = _isStopped ? null : writer;
            return writer;
        }
    }

    /// <summary>The last id given out, whether or not it is stored yet.</summary>
    internal long LastId()
    {
        lock (_gate)
        {
            if (_lastId >= 0)
            {
                return _lastId;
            }
        }

        long last = 0;
        var segments = RunLogSegment.List(directory);
        if (segments.Count > 0)
        {
            last = segments[^1].LastId();
        }

        lock (_gate)
        {
            if (_lastId < 0)
            {
                _lastId = last;
                _storedId = last;
            }

            return _lastId;
        }
    }

    /// <summary>Waits until what was written before the call is stored, or has been given up.</summary>
    internal async ValueTask StoredAsync(CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        long wanted = LastId();
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_storedId >= wanted || IsDeleted || _isStopped)
                {
                    return;
                }

                changed = _changed.Task;
            }

            // A disk that hangs must not hang readers, nor the end of a run.
            var left = MaxFlushWait - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                return;
            }

            try
            {
                await changed.WaitAsync(left, time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                return;
            }
        }
    }

    /// <summary>Writes what waits to the files. Called by the pump only.</summary>
    internal void Store()
    {
        lock (_io)
        {
            lock (_gate)
            {
                (_buffer, _storing) = (_storing, _buffer);
                _bufferedChars = 0;
                _dirty = false;
                _stalled = false;
                Monitor.PulseAll(_gate);
            }

            if (_storing.Count == 0)
            {
                return;
            }

            int lost = 0;
            try
            {
                if (!IsDeleted)
                {
                    _files.Append(_storing);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                lost = _storing.Count;
                FileRunLogStore.LinesLost(logger, e, jobId, lost);
            }

            lock (_gate)
            {
                _storedId = _storing[^1].Line.Id;
                _dropped += lost;
                Signal();
            }

            _storing.Clear();
        }
    }

    internal void Delete()
    {
        lock (_io)
        {
            lock (_gate)
            {
                IsDeleted = true;
                _writer = null;
                _buffer.Clear();
                _bufferedChars = 0;
                Monitor.PulseAll(_gate);
            }

            try
            {
                _files.Delete();
            }
            finally
            {
                lock (_gate)
                {
                    Signal();
                }
            }
        }
    }

    /// <summary>Drops what is written from now on: the store is closed, and nothing will be stored any more.</summary>
    internal void Stop()
    {
        lock (_gate)
        {
            _isStopped = true;
            _writer = null;
            Signal();
        }

        Dispose();
    }

    public void Dispose()
    {
        lock (_io)
        {
            _files.Dispose();
        }
    }

    private void Write(Writer writer, string source, string text, string? phase)
    {
        if (!LogLines.TryClean(text, out string? clean))
        {
            return;
        }

        bool wake;
        lock (_gate)
        {
            if (_writer != writer)
            {
                return;
            }

            if (IsFull && !_stalled)
            {
                // A wait that ends without room is not repeated for every line.
                _ = Monitor.Wait(_gate, limits.MaxWriteWait);
                _stalled = IsFull;
            }

            if (IsFull || _writer != writer)
            {
                _dropped++;
                return;
            }

            AddMarkOfDropped(writer.Run);
            Add(writer.Run, RunLogPaging.Name(source), clean, phase is null ? null : RunLogPaging.Name(phase));
            wake = !_dirty;
            _dirty = true;
        }

        if (wake)
        {
            store.MarkDirty(this);
        }
    }

    private async ValueTask CloseAsync(Writer writer)
    {
        bool wake = false;
        lock (_gate)
        {
            if (_writer == writer)
            {
                if (_dropped > 0)
                {
                    AddMarkOfDropped(writer.Run);
                    wake = !_dirty;
                    _dirty = true;
                }

                _writer = null;
            }
        }

        if (wake)
        {
            store.MarkDirty(this);
        }

        await StoredAsync(CancellationToken.None).ConfigureAwait(false);
        store.Release(this);
    }

    private bool IsFull => _buffer.Count >= limits.MaxBufferedLines || _bufferedChars >= MaxBufferedChars;

    private void AddMarkOfDropped(int run)
    {
        if (_dropped > 0)
        {
            Add(run, RunLogPaging.OwnSource, RunLogPaging.Dropped(_dropped), phase: null);
            _dropped = 0;
        }
    }

    private void Add(int run, string source, string text, string? phase)
    {
        _buffer.Add((run, new RunLogLine(++_lastId, time.GetUtcNow(), source, text, phase)));
        _bufferedChars += text.Length;
    }

    private void Signal()
    {
        _changed.TrySetResult();
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Writer(FileJobLog log, int run) : IRunLog
    {
        private int _disposed;

        internal int Run => run;

        public void Write(string source, string text, string? phase = null)
        {
            ArgumentNullException.ThrowIfNull(source);
            ArgumentNullException.ThrowIfNull(text);
            log.Write(this, source, text, phase);
        }

        public ValueTask DisposeAsync() =>
            Interlocked.Exchange(ref _disposed, 1) == 0 ? log.CloseAsync(this) : ValueTask.CompletedTask;
    }
}
