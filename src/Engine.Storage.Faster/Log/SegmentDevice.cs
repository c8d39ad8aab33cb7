using FASTER.core;
using Microsoft.Win32.SafeHandles;

namespace Engine.Storage.Faster.Log;

/// <summary>FasterLog's disk: writes in strictly ascending order, syncs once per commit, and only then calls
/// back.</summary>
/// <remarks>
/// FasterLog may ask for writes from any of its threads; a write that does not continue the one before trips the latch
/// instead of leaving a hole. FasterLog hears of an error through its callbacks, but nobody acknowledges by what
/// FasterLog says: the committer asks <see cref="SyncAndCallBack"/> and the latch.
/// </remarks>
internal sealed class SegmentDevice : StorageDeviceBase
{
    private const uint Failed = 5;

    private readonly Lock _gate = new();
    private readonly SegmentFiles _segments;
    private readonly FailureLatch _latch;
    private readonly bool _syncs;
    private readonly Queue<(DeviceIOCompletionCallback Callback, uint Bytes, object Context)> _written = new();
    private readonly List<SafeFileHandle> _retired = [];
    private SafeFileHandle? _current;
    private long _currentSegment = -1;

    /// <param name="segments">Where to write.</param>
    /// <param name="latch">Tripped by the first error.</param>
    /// <param name="start">The address of the first write.</param>
    /// <param name="syncs">Whether a commit is synced before it counts.</param>
    internal SegmentDevice(SegmentFiles segments, FailureLatch latch, long start, bool syncs)
        : base(segments.Directory, Block.Size, Devices.CAPACITY_UNSPECIFIED)
    {
        _segments = segments;
        _latch = latch;
        _syncs = syncs;
        WrittenUntil = start;
    }

    /// <summary>Every byte below this address was handed to the operating system.</summary>
    internal long WrittenUntil { get; private set; }

    /// <summary>Called before the first write to a segment.</summary>
    internal Action<long>? SegmentStarts { get; init; }

    public override unsafe void WriteAsync(
        IntPtr sourceAddress,
        int segmentId,
        ulong destinationAddress,
        uint numBytesToWrite,
        DeviceIOCompletionCallback callback,
        object context) =>
        Accept(
            new ReadOnlySpan<byte>((void*)sourceAddress, (int)numBytesToWrite),
            ((long)segmentId * _segments.SizeBytes) + (long)destinationAddress,
            callback,
            context);

    /// <summary>Writes bytes that lie within one segment; the callback comes with the next sync.</summary>
    internal void Accept(
        ReadOnlySpan<byte> bytes, long address, DeviceIOCompletionCallback callback, object context)
    {
        lock (_gate)
        {
            if (_latch.Error is null)
            {
                try
                {
                    Write(bytes, _segments.SegmentOf(address), address);
                }
                catch (Exception error)
                {
                    // Nothing may escape into FasterLog, which would swallow it: the latch is how it gets out.
                    _latch.Trip(error.Message);
                }
            }

            _written.Enqueue((callback, (uint)bytes.Length, context));
        }
    }

    /// <summary>Makes everything written so far durable, then tells FasterLog.</summary>
    /// <returns>Whether no error ever occurred.</returns>
    internal bool SyncAndCallBack(Action<JournalPoint>? reached)
    {
        lock (_gate)
        {
            Sync();
        }

        if (_latch.Error is null)
        {
            reached?.Invoke(JournalPoint.CommitSynced);
        }

        while (TryTakeWritten(out var done))
        {
            done.Callback(_latch.Error is null ? 0 : Failed, done.Bytes, done.Context);
        }

        return _latch.Error is null;
    }

    /// <summary>Not used: FasterLog starts at an empty tail and never reads.</summary>
    public override void ReadAsync(
        int segmentId,
        ulong sourceAddress,
        IntPtr destinationAddress,
        uint readLength,
        DeviceIOCompletionCallback callback,
        object context)
    {
        _latch.Trip($"FasterLog asked to read segment {segmentId} at {sourceAddress}, which it has no reason to");
        callback(Failed, 0, context);
    }

    /// <summary>Not used: whole segments are deleted by the journal, below a verified snapshot.</summary>
    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        _latch.Trip($"FasterLog asked to remove segment {segment}, which it has no reason to");
        callback(result);
    }

    public override void Dispose()
    {
        lock (_gate)
        {
            _current?.Dispose();
            _retired.ForEach(file => file.Dispose());
            _retired.Clear();
        }
    }

    private void Write(ReadOnlySpan<byte> bytes, long segment, long address)
    {
        if (address != WrittenUntil)
        {
            throw new IOException($"a write came for address {address} where {WrittenUntil} was next");
        }

        if (segment != _currentSegment)
        {
            SegmentStarts?.Invoke(segment);
            if (_current is not null)
            {
                _retired.Add(_current);
            }

            _current = _segments.Open(segment, forWriting: true);
            _currentSegment = segment;
        }

        _segments.Calls.Write(_current!, bytes, _segments.OffsetOf(address));
        WrittenUntil = address + bytes.Length;
    }

    private void Sync()
    {
        if (_latch.Error is not null)
        {
            return;
        }

        try
        {
            // A segment that is full is synced even when commits are not: then only the last one depends on power.
            foreach (var file in _retired)
            {
                _segments.Calls.SyncData(file);
                file.Dispose();
            }

            _retired.Clear();
            if (_syncs && _current is not null)
            {
                _segments.Calls.SyncData(_current);
            }
        }
        catch (IOException error)
        {
            _latch.Trip(error.Message);
        }
    }

    private bool TryTakeWritten(out (DeviceIOCompletionCallback Callback, uint Bytes, object Context) done)
    {
        lock (_gate)
        {
            return _written.TryDequeue(out done);
        }
    }
}
