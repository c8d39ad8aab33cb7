using System.Buffers.Binary;

namespace Engine.Storage.Faster.Snapshots;

/// <summary>A snapshot as it lies on disk: one header, then the state.</summary>
/// <remarks>Little-endian: magic (4) | version (4) | journal id (16) | sequence (8) | checksum of that frame (4) |
/// zero (4) | state length (8) | zero (12) | CRC32C of the 60 bytes before and of the state (4) | state.</remarks>
internal static class SnapshotFile
{
    internal const int HeaderSize = 64;

    private const uint Magic = 0x50474E45; // "ENGP" as it lies on disk.
    private const uint Version = 1;
    private const int ChecksumOffset = HeaderSize - sizeof(uint);

    internal static void WriteHeader(
        Span<byte> header, Guid journalId, long sequence, uint checksum, ReadOnlySpan<byte> state)
    {
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Version);
        journalId.TryWriteBytes(header[8..24]);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(header[32..], checksum);
        BinaryPrimitives.WriteInt64LittleEndian(header[40..], state.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[ChecksumOffset..], Crc32C.Of(header[..ChecksumOffset], state));
    }

    /// <summary>Takes a file's bytes apart; null when they are not a whole snapshot, with the reason.</summary>
    /// <exception cref="JournalDamagedException">A snapshot of a later version.</exception>
    internal static JournalSnapshot? TryRead(
        ReadOnlyMemory<byte> bytes, Guid journalId, long sequence, out string? error)
    {
        var span = bytes.Span;
        error = null;
        if (span.Length < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(span) != Magic)
        {
            error = $"its {span.Length} bytes do not start with a snapshot's header";
            return null;
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(span[4..]);
        if (version > Version)
        {
            throw new JournalDamagedException($"it is a snapshot of version {version}, this build knows {Version}");
        }

        if (BinaryPrimitives.ReadInt64LittleEndian(span[40..]) != span.Length - HeaderSize)
        {
            error = $"its state should have {BinaryPrimitives.ReadInt64LittleEndian(span[40..])} bytes and has " +
                $"{span.Length - HeaderSize}";
            return null;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(span[ChecksumOffset..]) !=
            Crc32C.Of(span[..ChecksumOffset], span[HeaderSize..]))
        {
            error = "it fails its checksum";
            return null;
        }

        if (new Guid(span[8..24]) != journalId || BinaryPrimitives.ReadInt64LittleEndian(span[24..]) != sequence)
        {
            error = $"it is the snapshot of frame {BinaryPrimitives.ReadInt64LittleEndian(span[24..])} of journal " +
                $"{new Guid(span[8..24])}";
            return null;
        }

        return new JournalSnapshot(
            sequence, BinaryPrimitives.ReadUInt32LittleEndian(span[32..]), bytes[HeaderSize..]);
    }
}
