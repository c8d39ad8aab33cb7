namespace Engine.Storage.Faster.Log;

/// <summary>Commits what was appended, one batch after another: whatever came in while one was being synced is the
/// next.</summary>
/// <remarks>What is in here is the same on threads and in a simulator; when it is called is for the derived class to
/// say, which also keeps callers apart.</remarks>
internal abstract class Committer : IDisposable
{
    private const int MaxIdleOperations = 256;

    private readonly Queue<AppendOperation> _waiting = new();
    private readonly Stack<AppendOperation> _idle = new();
    private readonly FailureLatch _latch;
    private readonly Func<IReadOnlyList<AppendOperation>, bool> _commit;
    private readonly int _maxCommitBytes;
    private readonly bool _continuesElsewhere;

    /// <param name="work">What is committed, and how.</param>
    /// <param name="continuesElsewhere">Whether callers go on on threads of their own: or one that goes on on the
    /// committer's would hold up everybody's next sync.</param>
    protected Committer(CommitWork work, bool continuesElsewhere) =>
        (_latch, _maxCommitBytes, _commit, _continuesElsewhere) =
            (work.Latch, work.MaxCommitBytes, work.Commit, continuesElsewhere);

    /// <summary>Whether an append waits for its commit to begin.</summary>
    protected bool HasWaiting => _waiting.Count > 0;

    /// <summary>Queues an append behind those before it.</summary>
    internal abstract ValueTask<AppendResult> Enqueue(
        long epoch, long firstSequence, (long Sequence, uint Checksum) end, ReadOnlyMemory<byte> frames);

    /// <summary>Returns when everything queued so far is answered.</summary>
    internal abstract void Drain();

    /// <summary>Commits what is queued; nothing is taken in any more.</summary>
    public abstract void Dispose();

    /// <summary>An operation for one append.</summary>
    protected AppendOperation Begin(
        long epoch, long firstSequence, (long Sequence, uint Checksum) end, ReadOnlyMemory<byte> frames)
    {
        var operation = TakeIdle();
        operation.Start(epoch, firstSequence, end, frames);
        return operation;
    }

    /// <summary>Puts an append behind those that wait.</summary>
    protected void Add(AppendOperation operation) => _waiting.Enqueue(operation);

    /// <summary>Takes the next batch from those that wait: as many as one commit may hold.</summary>
    protected void TakeBatch(List<AppendOperation> batch)
    {
        long bytes = 0;
        while (_waiting.TryPeek(out var next) && (bytes == 0 || bytes + next.Frames.Length <= _maxCommitBytes))
        {
            bytes += next.Frames.Length;
            batch.Add(_waiting.Dequeue());
        }
    }

    /// <summary>Makes a batch durable; the answer for all of it.</summary>
    protected AppendResult Commit(List<AppendOperation> batch)
    {
        try
        {
            if (_latch.Error is null && !_commit(batch) && _latch.Error is null)
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

    /// <summary>Answers a batch and empties it.</summary>
    protected static void Answer(List<AppendOperation> batch, AppendResult answer)
    {
        foreach (var operation in batch)
        {
            operation.Complete(answer);
        }

        batch.Clear();
    }

    private AppendOperation TakeIdle()
    {
        lock (_idle)
        {
            return _idle.TryPop(out var operation)
                ? operation
                : new AppendOperation(_continuesElsewhere) { Fetched = Recycle };
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

/// <summary>What a committer is given.</summary>
/// <param name="Latch">Once tripped, every append is answered with "unknown".</param>
/// <param name="MaxCommitBytes">How much one commit may hold.</param>
/// <param name="Commit">Makes a batch durable; false, or an exception, when that failed.</param>
internal sealed record CommitWork(
    FailureLatch Latch, int MaxCommitBytes, Func<IReadOnlyList<AppendOperation>, bool> Commit);
