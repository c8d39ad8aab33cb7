namespace Engine.Core;

/// <summary>How many of a user's jobs are charged to which UTC day, and how many were deferred on it.</summary>
/// <remarks>A job is charged to the day on which it may run (DA-4). A handful of days matter at a time, so they lie in
/// a small sorted array.</remarks>
internal sealed class Allowance
{
    // Made with the account, so that it lies beside it: every submission looks at both.
    private (int Day, int Charged, int Deferred)[] _days = new (int, int, int)[2];
    private int _count;

    internal int LastDay => _count == 0 ? int.MinValue : _days[_count - 1].Day;

    internal ReadOnlySpan<(int Day, int Charged, int Deferred)> Days => _days.AsSpan(0, _count);

    internal int ChargedTo(int day)
    {
        int index = IndexOf(day);
        return index < 0 ? 0 : _days[index].Charged;
    }

    /// <summary>What people are told they used: charged to the day plus deferred on it (A-H10).</summary>
    internal int UsedOn(int day)
    {
        int index = IndexOf(day);
        return index < 0 ? 0 : _days[index].Charged + _days[index].Deferred;
    }

    /// <summary>The first day after <paramref name="day"/> with room, or null when there is none within the
    /// bound.</summary>
    internal int? FirstDayWithRoom(int day, int limit, int maxDaysAhead)
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

    internal void Charge(int day, int today) => At(day, today).Charged++;

    internal void Defer(int day, int today) => At(day, today).Deferred++;

    /// <summary>Gives a charge back. A day that is over and forgotten has nothing to give back to.</summary>
    internal void Refund(int day)
    {
        int index = IndexOf(day);
        if (index >= 0)
        {
            Invariant.Holds(_days[index].Charged > 0);
            _days[index].Charged--;
        }
    }

    internal void RefundDeferral(int day)
    {
        int index = IndexOf(day);
        if (index >= 0)
        {
            Invariant.Holds(_days[index].Deferred > 0);
            _days[index].Deferred--;
        }
    }

    /// <summary>Puts a day back as it was; days come in ascending order.</summary>
    internal void Restore(int day, int charged, int deferred)
    {
        Invariant.Holds(day > LastDay && charged >= 0 && deferred >= 0);
        if (_count == _days.Length)
        {
            Array.Resize(ref _days, _count * 2);
        }

        _days[_count++] = (day, charged, deferred);
    }

    private ref (int Day, int Charged, int Deferred) At(int day, int today)
    {
        Forget(today);
        int index = IndexOf(day);
        if (index < 0)
        {
            index = ~index;
            if (_count == _days.Length)
            {
                Array.Resize(ref _days, Math.Max(1, _count * 2));
            }

            Array.Copy(_days, index, _days, index + 1, _count - index);
            _days[index] = (day, 0, 0);
            _count++;
        }

        return ref _days[index];
    }

    private void Forget(int today)
    {
        int old = 0;
        while (old < _count && _days[old].Day < today)
        {
            old++;
        }

        if (old > 0)
        {
            Array.Copy(_days, old, _days, 0, _count - old);
            _count -= old;
        }
    }

    private int IndexOf(int day)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_days[i].Day >= day)
            {
                return _days[i].Day == day ? i : ~i;
            }
        }

        return ~_count;
    }
}
