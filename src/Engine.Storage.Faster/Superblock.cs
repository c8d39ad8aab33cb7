using System.Buffers.Binary;
using Engine.Storage.Faster.Log;

namespace Engine.Storage.Faster;

/// <summary>What the journal must know before it trusts its log. Written on opening, before a new segment is used, for
/// a snapshot, before truncation and on closing: never per commit.</summary>
/// <param name="Generation">One higher with every write; of two whole copies the higher counts.</param>
/// <param name="JournalId">The same in every file of one journal, so that files of two are not mixed.</param>
/// <param name="Epoch">The last owner's.</param>
/// <param name="Nonce">The last owner's; its commits carry it.</param>
/// <param name="BootId">The boot of the operating system that the last owner ran in; empty when unknown.</param>
/// <param name="SegmentSizeBytes">Of every segment of this journal.</param>
/// <param name="Begin">Where the log begins, after truncation.</param>
/// <param name="DurableSequence">Every frame up to this one was durable: less than that in the log is damage.</param>
/// <param name="EndSegment">Segments below this one and from <paramref name="Begin"/> on exist.</param>
/// <param name="SnapshotSequence">The newest snapshot, 0 when none was saved.</param>
/// <param name="Durability">The last owner's.</param>
/// <param name="HasPieces">Whether there may be a snapshot in pieces. It makes the superblock one of version 2, so that
/// a build that knows nothing of them refuses the journal, and does not take them for damaged ones.</param>
internal sealed record Superblock(
    long Generation,
    Guid JournalId,
    long Epoch,
    Guid Nonce,
    Guid BootId,
    int SegmentSizeBytes,
    LogPosition Begin,
    long DurableSequence,
    long EndSegment,
    long SnapshotSequence,
    Durability Durability,
    bool HasPieces = false)
{
    private const uint Magic = 0x53474E45; // "ENGS" as it lies on disk.
    private const uint Version = 1;
    private const uint VersionWithPieces = 2;
    private const int ChecksumOffset = Block.Size - sizeof(uint);

    internal void Write(Span<byte> block)
    {
        block.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(block, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(block[4..], HasPieces ? VersionWithPieces : Version);
        BinaryPrimitives.WriteInt64LittleEndian(block[8..], Generation);
        JournalId.TryWriteBytes(block[16..32]);
        BinaryPrimitives.WriteInt64LittleEndian(block[32..], Epoch);
        Nonce.TryWriteBytes(block[40..56]);
        BootId.TryWriteBytes(block[56..72]);
        BinaryPrimitives.WriteInt32LittleEndian(block[72..], SegmentSizeBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(block[76..], Begin.Checksum);
        BinaryPrimitives.WriteInt64LittleEndian(block[80..], Begin.Address);
        BinaryPrimitives.WriteInt64LittleEndian(block[88..], Begin.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(block[96..], Begin.Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(block[104..], DurableSequence);
        BinaryPrimitives.WriteInt64LittleEndian(block[112..], EndSegment);
        BinaryPrimitives.WriteInt64LittleEndian(block[120..], SnapshotSequence);
        BinaryPrimitives.WriteInt32LittleEndian(block[128..], (int)Durability);
        BinaryPrimitives.WriteUInt32LittleEndian(block[ChecksumOffset..], Crc32C.Of(block[..ChecksumOffset]));
    }

    /// <summary>Reads one copy; null when it is damaged.</summary>
    /// <exception cref="JournalDamagedException">The copy is whole and of a later version.</exception>
    internal static Superblock? TryRead(ReadOnlySpan<byte> block)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(block) != Magic ||
            BinaryPrimitives.ReadUInt32LittleEndian(block[ChecksumOffset..]) != Crc32C.Of(block[..ChecksumOffset]))
        {
            return null;
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        if (version is not (Version or VersionWithPieces))
        {
            throw new JournalDamagedException(
                $"The superblock is of version {version}, this build knows versions up to {VersionWithPieces}: open " +
                "the journal with the build that wrote it.");
        }

        return new Superblock(
            BinaryPrimitives.ReadInt64LittleEndian(block[8..]),
            new Guid(block[16..32]),
            BinaryPrimitives.ReadInt64LittleEndian(block[32..]),
            new Guid(block[40..56]),
            new Guid(block[56..72]),
            BinaryPrimitives.ReadInt32LittleEndian(block[72..]),
            new LogPosition(
                BinaryPrimitives.ReadInt64LittleEndian(block[80..]),
                BinaryPrimitives.ReadInt64LittleEndian(block[88..]),
                BinaryPrimitives.ReadUInt32LittleEndian(block[76..]),
                BinaryPrimitives.ReadInt64LittleEndian(block[96..])),
            BinaryPrimitives.ReadInt64LittleEndian(block[104..]),
            BinaryPrimitives.ReadInt64LittleEndian(block[112..]),
            BinaryPrimitives.ReadInt64LittleEndian(block[120..]),
            (Durability)BinaryPrimitives.ReadInt32LittleEndian(block[128..]),
            HasPieces: version == VersionWithPieces);
    }
}
