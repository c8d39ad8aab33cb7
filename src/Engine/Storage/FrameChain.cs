namespace Engine.Storage;

/// <summary>Checks that frames follow one another: sequence without gaps, epoch never lower, each chained to the
/// last.</summary>
public static class FrameChain
{
    /// <summary>Splits back-to-back frames that an owner wants to append and checks each of them.</summary>
    /// <param name="frames">What was passed to <see cref="IJournal.AppendAsync"/>.</param>
    /// <param name="epoch">The owner's epoch, which every frame carries.</param>
    /// <param name="lastSequence">The sequence at the end of the log.</param>
    /// <param name="lastChecksum">The checksum at the end of the log.</param>
    /// <param name="end">The sequence and checksum that the log ends with afterwards.</param>
    /// <exception cref="ArgumentException">The bytes are not whole frames that continue the log: a bug of the
    /// caller.</exception>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Check(
        ReadOnlyMemory<byte> frames,
        long epoch,
        long lastSequence,
        uint lastChecksum,
        out (long Sequence, uint Checksum) end)
    {
        var parts = new List<ReadOnlyMemory<byte>>(1);
        end = (lastSequence, lastChecksum);
        do
        {
            int size = Next(frames, epoch, ref end);
            parts.Add(frames[..size]);
            frames = frames[size..];
        }
        while (!frames.IsEmpty);

        return parts;
    }

    /// <summary>Checks what an owner wants to append, as <see cref="Check"/> does, without taking it apart.</summary>
    /// <param name="frames">What was passed to <see cref="IJournal.AppendAsync"/>.</param>
    /// <param name="epoch">The owner's epoch, which every frame carries.</param>
    /// <param name="lastSequence">The sequence at the end of the log.</param>
    /// <param name="lastChecksum">The checksum at the end of the log.</param>
    /// <returns>The sequence and checksum that the log ends with afterwards.</returns>
    /// <exception cref="ArgumentException">The bytes are not whole frames that continue the log: a bug of the
    /// caller.</exception>
    public static (long Sequence, uint Checksum) Verify(
        ReadOnlyMemory<byte> frames, long epoch, long lastSequence, uint lastChecksum)
    {
        (long Sequence, uint Checksum) end = (lastSequence, lastChecksum);
        do
        {
            frames = frames[Next(frames, epoch, ref end)..];
        }
        while (!frames.IsEmpty);

        return end;
    }

    /// <summary>Why <paramref name="frame"/> cannot follow the frame described by the last three arguments, or null
    /// when it can.</summary>
    public static string? Violation(
        in JournalFrame frame, uint previousChecksum, long lastSequence, long lastEpoch, uint lastChecksum)
    {
        if (frame.Sequence != lastSequence + 1)
        {
            return $"its sequence is {frame.Sequence} where {lastSequence + 1} follows";
        }

        if (frame.Epoch < lastEpoch)
        {
            return $"its epoch {frame.Epoch} is older than {lastEpoch}";
        }

        return previousChecksum == lastChecksum
            ? null
            : $"it follows a frame with checksum {previousChecksum:x8}, the one before it has {lastChecksum:x8}";
    }

    private static int Next(ReadOnlyMemory<byte> frames, long epoch, ref (long Sequence, uint Checksum) end)
    {
        if (!FrameCodec.TryRead(frames, out var frame, out uint previous, out string? error))
        {
            throw new ArgumentException($"Not a frame: {error}.", nameof(frames));
        }

        if (frame.Epoch != epoch || Violation(frame, previous, end.Sequence, epoch, end.Checksum) is not null)
        {
            throw new ArgumentException(
                $"Frame {frame.Sequence} of epoch {frame.Epoch} does not continue frame {end.Sequence}.",
                nameof(frames));
        }

        end = (frame.Sequence, frame.Checksum);
        return FrameCodec.HeaderSize + frame.Payload.Length;
    }
}
