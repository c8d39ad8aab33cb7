namespace Engine.Storage.Faster.Log;

/// <summary>The thread that commits: it takes whatever was appended while it was syncing, and syncs that at
/// once.</summary>
internal sealed class CommitterThread : Committer
{
    private readonly object _gate = new();
    private readonly List<AppendOperation> _batch = [];
    private readonly Thread _thread;
    private bool _busy;
    private bool _stopping;

    internal CommitterThread(CommitWork work)
        : base(work, continuesElsewhere: true)
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "journal committer" };
        _thread.Start();
    }

    internal override ValueTask<AppendResult> Enqueue(
        long epoch, long firstSequence, (long Sequence, uint Checksum) end, ReadOnlyMemory<byte> frames)
    {
        var operation = Begin(epoch, firstSequence, end, frames);
        var task = operation.Task;
        lock (_gate)
        {
            if (_stopping)
            {
                operation.Complete(new AppendResult(AppendStatus.Unknown, "the journal is closed"));
            }
            else
            {
                Add(operation);
                Monitor.PulseAll(_gate);
            }
        }

        return task;
    }

    internal override void Drain()
    {
        lock (_gate)
        {
            while (_busy || HasWaiting)
            {
                Monitor.Wait(_gate);
            }
        }
    }

    public override void Dispose()
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
        while (WaitForBatch())
        {
            Answer(_batch, Commit(_batch));
        }
    }

    private bool WaitForBatch()
    {
        lock (_gate)
        {
            _busy = false;
            if (!HasWaiting)
            {
                Monitor.PulseAll(_gate);
            }

            while (!HasWaiting)
            {
                if (_stopping)
                {
                    return false;
                }

                Monitor.Wait(_gate);
            }

            TakeBatch(_batch);
            _busy = true;
            return true;
        }
    }
}
