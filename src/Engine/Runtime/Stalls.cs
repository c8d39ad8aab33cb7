using Engine.Core;

namespace Engine.Runtime;

/// <summary>Notices that the loop stood still (a stopped process, a suspended machine, a disk that hung) while leases
/// came to their end, and gives workers the time that they could not use.</summary>
/// <remarks>Their signs of life stood still with the process, or could not come in. After a stall nothing expires for
/// as long as it lasted, at most for a lease: a worker that is alive is heard by then, one that is not is noticed that
/// much later (F7).</remarks>
internal sealed class Stalls(long nowMs)
{
    // A loop that is merely busy looks more often than that, or than four times in a lease.
    private const long ToleratedMs = 1_000;
    private const long LooksPerLease = 4;

    private long _lastLook = nowMs;

    /// <summary>Nothing expires before, in ms of the monotonic clock.</summary>
    internal long NothingExpiresBefore { get; private set; } = nowMs;

    /// <summary>The loop looks for leases that have ended. Returns how long it stood still, 0 when it did not.</summary>
    /// <param name="nowMs">The monotonic clock.</param>
    /// <param name="firstDeadlineMs">When the first lease ends; when it should have looked at the latest.</param>
    /// <param name="leaseMs">How long a lease is.</param>
    internal long Look(long nowMs, long firstDeadlineMs, long leaseMs)
    {
        long stall = nowMs - Math.Max(Math.Max(firstDeadlineMs, NothingExpiresBefore), _lastLook);
        _lastLook = nowMs;
        if (stall <= Math.Min(ToleratedMs, leaseMs / LooksPerLease) || Planted.Is(PlantedBug.StallNotNoticed))
        {
            return 0;
        }

        NothingExpiresBefore = nowMs + Math.Min(stall, leaseMs);
        return stall;
    }
}
