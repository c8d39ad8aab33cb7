using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;
using Engine.Core.Imaging;

namespace Engine.Core;

/// <summary>All kept jobs by id.</summary>
/// <remarks>
/// Open addressing over eight bytes a place: half of the hash, and the number of the object that stands for the job,
/// which tells where it is. A search, an entry and a removal each touch one cache line, where a chained dictionary
/// touches two to four, and with a million jobs each of those is a miss; places are no references, so that the
/// collector need not hear of them. A gap that a removal leaves is closed up, so that nothing is left to search past.
/// <para>An object keeps its number while it waits to stand for another job. The order of <see cref="Values"/> means
/// nothing: no decision may depend on it.</para>
/// </remarks>
/// <param name="seed">Where ids have their places. Ids may be chosen by callers: who does not know the seed cannot
/// choose many that meet in one place, and make every search a long one. Nothing that can be seen depends on
/// it.</param>
internal sealed class JobTable(ulong seed = 0)
{
    private const int SmallestSize = 16;
    private const ulong UpperHalf = 0xFFFF_FFFF_0000_0000;

    // A search mostly ends within so many places.
    private const int Near = 3;

    private readonly Stack<int> _freeNumbers = new();

    // What the halves of an id are hidden by: either in the open, ids with that half would all have the same hash.
    private readonly ulong _overFirst = 0x9E37_79B9_7F4A_7C15 ^ seed;
    private readonly ulong _overSecond = 0xBF58_476D_1CE4_E5B9 ^ (seed * 0xD134_2543_DE82_EF95);

    // The upper half of the hash, then the number: of nothing, 0.
    private ulong[] _places = new ulong[SmallestSize];
    private int _shift = ShiftFor(SmallestSize);

    // By number, from 1.
    private Job?[] _objects = new Job?[SmallestSize];
    private int _lastNumber;
    private ImageTaker? _walker;
    private int _walked;
    private int _walkEnd;

    internal int Count { get; private set; }

    internal IEnumerable<Job> Values
    {
        get
        {
            for (int number = 1; number <= _lastNumber; number++)
            {
                if (_objects[number] is { TableNumber: > 0 } job)
                {
                    yield return job;
                }
            }
        }
    }

    internal IEnumerable<JobId> Keys => Values.Select(job => job.Id);

    /// <exception cref="KeyNotFoundException">There is no such job.</exception>
    internal Job this[JobId id] =>
        TryGetValue(id, out var job) ? job : throw new KeyNotFoundException($"There is no job '{id}'.");

    internal bool ContainsKey(JobId id) => TryGetValue(id, out _);

    internal bool TryGetValue(JobId id, [NotNullWhen(true)] out Job? job)
    {
        ulong hash = HashOf(id);
        for (int index = HomeOf(hash); _places[index] is var place and not 0; index = Next(index))
        {
            if (IsOf(place, hash) && _objects[NumberIn(place)] is { } found && found.Id == id)
            {
                job = found;
                return true;
            }
        }

        job = null;
        return false;
    }

    /// <summary>Asks for the memory that a search for the id begins in.</summary>
    internal void Prefetch(JobId id) => Prefetch(HashOf(id));

    /// <summary>Asks for the memory that a removal of the job begins in.</summary>
    internal void Prefetch(Job job) => Prefetch((ulong)job.TableHash << 32);

    /// <summary>Takes a job in whose id is not in the table.</summary>
    internal void Add(Job job)
    {
        Invariant.Holds(job.TableNumber <= 0);

        // At most seven tenths full: beyond that, searches for what is not there grow long.
        if ((Count + 1) * 10L > _places.Length * 7L)
        {
            Resize(_places.Length * 2);
        }

        ulong hash = HashOf(job.Id);
        int index = HomeOf(hash);
        while (_places[index] is var place and not 0)
        {
            Invariant.Holds(!IsOf(place, hash) || _objects[NumberIn(place)]!.Id != job.Id);
            index = Next(index);
        }

        int number = job.TableNumber == 0 ? NewNumber(job) : -job.TableNumber;
        (job.TableNumber, job.TableHash) = (number, (uint)(hash >> 32));
        _places[index] = (hash & UpperHalf) | (uint)number;
        Count++;
    }

    /// <summary>Takes a job out that is in the table. Its object keeps its number.</summary>
    internal void Remove(Job job)
    {
        Invariant.Holds(job.TableNumber > 0);
        ulong wanted = ((ulong)job.TableHash << 32) | (uint)job.TableNumber;
        int gap = HomeOf(wanted);
        while (_places[gap] != wanted)
        {
            Invariant.Holds(_places[gap] != 0);
            gap = Next(gap);
        }

        for (int index = Next(gap); _places[index] is var place and not 0; index = Next(index))
        {
            // One that lies as far behind its own place as behind the gap, or farther, may close it.
            if (Distance(HomeOf(place), index) >= Distance(gap, index))
            {
                _places[gap] = place;
                gap = index;
            }
        }

        _places[gap] = 0;
        job.TableNumber = -job.TableNumber;
        Count--;
    }

    /// <summary>Lets go of an object that stands for no job, and will not again.</summary>
    internal void Drop(Job job)
    {
        Invariant.Holds(job.TableNumber < 0);
        _objects[-job.TableNumber] = null;
        _freeNumbers.Push(-job.TableNumber);
        job.TableNumber = 0;
    }

    /// <summary>Makes room for so many jobs at once.</summary>
    internal void EnsureCapacity(int count)
    {
        long size = (long)BitOperations.RoundUpToPowerOf2((ulong)(count * 10L / 7L) + 1);
        if (size > _places.Length)
        {
            Resize((int)size);
        }

        if (count >= _objects.Length)
        {
            Array.Resize(ref _objects, count + 1);
        }
    }

    /// <summary>Begins to walk through the table, which may change meanwhile: every job that is here now and stays is
    /// met once.</summary>
    internal void BeginWalk(ImageTaker walker) => (_walker, _walked, _walkEnd) = (walker, 1, _lastNumber + 1);

    /// <summary>Walks on. Returns how many places were looked at: fewer than asked for at the end.</summary>
    internal int Walk(int count)
    {
        const int FarAhead = 24;
        const int JobLines = 5;
        int first = _walked;
        int end = (int)Math.Min((long)first + count, _walkEnd);
        while (_walker is { } walker && _walked < end)
        {
            int far = _walked + FarAhead;
            Core.Prefetch.Object(far < _walkEnd ? _objects[far] : null, JobLines);
            if (_objects[_walked++] is { TableNumber: > 0 } job)
            {
                // Who has all it wanted ends the walk.
                walker.Meet(job);
            }
        }

        return _walker is null ? count : _walked - first;
    }

    /// <summary>Nobody walks any more.</summary>
    internal void EndWalk() => (_walker, _walked, _walkEnd) = (null, 0, 0);

    private void Prefetch(ulong hash)
    {
        int home = HomeOf(hash);
        Core.Prefetch.Place(ref _places[home]);
        Core.Prefetch.Place(ref _places[Math.Min(home + Near, _places.Length - 1)]);
    }

    private void Resize(int size)
    {
        ulong[] old = _places;
        _places = new ulong[size];
        _shift = ShiftFor(size);
        foreach (ulong place in old)
        {
            if (place != 0)
            {
                int index = HomeOf(place);
                while (_places[index] != 0)
                {
                    index = Next(index);
                }

                _places[index] = place;
            }
        }
    }

    private int NewNumber(Job job)
    {
        if (!_freeNumbers.TryPop(out int number))
        {
            number = ++_lastNumber;
            if (number == _objects.Length)
            {
                Array.Resize(ref _objects, number * 2);
            }
        }

        _objects[number] = job;
        return number;
    }

    private int HomeOf(ulong hashOrPlace) => (int)(hashOrPlace >> _shift);

    private int Next(int index) => (index + 1) & (_places.Length - 1);

    private int Distance(int from, int to) => (to - from) & (_places.Length - 1);

    private static bool IsOf(ulong place, ulong hash) => ((place ^ hash) & UpperHalf) == 0;

    private static int NumberIn(ulong place) => (int)(uint)place;

    // No more than the upper half of the hash is used for it, which is all that a place keeps.
    private static int ShiftFor(int size) => 64 - BitOperations.Log2((uint)size);

    // Both halves multiplied into one another: ids made in one millisecond differ in the second half only.
    private ulong HashOf(JobId id)
    {
        var value = id.Value;
        var halves = MemoryMarshal.Cast<Guid, ulong>(MemoryMarshal.CreateReadOnlySpan(ref value, 1));
        ulong high = Math.BigMul(halves[0] ^ _overFirst, halves[1] ^ _overSecond, out ulong low);
        return (high ^ low) * 0x94D0_49BB_1331_11EB;
    }
}
