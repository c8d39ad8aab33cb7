namespace Engine.Storage.Faster.Log;

/// <summary>Lays commits into the ring of pages and makes them durable. Used by one thread.</summary>
/// <remarks>Bytes are enqueued always in whole blocks, so that no commit ever writes a block again that an acknowledged
/// one has written.</remarks>
internal sealed class LogWriter : IDisposable
{
    private const int MaxPageBytes = 1024 * 1024;
    private const int MaxFlushRounds = 10_000;

    private readonly FailureLatch _latch;
    private readonly SegmentDevice _device;
    private readonly Action<JournalPoint>? _reached;
    private readonly IPageRing _ring;
    private readonly byte[] _staging;
    private readonly int _pageBytes;
    private int _staged;
    private long _enqueuedUntil;

    internal LogWriter(
        SegmentFiles segments,
        SegmentDevice device,
        FailureLatch latch,
        JournalRuntime runtime,
        Action<JournalPoint>? reached)
    {
        _device = device;
        _latch = latch;
        _reached = reached;
        _pageBytes = Math.Min(segments.SizeBytes, MaxPageBytes);
        _staging = new byte[_pageBytes];
        _enqueuedUntil = device.WrittenUntil;
        _ring = runtime.CreateRing(device, _pageBytes, segments.SizeBytes, _enqueuedUntil);
    }

    /// <summary>Where the next commit starts.</summary>
    internal long Tail => _enqueuedUntil;

    /// <summary>Writes one commit and waits until it is durable.</summary>
    /// <returns>False when the latch is tripped: then nothing is known about the commit.</returns>
    internal bool Commit(in CommitMark mark, IReadOnlyList<AppendOperation> appends)
    {
        Span<byte> header = stackalloc byte[CommitMark.Size];
        mark.Write(header);
        Stage(header);
        for (int i = 0; i < appends.Count; i++)
        {
            Stage(appends[i].Frames.Span);
        }

        long end = Block.AlignUp(_enqueuedUntil + _staged);
        int padding = (int)(end - _enqueuedUntil) - _staged;
        _staging.AsSpan(_staged, padding).Clear();
        _staged += padding;
        EnqueueStaged();
        return Flush(end);
    }

    public void Dispose()
    {
        // FasterLog finishes its bookkeeping on other threads; disposing under them leaves files open.
        _ring.Dispose();
        _device.Dispose();
    }

    /// <summary>Waits until FasterLog has nothing under way; false when it takes longer than <paramref
    /// name="timeout"/>.</summary>
    internal bool WaitUntilIdle(TimeSpan timeout) =>
        SpinWait.SpinUntil(() => _ring.IsIdleAt(_enqueuedUntil), timeout);

    private void Stage(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            // A piece ends with its page, or FasterLog would leave the rest of the page empty.
            int room = (int)(_pageBytes - (_enqueuedUntil % _pageBytes)) - _staged;
            int count = Math.Min(room, bytes.Length);
            bytes[..count].CopyTo(_staging.AsSpan(_staged));
            _staged += count;
            bytes = bytes[count..];
            if (count == room)
            {
                EnqueueStaged();
            }
        }
    }

    private void EnqueueStaged()
    {
        if (_staged == 0)
        {
            return;
        }

        long address;
        for (int round = 0; !_ring.TryEnqueue(_staging.AsSpan(0, _staged), out address); round++)
        {
            // The ring is full of pages that are not flushed yet.
            if (round == MaxFlushRounds)
            {
                throw new IOException("FasterLog has no room for a commit and does not flush");
            }

            _ring.Flush();
            if (!_device.SyncAndCallBack(null))
            {
                throw new IOException(_latch.Error);
            }
        }

        if (address != _enqueuedUntil)
        {
            throw new IOException($"FasterLog put bytes at address {address} that belong at {_enqueuedUntil}");
        }

        _enqueuedUntil += _staged;
        _staged = 0;
    }

    private bool Flush(long end)
    {
        _ring.Flush();
        if (_latch.Error is null && _device.WrittenUntil != end)
        {
            // FasterLog flushes on this very thread, as nobody else holds its epoch; anything else is a bug to stop at.
            _latch.Trip($"FasterLog wrote up to {_device.WrittenUntil} of a commit that ends at {end}");
        }

        if (_latch.Error is null)
        {
            _reached?.Invoke(JournalPoint.CommitWritten);
        }

        bool durable = _device.SyncAndCallBack(_reached);
        if (durable && _ring.FlushedUntil != end)
        {
            _latch.Trip($"FasterLog counts its pages as flushed up to {_ring.FlushedUntil}, not {end}");
        }

        return _latch.Error is null;
    }
}
