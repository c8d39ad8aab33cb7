namespace Engine.Storage.Faster.Log;

/// <summary>The thread that commits: it takes whatever was appended while it was syncing, and syncs that at
/// once.</summary>
internal sealed class Committer : IDisposable
{
    private const int MaxIdleOperations = 256;

    private readonly object _gate = new();
    private readonly Queue<AppendOperation> _waiting = new();
    private readonly Stack<AppendOperation> _idle = new();
    private readonly List<AppendOperation> _batch = [];
    private readonly FailureLatch _latch;
    private readonly Func<IReadOnlyList<AppendOperation>, bool> _commit;
    private readonly int _maxCommitBytes;
    private readonly Thread _thread;
    private bool _busy;
    private bool _stopping;

    /// <param name="latch">Once tripped, every append is answered with "unknown".</param>
    /// <param name="maxCommitBytes">How much one commit may hold.</param>
    /// <param name="commit">Makes a batch durable; false, or an exception, when that failed.</param>
    internal Committer(FailureLatch latch, int maxCommitBytes, Func<IReadOnlyList<AppendOperation>, bool> commit)
    {
        _latch = latch;
        _commit = commit;
        _maxCommitBytes = maxCommitBytes;
        _thread = new Thread(Run) { IsBackground = true, Name = "journal committer" };
        _thread.Start();
    }

    /// <summary>Queues an append behind those before it.</summary>
    internal ValueTask<AppendResult> Enqueue(
        long epoch, long firstSequence, (long Sequence, uint Checksum) end, ReadOnlyMemory<byte> frames)
    {
        var operation = TakeIdle();
        operation.Start(epoch, firstSequence, end, frames);
        var task = operation.Task;
        lock (_gate)
        {
            if (_stopping)
            {
                operation.Complete(new AppendResult(AppendStatus.Unknown, "the journal is closed"));
            }
            else
            {
                _waiting.Enqueue(operation);
                Monitor.PulseAll(_gate);
            }
        }

        return task;
    }

    /// <summary>Returns when everything queued so far is answered.</summary>
    internal void Drain()
    {
        lock (_gate)
        {
            while (_busy || _waiting.Count > 0)
            {
                Monitor.Wait(_gate);
            }
        }
    }

    /// <summary>Commits what is queued and ends the thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        _thread.Join();
    }

    private void Run()
    {
        while (TakeBatch())
        {
            var answer = Commit();
            foreach (var operation in _batch)
            {
                operation.Complete(answer);
            }

            _batch.Clear();
        }
    }

    private AppendResult Commit()
    {
        try
        {
            if (_latch.Error is null && !_commit(_batch) && _latch.Error is null)
            {
                _latch.Trip("a commit failed without a reason");
            }
        }
        catch (Exception error)
        {
            // Whatever it was, the log may be ahead of the disk: the latch stops everything, and the callers are told.
            _latch.Trip(error.Message);
        }

        return _latch.Error is { } reason ? new AppendResult(AppendStatus.Unknown, reason) : AppendResult.Durable;
    }

    private bool TakeBatch()
    {
        lock (_gate)
        {
            _busy = false;
            if (_waiting.Count == 0)
            {
                Monitor.PulseAll(_gate);
            }

            while (_waiting.Count == 0)
            {
                if (_stopping)
                {
                    return false;
                }

                Monitor.Wait(_gate);
            }

            long bytes = 0;
            while (_waiting.TryPeek(out var next) && (bytes == 0 || bytes + next.Frames.Length <= _maxCommitBytes))
            {
                bytes += next.Frames.Length;
                _batch.Add(_waiting.Dequeue());
            }

            _busy = true;
            return true;
        }
    }

    private AppendOperation TakeIdle()
    {
        lock (_idle)
        {
            return _idle.TryPop(out var operation) ? operation : new AppendOperation { Fetched = Recycle };
        }
    }

    private void Recycle(AppendOperation operation)
    {
        lock (_idle)
        {
            if (_idle.Count < MaxIdleOperations)
            {
                _idle.Push(operation);
            }
        }
    }
}
