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

        if (!Planted.Is(PlantedBug.LeaseNotRenewed))
        {
            Renew(core, job);
        }

        return LeaseAnswer.Accepted;
    }

    /// <summary>Renews many; the answers for runs that should stop or are lost are given back.</summary>
    internal static List<(RunLease Lease, LeaseAnswer Answer)> DecideHeartbeats(EngineCore core, RunLease[] leases)
    {
        var news = new List<(RunLease, LeaseAnswer)>();
        foreach (var lease in leases)
        {
            var answer = DecideHeartbeat(core, lease);
            if (answer != LeaseAnswer.Accepted)
            {
                news.Add((lease, answer));
            }
        }

        return news;
    }

    internal static void Renew(EngineCore core, Job job) =>
        core.State.Leases.Renew(job, core.State.MonotonicMs, core.Settings.LeaseMs);

    /// <summary>Ends the runs whose workers gave no sign of life in time.</summary>
    internal static int DecideExpiry(EngineCore core)
    {
        var leases = core.State.Leases;
        int lost = 0;
        while (leases.First is { } job && job.LeaseEndsMs <= core.State.MonotonicMs && !core.Sink.IsFull)
        {
            if (Planted.Is(PlantedBug.ExpiredLeaseIgnored))
            {
                leases.Renew(job, core.State.MonotonicMs, long.MaxValue / 2);
                continue;
            }

            Finishing.Lose(core, job);
            lost++;
        }

        return lost;
    }

    /// <summary>The open runs of another life, in the order in which their jobs were submitted: however the state was
    /// read back, they are lost in the same order.</summary>
    internal static Queue<Job> RunsOfEarlierLife(EngineCore core) =>
        new(core.State.Leases.All.OrderBy(job => job.Sequence));

    /// <summary>Ends those runs: after a restart none of their workers is left. Returns whether that was all.</summary>
    /// <param name="core">The core.</param>
    /// <param name="runs">Those that are left.</param>
    /// <param name="lost">Counts them.</param>
    /// <param name="retried">Counts those whose job will run again.</param>
    internal static bool DecideLost(EngineCore core, Queue<Job> runs, ref int lost, ref int retried)
    {
        while (!core.Sink.IsFull && runs.TryDequeue(out var job))
        {
            Finishing.Lose(core, job);
            lost++;
            retried += job.State.IsFinal ? 0 : 1;
        }

        return runs.Count == 0;
    }
}
