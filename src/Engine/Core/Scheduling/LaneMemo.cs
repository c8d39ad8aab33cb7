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

    // In pairs, so that two lanes seldom push each other out; a quarter of them is taken at most.
    private Place[] _places = new Place[SmallestSize];
    private int _count;
    private EngineSettings? _settings;

    /// <summary>Asks for the memory that <see cref="Guess"/> will look at.</summary>
    internal void Prefetch(ulong hash) => Core.Prefetch.Place(ref _places[FirstOf(hash)]);

    /// <summary>The lane that may be named so; <see cref="KnownLane.Is"/> tells. Looks at no lane.</summary>
    internal KnownLane Guess(ulong hash)
    {
        int first = FirstOf(hash);
        ref readonly var place = ref _places[first];
        if (place.Hash != hash)
        {
            place = ref _places[first + 1];
        }

        return place.Hash == hash ? new KnownLane(place.Lane, place.Names) : default;
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
        foreach (ref var place in _places.AsSpan(FirstOf(lane.MemoHash), 2))
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
        ref var first = ref _places[FirstOf(place.Hash)];
        ref var second = ref _places[FirstOf(place.Hash) + 1];
        if (first.Lane is not null && first.Hash != place.Hash)
        {
            // The older of the two gives way.
            _count -= second.Lane is null ? 0 : 1;
            second = first;
        }
        else
        {
            _count -= first.Lane is null ? 0 : 1;
        }

        first = place;
        _count++;
    }

    private int FirstOf(ulong hash) => (int)(hash >> (64 - BitOperations.Log2((uint)_places.Length))) & ~1;

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
