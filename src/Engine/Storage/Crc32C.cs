using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Engine.Storage;

/// <summary>CRC-32C (Castagnoli), the checksum of everything an engine stores; one instruction per eight
/// bytes.</summary>
public static class Crc32C
{
    /// <summary>The checksum of <paramref name="bytes"/>.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes) => ~Continue(~0u, bytes);

    /// <summary>The checksum of <paramref name="first"/> and <paramref name="second"/> as if they were one.</summary>
    public static uint Of(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second) =>
        ~Continue(Continue(~0u, first), second);

    /// <summary>The checksum of <paramref name="first"/> and <paramref name="second"/> as if they were one.</summary>
    public static uint Of(ReadOnlySpan<byte> first, in ReadOnlySequence<byte> second)
    {
        uint crc = Continue(~0u, first);
        foreach (var piece in second)
        {
            crc = Continue(crc, piece.Span);
        }

        return ~crc;
    }

    /// <summary>The checksum of what <paramref name="checksum"/> is one of, and of <paramref name="bytes"/> behind
    /// it.</summary>
    public static uint Append(uint checksum, ReadOnlySpan<byte> bytes) => ~Continue(~checksum, bytes);

    private static uint Continue(uint crc, ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (byte b in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return crc;
    }
}
