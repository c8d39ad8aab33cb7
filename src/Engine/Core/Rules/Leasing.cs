namespace Engine.Core.Rules;

/// <summary>Leases by the monotonic clock. Renewing one is no fact: a restart gives every worker a new lease, or
/// none.</summary>
internal static class Leasing
{
    internal static LeaseAnswer DecideHeartbeat(EngineCore core, in RunLease lease)
    {
        if (core.HolderOf(lease) is not { } job)
        {
            return LeaseAnswer.LeaseLost;
        }

        // A run that was told to stop gets no more time than it has.
        if (job.CancelRequested)
        {
            return LeaseAnswer.CancelRequested;
        }

        Renew(core, job);
        return LeaseAnswer.Accepted;
    }

    internal static void Renew(EngineCore core, Job job) =>
        JobMoves.Lease(core.State, job, core.State.MonotonicMs + core.Settings.LeaseMs);

    /// <summary>Ends the runs whose workers gave no sign of life in time.</summary>
    internal static int DecideExpiry(EngineCore core)
    {
        var leases = core.State.Leases;
        int lost = 0;
        while (leases.Count > 0 && leases.FirstKey.High <= (ulong)core.State.MonotonicMs && !core.Sink.IsFull)
        {
            Finishing.Lose(core, leases.First);
            lost++;
        }

        return lost;
    }

    /// <summary>Ends every open run: after a restart none of their workers is left. Returns whether that was
    /// all.</summary>
    internal static bool DecideLost(EngineCore core, ref int lost)
    {
        var leases = core.State.Leases;
        while (leases.Count > 0 && !core.Sink.IsFull)
        {
            Finishing.Lose(core, leases.First);
            lost++;
        }

        return leases.Count == 0;
    }
}
