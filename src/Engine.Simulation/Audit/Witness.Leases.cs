namespace Engine.Simulation.Audit;

/// <content>Leases by the monotonic clock: when they are renewed, when they are over, and what is due to a worker that
/// could not be heard.</content>
internal sealed partial class Witness
{
    // What a loop that is merely busy may take, at most.
    private const long BusyMs = 1_000;

    /// <summary>A heartbeat was accepted, or a run was handed out: its lease begins anew.</summary>
    internal void Renewed(in RunLease lease)
    {
        if (!IsSuperseded && HolderOf(lease) is { } job)
        {
            if (job.LeaseEndsMs <= MonotonicMs && job.KeptUntilMs > MonotonicMs)
            {
                Saw(Corner.LeaseOutlivedStandstill);
            }

            job.LeaseEndsMs = MonotonicMs + LeaseMs;
        }
    }

    /// <summary>The process stood still, and goes on now. A worker whose lease ended meanwhile may be alive, and be heard
    /// only from now on: it has as much time as it lost, at most a lease, and nobody may run its job before (F7).</summary>
    internal void StoodStill(TimeSpan since)
    {
        if (IsSuperseded || NothingExpiresBefore is not { } expiry)
        {
            return;
        }

        long heard = Math.Max((long)since.TotalMilliseconds, expiry());
        foreach (var job in Model.Running)
        {
            long unheard = MonotonicMs - Math.Max(heard, job.LeaseEndsMs);
            if (job.Epoch == _epoch && unheard > Math.Min(BusyMs, LeaseMs / 4))
            {
                job.KeptUntilMs = MonotonicMs + Math.Min(unheard, LeaseMs);
            }
        }
    }

    private long LeaseMs => (long)Model.Options.LeaseDuration.TotalMilliseconds;

    /// <summary>A lease that has ended is noticed as soon as the loop has time, and after a stall at most a lease later
    /// (V3, F7).</summary>
    private void CheckLeases()
    {
        long now = MonotonicMs;
        long graceEnds = NothingExpiresBefore?.Invoke() ?? long.MinValue;
        if (graceEnds - now > LeaseMs)
        {
            Fail("V3", $"Nothing expires before {graceEnds} ms; it is {now} ms, and that is more than a lease.");
        }

        foreach (var job in Model.Running)
        {
            if (job.Epoch == _epoch && job.LeaseEndsMs <= now && graceEnds <= now)
            {
                Fail("V3",
                    $"The lease of {job.Id} ended at {job.LeaseEndsMs} ms; it is {now} ms, and its run is open.");
            }
        }
    }
}
