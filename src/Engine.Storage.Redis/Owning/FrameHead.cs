using System.Buffers.Binary;

namespace Engine.Storage.Redis.Owning;

/// <summary>What a frame's header says. Not checked against the payload: whoever reads the frame does that.</summary>
internal readonly record struct FrameHead(long Sequence, long Epoch, uint PreviousChecksum, uint Checksum)
{
    /// <summary>Reads the header at the start of <paramref name="bytes"/>; null when there is not a whole
    /// one.</summary>
    internal static FrameHead? Read(ReadOnlySpan<byte> bytes) =>
        bytes.Length < FrameCodec.HeaderSize
            ? null
            : new FrameHead(
                BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
                BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
                BinaryPrimitives.ReadUInt32LittleEndian(bytes[40..]),
                BinaryPrimitives.ReadUInt32LittleEndian(bytes[44..]));
}
