using System.Runtime.CompilerServices;

namespace Engine.Core.Scheduling;

/// <summary>What a submission's lane depends on, as the journal writes it, with its hash; empty when that is
/// long.</summary>
internal struct LaneNames
{
    /// <summary>Names that take more bytes are found the long way.</summary>
    internal const int Capacity = 116;

    private Block _bytes;

    /// <summary>How many bytes there are; 0 for none.</summary>
    internal int Length { get; private set; }

    internal ulong Hash { get; private set; }

    [System.Diagnostics.CodeAnalysis.UnscopedRef]
    internal readonly ReadOnlySpan<byte> Bytes => ((ReadOnlySpan<byte>)_bytes)[..Length];

    /// <summary>Takes names in, or none if they are too long.</summary>
    internal void Set(ReadOnlySpan<byte> names)
    {
        Length = names.Length <= Capacity ? names.Length : 0;
        names[..Length].CopyTo(_bytes);
        Hash = ContentHash.Of(names[..Length]);
    }

    [InlineArray(Capacity)]
    private struct Block
    {
        private byte _first;
    }
}
