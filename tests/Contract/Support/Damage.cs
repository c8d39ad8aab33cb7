namespace Engine.Tests.Support;

/// <summary>How a stretch of storage goes bad.</summary>
internal enum DamageKind
{
    /// <summary>One bit is the other way round.</summary>
    BitFlip = 1,

    /// <summary>A sector holds zeros.</summary>
    ZeroedSector = 2,

    /// <summary>A sector and the one behind it lie in each other's place.</summary>
    SwappedSectors = 3,

    /// <summary>A sector was written over the one behind it.</summary>
    CopiedForward = 4,

    /// <summary>A sector was written over the one before it.</summary>
    CopiedBack = 5,

    /// <summary>The bytes end before they should.</summary>
    Truncation = 6,
}

/// <summary>One damage to a stretch of bytes. Applying and undoing touch only what it concerns, so that half a million
/// cases need one buffer.</summary>
/// <param name="Kind">What happens.</param>
/// <param name="Offset">The byte, the first byte of the (left) sector, or the length that is left.</param>
/// <param name="Extent">The bit of the byte (0 to 7), or the size of a sector.</param>
internal readonly record struct DamageCase(DamageKind Kind, int Offset, int Extent)
{
    /// <summary>Every single bit.</summary>
    internal static IEnumerable<DamageCase> BitFlips(int start, int end)
    {
        for (int offset = start; offset < end; offset++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                yield return new DamageCase(DamageKind.BitFlip, offset, bit);
            }
        }
    }

    /// <summary>Everything that happens to whole sectors of <paramref name="size"/> bytes: each zeroed, each swapped
    /// with its neighbour, each written over either neighbour.</summary>
    internal static IEnumerable<DamageCase> Sectors(int start, int end, int size)
    {
        for (int offset = start; offset + size <= end; offset += size)
        {
            yield return new DamageCase(DamageKind.ZeroedSector, offset, size);
            if (offset + (2 * size) <= end)
            {
                yield return new DamageCase(DamageKind.SwappedSectors, offset, size);
                yield return new DamageCase(DamageKind.CopiedForward, offset, size);
                yield return new DamageCase(DamageKind.CopiedBack, offset, size);
            }
        }
    }

    /// <summary>Every length that is shorter.</summary>
    internal static IEnumerable<DamageCase> Truncations(int length)
    {
        for (int left = 0; left < length; left++)
        {
            yield return new DamageCase(DamageKind.Truncation, left, length - left);
        }
    }

    /// <summary>Damages <paramref name="image"/>, which equals <paramref name="original"/>; how many bytes of it are
    /// left.</summary>
    internal int Apply(ReadOnlySpan<byte> original, Span<byte> image)
    {
        switch (Kind)
        {
            case DamageKind.BitFlip:
                image[Offset] ^= (byte)(1 << Extent);
                break;
            case DamageKind.ZeroedSector:
                image.Slice(Offset, Extent).Clear();
                break;
            case DamageKind.SwappedSectors:
                original.Slice(Offset, Extent).CopyTo(image[(Offset + Extent)..]);
                original.Slice(Offset + Extent, Extent).CopyTo(image[Offset..]);
                break;
            case DamageKind.CopiedForward:
                original.Slice(Offset, Extent).CopyTo(image[(Offset + Extent)..]);
                break;
            case DamageKind.CopiedBack:
                original.Slice(Offset + Extent, Extent).CopyTo(image[Offset..]);
                break;
            case DamageKind.Truncation:
                return Offset;
        }

        return original.Length;
    }

    /// <summary>Makes <paramref name="image"/> whole again.</summary>
    internal void Undo(ReadOnlySpan<byte> original, Span<byte> image)
    {
        var touched = Kind switch
        {
            DamageKind.BitFlip => Offset..(Offset + 1),
            DamageKind.ZeroedSector => Offset..(Offset + Extent),
            DamageKind.SwappedSectors or DamageKind.CopiedForward or DamageKind.CopiedBack =>
                Offset..(Offset + (2 * Extent)),
            DamageKind.Truncation => 0..0,
        };
        original[touched].CopyTo(image[touched]);
    }

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        DamageKind.BitFlip => $"bit {Extent} of byte {Offset} flipped",
        DamageKind.ZeroedSector => $"sector of {Extent} at {Offset} zeroed",
        DamageKind.SwappedSectors => $"sectors of {Extent} at {Offset} and {Offset + Extent} swapped",
        DamageKind.CopiedForward => $"sector of {Extent} at {Offset} written over {Offset + Extent}",
        DamageKind.CopiedBack => $"sector of {Extent} at {Offset + Extent} written over {Offset}",
        DamageKind.Truncation => $"cut to {Offset} bytes",
    };
}
