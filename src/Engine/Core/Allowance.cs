using System.Diagnostics.CodeAnalysis;

namespace Engine.Core;

/// <summary>How many of a user's jobs are charged to which UTC day, and how many were deferred on it.</summary>
/// <remarks>A job is charged to the day on which it may run (DA-4). Mostly one day matters at a time: it lies in the
/// account itself, as every submission looks at both; later ones follow in an array, in order.</remarks>
internal struct Allowance
{
    private DayUse _first;
    private DayUse[]? _later;
    private int _count;

    internal readonly int LastDay => _count == 0 ? int.MinValue : _count == 1 ? _first.Day : _later![_count - 2].Day;

    /// <summary>What is kept, in the order of the days.</summary>
    internal readonly IEnumerable<DayUse> Days
    {
        get
        {
            for (int i = 0; i < _count; i++)
            {
                yield return i == 0 ? _first : _later![i - 1];
            }
        }
    }

    internal readonly int DayCount => _count;

    internal readonly int ChargedTo(int day)
    {
        int index = IndexOf(day);
        return index < 0 ? 0 : Use(index).Charged;
    }

    /// <summary>What people are told they used: charged to the day plus deferred on it (A-H10).</summary>
    internal readonly int UsedOn(int day)
    {
        int index = IndexOf(day);
        return index < 0 ? 0 : Use(index).Charged + Use(index).Deferred;
    }

    /// <summary>The first day after <paramref name="day"/> with room, or null when there is none within the
    /// bound.</summary>
    internal readonly int? FirstDayWithRoom(int day, int limit, int maxDaysAhead)
    {
        for (int candidate = day + 1; candidate <= day + maxDaysAhead; candidate++)
        {
            if (ChargedTo(candidate) < limit)
            {
                return candidate;
            }
        }

        return null;
    }

    internal void Charge(int day, int today) => On(day, today).Charged++;

    internal void Defer(int day, int today) => On(day, today).Deferred++;

    /// <summary>Gives a charge back. A day that is over and forgotten has nothing to give back to.</summary>
    internal void Refund(int day)
    {
        int index = IndexOf(day);
        if (index >= 0)
        {
            ref var use = ref At(index);
            Invariant.Holds(use.Charged > 0);
            use.Charged--;
        }
    }

    internal void RefundDeferral(int day)
    {
        int index = IndexOf(day);
        if (index >= 0)
        {
            ref var use = ref At(index);
            Invariant.Holds(use.Deferred > 0);
            use.Deferred--;
        }
    }

    /// <summary>The same days, whatever becomes of these.</summary>
    internal readonly Allowance Copy()
    {
        var copy = this;
        copy._later = (DayUse[]?)_later?.Clone();
        return copy;
    }

    /// <summary>Puts a day back as it was; days come in ascending order.</summary>
    internal void Restore(int day, int charged, int deferred)
    {
        Invariant.Holds(day > LastDay && charged >= 0 && deferred >= 0);
        Insert(_count, day) = new DayUse { Day = day, Charged = charged, Deferred = deferred };
    }

    [UnscopedRef]
    private ref DayUse On(int day, int today)
    {
        Forget(today);
        int index = IndexOf(day);
        if (index >= 0)
        {
            return ref At(index);
        }

        return ref Insert(~index, day);
    }

    [UnscopedRef]
    private ref DayUse Insert(int index, int day)
    {
        if (_count > 0 && _count > (_later?.Length ?? 0))
        {
            Array.Resize(ref _later, Math.Max(2, _count * 2));
        }

        for (int i = _count++; i > index; i--)
        {
            At(i) = At(i - 1);
        }

        ref var use = ref At(index);
        use = new DayUse { Day = day };
        return ref use;
    }

    private void Forget(int today)
    {
        int old = 0;
        while (old < _count && Use(old).Day < today)
        {
            old++;
        }

        if (old > 0)
        {
            _count -= old;
            for (int i = 0; i < _count; i++)
            {
                At(i) = At(i + old);
            }

            // Who waits for no other day needs no room for one.
            _later = _count <= 1 ? null : _later;
        }
    }

    private readonly int IndexOf(int day)
    {
        for (int i = 0; i < _count; i++)
        {
            if (Use(i).Day >= day)
            {
                return Use(i).Day == day ? i : ~i;
            }
        }

        return ~_count;
    }

    private readonly DayUse Use(int index) => index == 0 ? _first : _later![index - 1];

    [UnscopedRef]
    private ref DayUse At(int index) => ref index == 0 ? ref _first : ref _later![index - 1];
}

/// <summary>What a user's jobs used of one day.</summary>
internal struct DayUse
{
    internal int Day;
    internal int Charged;
    internal int Deferred;

    internal readonly void Deconstruct(out int day, out int charged, out int deferred) =>
        (day, charged, deferred) = (Day, Charged, Deferred);
}
