namespace Engine.Runtime;

/// <summary>How far the journal is durable: told by the loop, asked by whoever follows it.</summary>
internal sealed class JournalProgress(long sequence) : IDisposable
{
    private readonly SemaphoreSlim _bell = new(0);
    private long _sequence = sequence;
    private long _bytes;
    private long _ringAt = long.MaxValue;

    /// <summary>The last frame that is durable.</summary>
    internal long Sequence => Volatile.Read(ref _sequence);

    /// <summary>How many bytes of frames became durable since the start. Read before <see cref="Sequence"/>, it never
    /// counts a frame beyond it.</summary>
    internal long Bytes => Volatile.Read(ref _bytes);

    /// <summary>One more frame is durable. Called by the loop only.</summary>
    internal void Advance(int bytes)
    {
        Volatile.Write(ref _sequence, _sequence + 1);

        // A fence: either this sees whoever waits, or that one sees these bytes.
        Interlocked.Exchange(ref _bytes, _bytes + bytes);
        if (_bytes >= Volatile.Read(ref _ringAt))
        {
            Ring();
        }
    }

    /// <summary>Waits until so many bytes have become durable since the start. One waits at a time.</summary>
    internal Task WaitAsync(long bytes, CancellationToken cancellationToken)
    {
        Interlocked.Exchange(ref _ringAt, bytes);
        if (Bytes >= bytes)
        {
            Ring();
        }

        return _bell.WaitAsync(cancellationToken);
    }

    /// <summary>Nobody waits any more, and the loop has ended.</summary>
    public void Dispose() => _bell.Dispose();

    // Whoever takes the mark rings, once.
    private void Ring()
    {
        if (Interlocked.Exchange(ref _ringAt, long.MaxValue) != long.MaxValue)
        {
            _bell.Release();
        }
    }
}
