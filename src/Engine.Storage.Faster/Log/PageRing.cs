using System.Numerics;
using FASTER.core;

namespace Engine.Storage.Faster.Log;

/// <summary>Page buffers between the log's writer and its device.</summary>
internal interface IPageRing : IDisposable
{
    /// <summary>Everything below this address was written, synced and called back.</summary>
    long FlushedUntil { get; }

    /// <summary>Whether nothing is under way any more: the ring's bookkeeping has caught up with
    /// <paramref name="address"/>.</summary>
    bool IsIdleAt(long address);

    /// <summary>Takes bytes in that lie within one page; false when the pages are full of what is not flushed
    /// yet.</summary>
    bool TryEnqueue(ReadOnlySpan<byte> bytes, out long address);

    /// <summary>Hands everything taken in to the device, in order, on this thread.</summary>
    void Flush();
}

/// <summary>FasterLog as the ring.</summary>
/// <remarks>It is used for what it is good at: a ring of page buffers, and flushing them to a device in large writes.
/// Bytes are enqueued raw, without its record headers, so that what lies on disk is ours alone.</remarks>
internal sealed class FasterRing : IPageRing
{
    private const int PagesInMemory = 16;

    private readonly FasterLog _log;

    internal FasterRing(SegmentDevice device, int pageBytes, int segmentBytes, long start)
    {
        _log = new FasterLog(new FasterLogSettings
        {
            LogDevice = device,
            LogCommitManager = new NoCommitMetadata(),
            PageSizeBits = BitOperations.Log2((uint)pageBytes),
            MemorySizeBits = BitOperations.Log2((uint)(pageBytes * PagesInMemory)),
            SegmentSizeBits = BitOperations.Log2((uint)segmentBytes),
            MutableFraction = 0.5,
            TryRecoverLatest = false,
            FastCommitMode = false,
            AutoCommit = false,
            AutoRefreshSafeTailAddress = false,
            TolerateDeviceFailure = false,
        });

        // FasterLog's log begins at our tail: it recovers nothing, because everything before was checked by our scan.
        _log.Initialize(start, start);
    }

    public long FlushedUntil => _log.FlushedUntilAddress;

    public bool IsIdleAt(long address) => _log.CommittedUntilAddress >= address;

    public bool TryEnqueue(ReadOnlySpan<byte> bytes, out long address) =>
        _log.UnsafeTryEnqueueRaw(bytes, true, out address);

    public void Flush() => _log.Commit(spinWait: false);

    public void Dispose() => _log.Dispose();
}
