using System.Buffers.Binary;

namespace Engine.Storage;

/// <summary>Frames events for the log, and checks frames on their way back. The layout is frozen: a change is a new
/// version, never an edit.</summary>
/// <remarks>
/// Little-endian: magic (4) | version (1) | kind (1) | zero (2) | payload length (4) | event count (4) | sequence (8) |
/// epoch (8) | instant in ms (8) | checksum of the previous frame (4) | CRC32C of the 44 bytes before and of the
/// payload (4) | payload. The chain makes every frame vouch for all before it; the epoch tells lives apart.
/// </remarks>
public static class FrameCodec
{
    /// <summary>Bytes before the payload.</summary>
    public const int HeaderSize = 48;

    /// <summary>Largest frame, header included, in bytes.</summary>
    public const int MaxFrameSize = 2 * 1024 * 1024;

    private const uint Magic = 0x4A474E45; // "ENGJ" as it lies on disk.
    private const byte Version = 1;
    private const byte EventsKind = 1;
    private const int ChecksumOffset = 44;

    /// <summary>Completes a frame in place: <paramref name="frame"/> holds room for the header, then the
    /// payload.</summary>
    /// <returns>The frame's checksum, which the next frame is given as <paramref name="previousChecksum"/>.</returns>
    /// <exception cref="ArgumentException">The frame is shorter than a header or longer than <see
    /// cref="MaxFrameSize"/>.</exception>
    public static uint Seal(
        Span<byte> frame, long sequence, long epoch, long instantMs, int eventCount, uint previousChecksum)
    {
        if (frame.Length is < HeaderSize or > MaxFrameSize)
        {
            throw new ArgumentException(
                $"A frame has {HeaderSize} to {MaxFrameSize} bytes; this one has {frame.Length}.", nameof(frame));
        }

        BinaryPrimitives.WriteUInt32LittleEndian(frame, Magic);
        frame[4] = Version;
        frame[5] = EventsKind;
        BinaryPrimitives.WriteUInt16LittleEndian(frame[6..], 0);
        BinaryPrimitives.WriteInt32LittleEndian(frame[8..], frame.Length - HeaderSize);
        BinaryPrimitives.WriteInt32LittleEndian(frame[12..], eventCount);
        BinaryPrimitives.WriteInt64LittleEndian(frame[16..], sequence);
        BinaryPrimitives.WriteInt64LittleEndian(frame[24..], epoch);
        BinaryPrimitives.WriteInt64LittleEndian(frame[32..], instantMs);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[40..], previousChecksum);
        uint checksum = ChecksumOf(frame);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[ChecksumOffset..], checksum);
        return checksum;
    }

    /// <summary>Reads the frame at the start of <paramref name="bytes"/> and checks everything that one frame can
    /// prove by itself; sequence, epoch and chain are compared by whoever knows the frame before.</summary>
    /// <param name="bytes">At least one frame; more may follow.</param>
    /// <param name="frame">The frame, its payload a slice of <paramref name="bytes"/>.</param>
    /// <param name="previousChecksum">What the frame says about the one before it.</param>
    /// <param name="error">Why it is no frame, when it is none.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> bytes, out JournalFrame frame, out uint previousChecksum, out string? error)
    {
        frame = default;
        previousChecksum = 0;
        var span = bytes.Span;
        error = HeaderError(span);
        if (error is not null)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(span[8..]);
        uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(span[ChecksumOffset..]);
        uint actual = ChecksumOf(span[..(HeaderSize + length)]);
        if (checksum != actual)
        {
            error = $"its checksum is {checksum:x8}, its bytes give {actual:x8}";
            return false;
        }

        previousChecksum = BinaryPrimitives.ReadUInt32LittleEndian(span[40..]);
        frame = new JournalFrame(
            BinaryPrimitives.ReadInt64LittleEndian(span[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(span[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(span[32..]),
            BinaryPrimitives.ReadInt32LittleEndian(span[12..]),
            checksum,
            bytes.Slice(HeaderSize, length));
        return true;
    }

    /// <summary>The whole size of the frame at the start of <paramref name="bytes"/>, or -1 when no frame starts
    /// there.</summary>
    public static int SizeOf(ReadOnlySpan<byte> bytes) =>
        HeaderError(bytes) is null ? HeaderSize + BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]) : -1;

    /// <summary>Whether a frame of a later version than this build knows starts here: not damage, and never to be
    /// cut.</summary>
    public static bool IsLaterVersion(ReadOnlySpan<byte> bytes) =>
        bytes.Length > 4 && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Magic && bytes[4] > Version;

    private static string? HeaderError(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderSize)
        {
            return $"{bytes.Length} bytes are shorter than a frame's header";
        }

        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (magic != Magic)
        {
            return $"it starts with {magic:x8}, a frame with {Magic:x8}";
        }

        if (bytes[4] != Version || bytes[5] != EventsKind || bytes[6] != 0 || bytes[7] != 0)
        {
            return $"version {bytes[4]} kind {bytes[5]} is not one this build knows " +
                $"(version {Version} kind {EventsKind})";
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        if (length < 0 || length > MaxFrameSize - HeaderSize || length > bytes.Length - HeaderSize)
        {
            return $"its payload of {length} bytes does not fit";
        }

        return BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]) < 0 ? "its event count is negative" : null;
    }

    private static uint ChecksumOf(ReadOnlySpan<byte> frame) => Crc32C.Of(frame[..ChecksumOffset], frame[HeaderSize..]);
}
