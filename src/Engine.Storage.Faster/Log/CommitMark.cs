using System.Buffers.Binary;

namespace Engine.Storage.Faster.Log;

/// <summary>Opens every commit in the log: who wrote it, where, and what was durable by then.</summary>
/// <remarks>
/// <para>Little-endian: magic (4) | version (1) | zero (3) | address (8) | epoch (8) | nonce (16) | first sequence (8)
/// | durable sequence (8) | bytes of frames (4) | CRC32C of the 60 bytes before (4).</para>
/// <para>A commit is written only when the one before is synced. So a mark that is found behind damaged frames proves
/// that they were once whole and acknowledged, while a crash can only tear the last commit: this is what tells damage
/// from a torn tail. The address keeps a misplaced copy from counting, the nonce anything that somebody put into a
/// payload.</para>
/// </remarks>
internal readonly record struct CommitMark(
    long Address, long Epoch, Guid Nonce, long FirstSequence, long DurableSequence, int FrameBytes)
{
    internal const int Size = 64;

    private const uint Magic = 0x43474E45; // "ENGC" as it lies on disk.
    private const byte Version = 1;

    /// <summary>The address behind the commit's last frame.</summary>
    internal long FramesEnd => Address + Size + FrameBytes;

    /// <summary>Whether an address is in one of the blocks that the commit was written to.</summary>
    internal bool Covers(long address) => address >= Address && address < Block.AlignUp(FramesEnd);

    internal void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(target[8..], Address);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], Epoch);
        Nonce.TryWriteBytes(target[24..40]);
        BinaryPrimitives.WriteInt64LittleEndian(target[40..], FirstSequence);
        BinaryPrimitives.WriteInt64LittleEndian(target[48..], DurableSequence);
        BinaryPrimitives.WriteInt32LittleEndian(target[56..], FrameBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(target[60..], Crc32C.Of(target[..60]));
    }

    /// <summary>Reads a mark that is whole, wherever it was written for; false when there is none, with the
    /// reason.</summary>
    /// <exception cref="JournalDamagedException">A mark of a later version.</exception>
    internal static bool TryRead(ReadOnlySpan<byte> source, out CommitMark mark, out string? error)
    {
        mark = default;
        if (BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic)
        {
            error = "no commit starts there";
            return false;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(source[60..]) != Crc32C.Of(source[..60]))
        {
            error = "the commit's mark fails its checksum";
            return false;
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(source[4..]);
        if (version != Version)
        {
            throw new JournalDamagedException($"it holds a commit of version {version}, this build knows {Version}");
        }

        mark = new CommitMark(
            BinaryPrimitives.ReadInt64LittleEndian(source[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[16..]),
            new Guid(source[24..40]),
            BinaryPrimitives.ReadInt64LittleEndian(source[40..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[48..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[56..]));
        error = null;
        return true;
    }
}
