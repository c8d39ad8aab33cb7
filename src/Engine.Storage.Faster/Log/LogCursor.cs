using System.Buffers;

namespace Engine.Storage.Faster.Log;

/// <summary>Walks the log frame by frame and stops at the first byte that does not continue it.</summary>
/// <remarks> The walk trusts nothing but frames that follow one another (<see cref="FrameChain"/>). A commit that
/// breaks off in the middle may be followed, at the next block, by a commit of a later epoch that continues from the
/// last whole frame: that is where a later owner cut a torn tail and went on.
/// </remarks>
internal sealed class LogCursor(LogReader reader, LogPosition start) : IDisposable
{
    private byte[] _commit = ArrayPool<byte>.Shared.Rent(64 * 1024);
    private int _offset;
    private int _end;
    private long _commitAddress;
    private long _commitEpoch;
    private bool _torn;

    /// <summary>Behind the last frame read; what comes next starts here.</summary>
    internal LogPosition Position { get; private set; } = start;

    /// <summary>Where the last frame read starts.</summary>
    internal long FrameAddress { get; private set; } = start.Address;

    /// <summary>Behind the last byte of the last frame read; <see cref="Position"/> is the next block.</summary>
    internal long FrameEnd { get; private set; } = start.Address;

    /// <summary>Why the walk stopped.</summary>
    internal string Problem { get; private set; } = "";

    /// <summary>Where the bytes are that <see cref="Problem"/> is about.</summary>
    internal long ProblemAddress { get; private set; } = start.Address;

    /// <summary>Called with the place of every commit before its frames are read.</summary>
    internal Action<LogPosition>? CommitStarts { get; init; }

    /// <summary>The next frame; its payload is valid until the next call. False where the log cannot be
    /// continued.</summary>
    internal bool TryRead(out JournalFrame frame)
    {
        while (true)
        {
            if (_offset < _end)
            {
                if (TryReadFrame(out frame))
                {
                    return true;
                }

                _torn = true;
                _end = _offset = 0;
            }
            else if (!TryOpenCommit())
            {
                frame = default;
                return false;
            }
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_commit);
        _commit = [];
    }

    private bool TryReadFrame(out JournalFrame frame)
    {
        long address = _commitAddress + CommitMark.Size + _offset;
        var bytes = _commit.AsMemory(_offset, _end - _offset);
        if (!FrameCodec.TryRead(bytes, out frame, out uint previous, out string? error))
        {
            if (FrameCodec.IsLaterVersion(bytes.Span))
            {
                throw new JournalDamagedException(
                    $"{reader.Segments.Place(address)}: {error}. Open the journal with the build that wrote it.");
            }

            return Stop(address, $"frame {Position.Sequence + 1} is not whole: {error}");
        }

        string? violation =
            FrameChain.Violation(frame, previous, Position.Sequence, Position.Epoch, Position.Checksum);
        if (violation is not null)
        {
            return Stop(address, $"a frame does not follow frame {Position.Sequence}: {violation}");
        }

        _offset += FrameCodec.HeaderSize + frame.Payload.Length;
        FrameAddress = address;
        FrameEnd = _commitAddress + CommitMark.Size + _offset;
        Position = new LogPosition(Block.AlignUp(FrameEnd), frame.Sequence, frame.Checksum, frame.Epoch);
        return true;
    }

    private bool TryOpenCommit()
    {
        Span<byte> bytes = stackalloc byte[CommitMark.Size];
        long address = Position.Address;
        if (!reader.TryRead(address, bytes))
        {
            return Stop(address, "the last segment ends there");
        }

        if (!TryReadMark(bytes, address, out var mark, out string? error))
        {
            return Stop(address, error!);
        }

        if (mark.Address != address)
        {
            return Stop(address, $"the commit there was written for address {mark.Address}");
        }

        if (mark.FirstSequence != Position.Sequence + 1 || mark.Epoch < Position.Epoch ||
            (_torn && mark.Epoch <= _commitEpoch))
        {
            return Stop(
                address,
                $"the commit there starts with frame {mark.FirstSequence} of epoch {mark.Epoch}, which does not " +
                $"follow frame {Position.Sequence} of epoch {Position.Epoch}");
        }

        if (mark.FrameBytes < FrameCodec.HeaderSize || mark.FramesEnd > reader.EndAddress)
        {
            return Stop(address, $"the commit there cannot have {mark.FrameBytes} bytes");
        }

        CommitStarts?.Invoke(Position);
        Load(mark);
        return true;
    }

    private bool TryReadMark(ReadOnlySpan<byte> bytes, long address, out CommitMark mark, out string? error)
    {
        try
        {
            return CommitMark.TryRead(bytes, out mark, out error);
        }
        catch (JournalDamagedException damage)
        {
            throw new JournalDamagedException($"{reader.Segments.Place(address)}: {damage.Message}", damage);
        }
    }

    private void Load(in CommitMark mark)
    {
        if (_commit.Length < mark.FrameBytes)
        {
            ArrayPool<byte>.Shared.Return(_commit);
            _commit = ArrayPool<byte>.Shared.Rent(mark.FrameBytes);
        }

        reader.TryRead(mark.Address + CommitMark.Size, _commit.AsSpan(0, mark.FrameBytes));
        (_commitAddress, _commitEpoch, _torn) = (mark.Address, mark.Epoch, false);
        (_offset, _end) = (0, mark.FrameBytes);
    }

    private bool Stop(long address, string problem)
    {
        // What broke a commit off says more than what is missing behind it.
        if (!_torn)
        {
            (ProblemAddress, Problem) = (address, problem);
        }

        return false;
    }
}
