using System.Buffers.Binary;

namespace Engine.Core;

/// <summary>A quick digest of bytes, the same in every process: to tell apart what mostly differs. What collides has to
/// be compared, so nothing depends on its quality but speed.</summary>
internal static class ContentHash
{
    internal static ulong Of(ReadOnlySpan<byte> bytes)
    {
        ulong hash = (ulong)bytes.Length;
        while (bytes.Length >= sizeof(ulong))
        {
            hash = Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        ulong rest = 0;
        foreach (byte b in bytes)
        {
            rest = (rest << 8) | b;
        }

        return Mix(hash, rest);
    }

    private static ulong Mix(ulong hash, ulong value)
    {
        ulong high = Math.BigMul(hash ^ 0x9E37_79B9_7F4A_7C15, value ^ 0xBF58_476D_1CE4_E5B9, out ulong low);
        return high ^ low;
    }
}
