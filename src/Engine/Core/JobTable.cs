using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;
using Engine.Core.Imaging;

namespace Engine.Core;

/// <summary>All kept jobs by id.</summary>
/// <remarks>
/// Open addressing with the hash beside the reference: a search, an entry and a removal each touch one cache line of
/// the table, where a chained dictionary touches two to four, and with a million jobs each of those is a miss. A gap
/// that a removal leaves is closed up, so that nothing is left to search past. The order of <see cref="Values"/> means
/// nothing: no decision may depend on it.
/// </remarks>
internal sealed class JobTable
{
    private const int SmallestSize = 16;

    private Slot[] _slots = new Slot[SmallestSize];
    private int _shift = ShiftFor(SmallestSize);
    private ImageTaker? _walker;
    private int _walked;

    internal int Count { get; private set; }

    internal IEnumerable<Job> Values
    {
        get
        {
            foreach (var slot in _slots)
            {
                if (slot.Job is { } job)
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
        int index = IndexOf(id, HashOf(id));
        job = index < 0 ? null : _slots[index].Job;
        return job is not null;
    }

    /// <summary>Asks for the memory that a search for the id begins in.</summary>
    internal void Prefetch(JobId id) => Core.Prefetch.Place(ref _slots[(int)(HashOf(id) >> _shift)]);

    /// <summary>Takes a job in whose id is not in the table.</summary>
    internal void Add(Job job)
    {
        // At most seven tenths full: beyond that, searches for what is not there grow long.
        if ((Count + 1) * 10L > _slots.Length * 7L)
        {
            Resize(_slots.Length * 2);
        }

        ulong hash = HashOf(job.Id);
        int index = (int)(hash >> _shift);
        while (_slots[index].Job is { } other)
        {
            Invariant.Holds(_slots[index].Hash != hash || other.Id != job.Id);
            index = Next(index);
        }

        _slots[index] = new Slot { Job = job, Hash = hash };
        Count++;
    }

    /// <summary>Takes a job out that is in the table.</summary>
    internal void Remove(JobId id)
    {
        int gap = IndexOf(id, HashOf(id));
        Invariant.Holds(gap >= 0);
        for (int index = Next(gap); _slots[index].Job is not null; index = Next(index))
        {
            // One that lies as far behind its own place as behind the gap, or farther, may close it.
            int home = (int)(_slots[index].Hash >> _shift);
            if (Distance(home, index) >= Distance(gap, index))
            {
                if (gap < _walked && index >= _walked)
                {
                    // The walk has been there already, and has not come here yet.
                    _walker?.Meet(_slots[index].Job!);
                }

                _slots[gap] = _slots[index];
                gap = index;
            }
        }

        _slots[gap] = default;
        Count--;
    }

    /// <summary>Makes room for so many jobs at once.</summary>
    internal void EnsureCapacity(int count)
    {
        long size = (long)BitOperations.RoundUpToPowerOf2((ulong)(count * 10L / 7L) + 1);
        if (size > _slots.Length)
        {
            Resize((int)size);
        }
    }

    /// <summary>Begins to walk through the table, which may change meanwhile: every job that is here now and stays is
    /// met at least once.</summary>
    internal void BeginWalk(ImageTaker walker) => (_walker, _walked) = (walker, 0);

    /// <summary>Walks on. Returns how many places were looked at: fewer than asked for at the end.</summary>
    internal int Walk(int count)
    {
        const int FarAhead = 24;
        const int JobLines = 5;
        int first = _walked;
        int end = (int)Math.Min((long)first + count, _slots.Length);
        while (_walker is { } walker && _walked < end)
        {
            int far = _walked + FarAhead;
            Core.Prefetch.Object(far < _slots.Length ? _slots[far].Job : null, JobLines);
            if (_slots[_walked++].Job is { } job)
            {
                // Who has all it wanted ends the walk.
                walker.Meet(job);
            }
        }

        return _walker is null ? count : _walked - first;
    }

    /// <summary>Nobody walks any more.</summary>
    internal void EndWalk() => (_walker, _walked) = (null, 0);

    private int IndexOf(JobId id, ulong hash)
    {
        var slots = _slots;
        for (int index = (int)(hash >> _shift); slots[index].Job is { } job; index = (index + 1) & (slots.Length - 1))
        {
            if (slots[index].Hash == hash && job.Id == id)
            {
                return index;
            }
        }

        return -1;
    }

    private void Resize(int size)
    {
        // Every place changes.
        Walk(int.MaxValue);
        var old = _slots;
        _slots = new Slot[size];
        _shift = ShiftFor(size);
        foreach (var slot in old)
        {
            if (slot.Job is not null)
            {
                int index = (int)(slot.Hash >> _shift);
                while (_slots[index].Job is not null)
                {
                    index = Next(index);
                }

                _slots[index] = slot;
            }
        }
    }

    private int Next(int index) => (index + 1) & (_slots.Length - 1);

    private int Distance(int from, int to) => (to - from) & (_slots.Length - 1);

    private static int ShiftFor(int size) => 64 - BitOperations.Log2((uint)size);

    // Both halves multiplied into one another: ids made in one millisecond differ in the second half only.
    private static ulong HashOf(JobId id)
    {
        var value = id.Value;
        var halves = MemoryMarshal.Cast<Guid, ulong>(MemoryMarshal.CreateReadOnlySpan(ref value, 1));
        ulong high = Math.BigMul(halves[0] ^ 0x9E37_79B9_7F4A_7C15, halves[1] ^ 0xBF58_476D_1CE4_E5B9, out ulong low);
        return (high ^ low) * 0x94D0_49BB_1331_11EB;
    }

    private struct Slot
    {
        internal Job? Job;
        internal ulong Hash;
    }
}
