using System.Numerics;

namespace Engine.Core.Scheduling;

/// <summary>Lanes by the bytes that name what a submission needs: type, user, project, tier and resources.</summary>
/// <remarks>
/// A submission like one before is spared the search for what its names name, and for its lane: half of what it costs
/// to decide or to replay. The bytes are made and hashed by whoever has the names at hand, so that who decides only
/// compares them. A memo, no state: what it has lost is found the long way. Each lane has one place at most.
/// </remarks>
internal sealed class LaneMemo
{
    private const int SmallestSize = 16;
    private const int LargestSize = 1 << 20;

    // Places that a lane may have. Lanes seldom push each other out, as a quarter of all places is taken at most.
    private const int Ways = 4;

    private Place[] _places = new Place[SmallestSize];
    private int _count;
    private EngineSettings? _settings;

    /// <summary>Asks for the memory that <see cref="Guess"/> will look at.</summary>
    internal void Prefetch(ulong hash)
    {
        int first = FirstOf(hash);
        Core.Prefetch.Place(ref _places[first]);
        Core.Prefetch.Place(ref _places[first + Ways - 1]);
    }

    /// <summary>The lane that may be named so; <see cref="KnownLane.Is"/> tells. Looks at no lane.</summary>
    internal KnownLane Guess(ulong hash)
    {
        foreach (ref readonly var place in PlacesOf(hash))
        {
            if (place.Hash == hash)
            {
                return new KnownLane(place.Lane, place.Names);
            }
        }

        return default;
    }

    /// <param name="hash">Of the names.</param>
    /// <param name="names">What was asked for.</param>
    /// <param name="lane">Where it went.</param>
    internal void Remember(ulong hash, ReadOnlySpan<byte> names, Lane lane)
    {
        Forget(lane);
        if (_count >= _places.Length / 4 && _places.Length < LargestSize)
        {
            Grow();
        }

        // Mostly they are the lane's own; not where the tier fell back to another, or the type has resources.
        byte[] kept = lane.EncodedNames is { } own && names.SequenceEqual(own) ? own : names.ToArray();
        lane.MemoHash = hash;
        Put(new Place { Hash = hash, Lane = lane, Names = kept });
    }

    /// <summary>Forgets a lane, if it is here.</summary>
    internal void Forget(Lane lane)
    {
        foreach (ref var place in PlacesOf(lane.MemoHash))
        {
            if (ReferenceEquals(place.Lane, lane))
            {
                place = default;
                _count--;
            }
        }
    }

    /// <summary>Forgets everything that was found right under other settings than these.</summary>
    internal void KeepFor(EngineSettings settings)
    {
        if (!ReferenceEquals(_settings, settings))
        {
            _settings = settings;
            Array.Clear(_places);
            _count = 0;
        }
    }

    private void Grow()
    {
        var old = _places;
        _places = new Place[old.Length * 2];
        _count = 0;
        foreach (var place in old)
        {
            if (place.Lane is not null)
            {
                Put(place);
            }
        }
    }

    private void Put(Place place)
    {
        var places = PlacesOf(place.Hash);
        int at = 0;
        while (at < Ways - 1 && places[at].Lane is not null && places[at].Hash != place.Hash)
        {
            at++;
        }

        // The newest goes first; where there is neither room nor one of the same hash, the oldest gives way.
        _count += places[at].Lane is null ? 1 : 0;
        places[..at].CopyTo(places[1..]);
        places[0] = place;
    }

    private Span<Place> PlacesOf(ulong hash) => _places.AsSpan(FirstOf(hash), Ways);

    private int FirstOf(ulong hash) => (int)(hash >> (64 - BitOperations.Log2((uint)_places.Length))) & ~(Ways - 1);

    private struct Place
    {
        internal ulong Hash;
        internal Lane? Lane;
        internal byte[]? Names;
    }
}

/// <summary>A lane, and the names that a submission had which went there.</summary>
internal readonly record struct KnownLane(Lane? Lane, byte[]? Names)
{
    /// <summary>Whether a submission with these names goes there too: the lane was not forgotten since.</summary>
    internal bool Is(ReadOnlySpan<byte> names) => Lane is { References: > 0 } && names.SequenceEqual(Names);
}
