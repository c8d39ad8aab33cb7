using System.Numerics;
using Engine.Core.Scheduling;

namespace Engine.Storage;

/// <summary>Lanes by the bytes that name them in a submission: type, user, project, tier and resources.</summary>
/// <remarks>A memo for whoever folds many events: a submission like one before is spared the reading of its names and
/// the search for what they name, about half of what folding it costs. A table in which a lane has one place, and
/// whoever comes later to a place takes it: what is not found is read.</remarks>
internal sealed class KnownLanes
{
    private const int SmallestSize = 16;
    private const int LargestSize = 1 << 18;

    private (ulong Hash, Lane? Lane)[] _places = new (ulong, Lane?)[SmallestSize];
    private int _remembered;

    /// <summary>Asks for the memory of a place.</summary>
    internal void Prefetch(ulong hash) => Core.Prefetch.Place(ref _places[PlaceOf(hash)]);

    /// <summary>The lane that may be named so; <see cref="Is"/> tells. Looks at no lane.</summary>
    internal Lane? Guess(ulong hash)
    {
        ref readonly var place = ref _places[PlaceOf(hash)];
        return place.Hash == hash ? place.Lane : null;
    }

    /// <summary>Whether a lane is named so, and was not forgotten since.</summary>
    internal static bool Is(Lane lane, ReadOnlySpan<byte> names) =>
        lane.References > 0 && names.SequenceEqual(lane.EncodedNames);

    internal void Remember(ulong hash, ReadOnlySpan<byte> names, Lane lane)
    {
        if (_remembered++ == _places.Length / 2 && _places.Length < LargestSize)
        {
            Grow();
        }

        lane.EncodedNames ??= names.ToArray();
        _places[PlaceOf(hash)] = (hash, lane);
    }

    private void Grow()
    {
        var old = _places;
        _places = new (ulong, Lane?)[old.Length * 2];
        foreach (var place in old)
        {
            if (place.Lane is not null)
            {
                _places[PlaceOf(place.Hash)] = place;
            }
        }
    }

    private int PlaceOf(ulong hash) => (int)(hash >> (64 - BitOperations.Log2((uint)_places.Length)));
}
