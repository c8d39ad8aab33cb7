using System.Buffers;
using System.Runtime.CompilerServices;

namespace Engine.Storage;

/// <summary>A journal in the memory of the process: the reference that the other adapters are compared with.</summary>
/// <remarks>
/// Everything is gone with the object. An engine that only ever runs on memory has no use for frames once they are
/// appended and sets <c>keepFrames</c> to false, so that nothing grows; then there is nothing to read back.
/// </remarks>
public sealed class MemoryJournal(bool keepFrames = true) : IJournal
{
    private readonly Lock _gate = new();
    private readonly List<byte[]> _frames = [];
    private long _epoch;
    private long _firstSequence = 1;
    private long _lastSequence;
    private uint _lastChecksum;
    private JournalSnapshot? _snapshot;

    /// <inheritdoc/>
    public Durability Durability => Durability.Memory;

    /// <inheritdoc/>
    public ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            _epoch++;
            Span<byte> nonce = stackalloc byte[16];
            BitConverter.TryWriteBytes(nonce, _epoch);
            return new(new JournalOwnership(_epoch, new Guid(nonce), _lastSequence, _lastChecksum));
        }
    }

    /// <inheritdoc/>
    public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        lock (_gate)
        {
            if (epoch != _epoch || _epoch == 0)
            {
                return new(new AppendResult(AppendStatus.Fenced, $"epoch {epoch} is over, the owner's is {_epoch}"));
            }

            if (expectedSequence != _lastSequence)
            {
                return new(new AppendResult(
                    AppendStatus.Gap, $"the log ends at {_lastSequence}, not at {expectedSequence}"));
            }

            var checkedFrames = FrameChain.Check(frames, epoch, _lastSequence, _lastChecksum, out var end);
            if (keepFrames)
            {
                _frames.AddRange(checkedFrames.Select(frame => frame.ToArray()));
            }

            (_lastSequence, _lastChecksum) = end;
            return new(AppendResult.Durable);
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        byte[][] frames;
        lock (_gate)
        {
            if (fromSequence < _firstSequence || (!keepFrames && fromSequence <= _lastSequence))
            {
                throw new JournalDamagedException(
                    $"Frames from {fromSequence} on are no longer in this journal; it starts at {_firstSequence}.");
            }

            frames = [.. _frames.Skip((int)(fromSequence - _firstSequence))];
        }

        foreach (byte[] bytes in frames)
        {
            cancellationToken.ThrowIfCancellationRequested();
            FrameCodec.TryRead(bytes, out var frame, out _, out _);
            yield return frame;
        }

        await Task.CompletedTask.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            ThrowIfFenced(epoch);
            if (!keepFrames)
            {
                throw new InvalidOperationException(
                    "This memory journal keeps no frames (keepFrames is false), so a snapshot of it has nothing to " +
                    "stand on: create it with keepFrames: true to use snapshots.");
            }

            ArgumentOutOfRangeException.ThrowIfLessThan(sequence, _firstSequence);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(sequence, _lastSequence);
            FrameCodec.TryRead(_frames[(int)(sequence - _firstSequence)], out var frame, out _, out _);
            if (sequence >= (_snapshot?.Sequence ?? 0))
            {
                _snapshot = new JournalSnapshot(sequence, frame.Checksum, BytePieces.Copy(state));
            }

            return ValueTask.CompletedTask;
        }
    }

    /// <inheritdoc/>
    public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            return new(_snapshot);
        }
    }

    /// <inheritdoc/>
    public ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            ThrowIfFenced(epoch);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(belowSequence, (_snapshot?.Sequence ?? 0) + 1);
            int count = (int)Math.Clamp(belowSequence - _firstSequence, 0, _frames.Count);
            _frames.RemoveRange(0, count);
            _firstSequence += count;
            return ValueTask.CompletedTask;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void ThrowIfFenced(long epoch)
    {
        if (epoch != _epoch)
        {
            throw new JournalFencedException($"Epoch {epoch} is over; the owner's is {_epoch}.");
        }
    }
}
