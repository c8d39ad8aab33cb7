using System.Buffers.Binary;
using Engine.Core.Scheduling;

namespace Engine.Storage;

/// <summary>Lanes by the bytes that name them in a submission: type, user, project, tier and resources.</summary>
/// <remarks>A memo for whoever folds many events: a submission like one before is spared the reading of its names and
/// the search for what they name, about half of what folding it costs.</remarks>
internal sealed class KnownLanes
{
    // Enough for the users of an hour; whoever has more starts anew now and then.
    private const int MaxEntries = 200_000;

    private readonly Dictionary<ulong, (byte[] Names, Lane Lane)> _lanes = [];

    /// <summary>The lane that is named so; null when none is known to be, or it was forgotten since.</summary>
    internal Lane? Find(ReadOnlySpan<byte> names) =>
        _lanes.TryGetValue(HashOf(names), out var known)
        && known.Lane.References > 0 && names.SequenceEqual(known.Names)
            ? known.Lane
            : null;

    internal void Remember(ReadOnlySpan<byte> names, Lane lane)
    {
        if (_lanes.Count == MaxEntries)
        {
            _lanes.Clear();
        }

        _lanes[HashOf(names)] = (names.ToArray(), lane);
    }

    // What collides is compared and read again: nothing depends on the quality of this but speed.
    private static ulong HashOf(ReadOnlySpan<byte> names)
    {
        ulong hash = (ulong)names.Length;
        while (names.Length >= sizeof(ulong))
        {
            hash = Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(names));
            names = names[sizeof(ulong)..];
        }

        ulong rest = 0;
        foreach (byte b in names)
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
