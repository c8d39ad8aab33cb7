using System.Runtime.CompilerServices;

namespace Engine.Core;

/// <summary>What a <see cref="Ring{TEntry}"/> holds: something that knows its place there. The default is a
/// gap.</summary>
internal interface IRingEntry<TSelf>
    where TSelf : struct
{
    bool IsGap { get; }

    /// <summary>Where what it holds keeps its place in this kind of ring; not of a gap.</summary>
    ref int Place { get; }

    /// <summary>Whether both hold the same.</summary>
    bool IsSame(in TSelf other);
}

/// <summary>Entries in the order in which they were put in; any of them can leave. All in O(1), on average.</summary>
/// <remarks>
/// A ring with gaps where entries have left, and not a list linked through what they hold: who leaves touches the ring
/// only, which is small, and no neighbour, which was last used thousands of jobs ago. A full ring with many gaps is
/// closed up, any other doubled.
/// </remarks>
internal sealed class Ring<TEntry>
    where TEntry : struct, IRingEntry<TEntry>
{
    private const int SmallestSize = 16;

    private TEntry[] _entries = new TEntry[SmallestSize];

    // Where the first is, and how many places from there on are in use, gaps included; the first and the last are none.
    private int _first;
    private int _length;

    internal int Count { get; private set; }

    /// <summary>The one that came first; a gap when there is none.</summary>
    internal ref readonly TEntry First => ref _entries[_first];

    /// <summary>The one that came last; a gap when there is none.</summary>
    internal ref readonly TEntry Last => ref _entries[IndexOf(Math.Max(0, _length - 1))];

    /// <summary>From the first to the last; the ring stays as it is meanwhile.</summary>
    internal IEnumerable<TEntry> All
    {
        get
        {
            for (int i = 0; i < _length; i++)
            {
                if (_entries[IndexOf(i)] is { IsGap: false } entry)
                {
                    yield return entry;
                }
            }
        }
    }

    /// <summary>Whether it is in this ring.</summary>
    internal bool Contains(in TEntry entry)
    {
        int index = entry.Place;
        return (uint)index < (uint)_entries.Length && _entries[index].IsSame(entry);
    }

    /// <summary>Puts an entry behind all others. What it holds is in no ring of this kind.</summary>
    internal void Add(in TEntry entry)
    {
        if (_length == _entries.Length)
        {
            Tidy();
        }

        int index = IndexOf(_length++);
        _entries[index] = entry;
        entry.Place = index;
        Count++;
    }

    /// <summary>Takes an entry out that is in this ring.</summary>
    internal void Remove(in TEntry entry)
    {
        Invariant.Holds(Contains(entry));
        int index = entry.Place;
        _entries[index] = default;
        if (--Count == 0)
        {
            (_first, _length) = (0, 0);
        }
        else if (index == _first)
        {
            do
            {
                _first = (_first + 1) & (_entries.Length - 1);
                _length--;
            }
            while (_entries[_first].IsGap);
        }
        else if (index == IndexOf(_length - 1))
        {
            do
            {
                _length--;
            }
            while (_entries[IndexOf(_length - 1)].IsGap);
        }
    }

    /// <summary>The one that came next after one that is in this ring; a gap when there is none.</summary>
    internal TEntry After(in TEntry entry)
    {
        int last = IndexOf(_length - 1);
        for (int index = entry.Place; index != last;)
        {
            index = (index + 1) & (_entries.Length - 1);
            if (!_entries[index].IsGap)
            {
                return _entries[index];
            }
        }

        return default;
    }

    /// <summary>What lies so many places behind the first, if anything does: for who asks for memory ahead.</summary>
    internal ref readonly TEntry Ahead(int places) => ref _entries[IndexOf(places)];

    /// <summary>Asks for the memory that has the place of an entry, which may be in another ring, or in none.</summary>
    internal void PrefetchPlaceOf(in TEntry entry)
    {
        int index = entry.Place;
        if ((uint)index < (uint)_entries.Length)
        {
            Prefetch.Place(ref _entries[index]);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Tidy()
    {
        // Closed up only when that leaves room for as many as it moves.
        const int FarAhead = 16;
        var old = _entries;
        var entries = Count <= old.Length / 2 ? old : new TEntry[old.Length * 2];
        int start = ReferenceEquals(entries, old) ? _first : 0;
        int end = start;
        for (int i = 0; i < _length; i++)
        {
            ref readonly var soon = ref old[(_first + i + FarAhead) & (old.Length - 1)];
            if (!soon.IsGap)
            {
                Prefetch.Place(ref soon.Place);
            }

            ref var place = ref old[(_first + i) & (old.Length - 1)];
            if (!place.IsGap)
            {
                var entry = place;
                place = default;
                entries[end] = entry;
                entry.Place = end;
                end = (end + 1) & (entries.Length - 1);
            }
        }

        (_entries, _first, _length) = (entries, start, Count);
    }

    private int IndexOf(int number) => (_first + number) & (_entries.Length - 1);
}
