namespace Engine.Storage.Redis.Owning;

/// <summary>Appends in their order: those that wait to be sent, how far the log is known to be durable, and, once the
/// ownership is over, why. Any thread puts appends in; the session takes them out.</summary>
internal sealed class AppendQueue(
    long epoch, (long Sequence, uint Checksum) end, TaskCreationOptions continuations)
{
    private readonly Lock _gate = new();
    private Queue<PendingAppend> _waiting = new();
    private (long Sequence, uint Checksum) _taken = end;
    private (long Sequence, uint Checksum) _durable = end;
    private AppendResult? _latch;
    private bool _isClosing;

    /// <summary>The last frame that is durable.</summary>
    internal (long Sequence, uint Checksum) Durable
    {
        get
        {
            lock (_gate)
            {
                return _durable;
            }
        }
    }

    /// <summary>Why nothing is appended any more, if so.</summary>
    internal AppendResult? Latch
    {
        get
        {
            lock (_gate)
            {
                return _latch;
            }
        }
    }

    internal bool HasWaiting
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count > 0;
            }
        }
    }

    /// <summary>Nothing waits, and nothing is taken in any more.</summary>
    internal bool IsFinished
    {
        get
        {
            lock (_gate)
            {
                return _isClosing && _waiting.Count == 0;
            }
        }
    }

    /// <summary>Takes an append in, or answers it at once.</summary>
    /// <exception cref="ArgumentException">The bytes are not whole frames that continue the log.</exception>
    internal ValueTask<AppendResult> Add(long callersEpoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        lock (_gate)
        {
            if (callersEpoch != epoch)
            {
                return new(new AppendResult(
                    AppendStatus.Fenced, $"epoch {callersEpoch} is over, the owner's is {epoch}"));
            }

            if (_latch is { } latch)
            {
                return new(latch);
            }

            if (_isClosing)
            {
                return new(new AppendResult(AppendStatus.Fenced, "the journal is closed"));
            }

            if (expectedSequence != _taken.Sequence)
            {
                return new(new AppendResult(
                    AppendStatus.Gap, $"the log ends at {_taken.Sequence}, not at {expectedSequence}"));
            }

            var parts = FrameChain.Check(frames, epoch, _taken.Sequence, _taken.Checksum, out var newEnd);
            var append = new PendingAppend(expectedSequence, parts, newEnd, continuations);
            _taken = newEnd;
            _waiting.Enqueue(append);
            return new(append.Answer);
        }
    }

    /// <summary>The next appends that fit into one script; none when none wait.</summary>
    internal List<PendingAppend> Take(long maxBytes)
    {
        var batch = new List<PendingAppend>();
        long bytes = 0;
        lock (_gate)
        {
            while (_waiting.TryPeek(out var next) && (batch.Count == 0 || bytes + next.Bytes <= maxBytes))
            {
                batch.Add(_waiting.Dequeue());
                bytes += next.Bytes;
            }
        }

        return batch;
    }

    /// <summary>Appends that were sent wait again, in front of the others.</summary>
    /// <param name="sent">In their order.</param>
    /// <param name="inDoubt">Whether they may be stored; if not, an earlier doubt stays.</param>
    internal void PutBack(IEnumerable<PendingAppend> sent, bool inDoubt)
    {
        List<PendingAppend> appends = [.. sent];
        appends.ForEach(append => append.IsInDoubt |= inDoubt);
        lock (_gate)
        {
            _waiting = new(appends.Concat(_waiting));
        }
    }

    /// <summary>The log was found to end here: answers the appends that are stored. Returns false, and answers none,
    /// when no append of this owner leads there.</summary>
    internal bool TryReach((long Sequence, uint Checksum) found)
    {
        List<PendingAppend> stored;
        lock (_gate)
        {
            stored = [.. _waiting.TakeWhile(append => append.End.Sequence <= found.Sequence)];
            var reached = stored.Count > 0 ? stored[^1].End : _durable;
            if (reached != found || !stored.TrueForAll(static append => append.IsInDoubt))
            {
                return false;
            }

            _waiting = new(_waiting.Skip(stored.Count));
            _durable = found;
        }

        stored.ForEach(static append => append.Complete(AppendResult.Durable));
        return true;
    }

    /// <summary>Answers appends that are durable, the next in order.</summary>
    internal void Acknowledge(List<PendingAppend> appends)
    {
        lock (_gate)
        {
            _durable = appends[^1].End;
        }

        appends.ForEach(static append => append.Complete(AppendResult.Durable));
    }

    /// <summary>Takes nothing in any more; what waits is still sent.</summary>
    internal void BeginClosing()
    {
        lock (_gate)
        {
            _isClosing = true;
        }
    }

    /// <summary>Answers everything that waits, and whatever comes, with the same, and returns that. The first call
    /// decides.</summary>
    internal AppendResult Close(AppendStatus status, string error)
    {
        List<PendingAppend> open;
        AppendResult latch;
        lock (_gate)
        {
            if (_latch is { } first)
            {
                return first;
            }

            open = [.. _waiting];
            if (status == AppendStatus.Fenced && open.Exists(static append => append.IsInDoubt))
            {
                // One sent earlier may have been stored before the other owner came: "nothing was written" is unproven.
                (status, error) = (AppendStatus.Unknown, $"{error}; what was under way may be stored");
            }

            _latch = latch = new AppendResult(status, error);
            _waiting = new();
        }

        open.ForEach(append => append.Complete(latch));
        return latch;
    }
}
