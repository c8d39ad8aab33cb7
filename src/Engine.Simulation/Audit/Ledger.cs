using Engine.Core;

namespace Engine.Simulation.Audit;

/// <summary>What callers and workers were told, as they would remember it: the only truth that counts (D1, L2, L7, A2).
/// It knows nothing of the engine's inside, and is compared with what a restarted engine shows.</summary>
internal sealed class Ledger
{
    private readonly Dictionary<JobId, Entry> _entries = [];
    private readonly HashSet<JobId> _refused = [];

    internal int Count => _entries.Count;

    internal void Accepted(JobId id) => Of(id);

    internal void Refused(JobId id) => _refused.Add(id);

    internal void Ended(JobId id, JobState state) => Of(id).Final = state;

    internal void MustEndCancelled(JobId id) => Of(id).MustEndCancelled = true;

    internal void Claimed(RunLease lease) => Of(lease.JobId).Runs = Math.Max(Of(lease.JobId).Runs, lease.Run);

    internal void Iterated(JobId id) => Of(id).Iterations++;

    internal void Granted(JobId id, int granted) => Of(id).Granted = Math.Max(Of(id).Granted, granted);

    /// <summary>Compares everything that was told with what the engine knows.</summary>
    internal void Check(EngineCore core, Model model, Inquest inquest)
    {
        List<JobId>? purged = null;
        foreach (var (id, entry) in _entries)
        {
            if (model.Purged.Contains(id))
            {
                // Forgotten after its end, when that was due; its id may stand for another job by now.
                (purged ??= []).Add(id);
            }
            else if (!core.State.Jobs.TryGetValue(id, out var job))
            {
                inquest.Fail("D1", $"Job {id} was acknowledged, and is gone.");
            }
            else if (entry.Contradiction(job) is { } what)
            {
                inquest.Fail(entry.Final is null ? "D1" : "L2", $"Job {id}: {what}");
            }
        }

        purged?.ForEach(id => _entries.Remove(id));
        foreach (var id in _refused)
        {
            if (core.State.Jobs.ContainsKey(id))
            {
                inquest.Fail("A2", $"Job {id} was refused, and is there.");
            }
        }

        _refused.Clear();
    }

    private Entry Of(JobId id)
    {
        if (!_entries.TryGetValue(id, out var entry))
        {
            _entries[id] = entry = new Entry();
        }

        return entry;
    }

    private sealed class Entry
    {
        internal JobState? Final;
        internal bool MustEndCancelled;
        internal int Runs;
        internal int Iterations;
        internal int Granted;

        internal string? Contradiction(Job job)
        {
            if (Final is { } final && job.State != final)
            {
                return $"it was told to be {final}, and is {job.State}.";
            }

            if (MustEndCancelled && job.State != JobState.Cancelled && !(job.State == JobState.Running
                && job.CancelRequested))
            {
                return $"its cancellation was acknowledged, and it is {job.State}.";
            }

            if (job.Runs < Runs)
            {
                return $"run {Runs} was handed out, and it has {job.Runs}.";
            }

            if (job.IterationsUsed < Iterations)
            {
                return $"{Iterations} iterations were granted one by one, and it has {job.IterationsUsed}.";
            }

            return job.IterationsGranted < Granted
                ? $"{Granted} iterations were confirmed, and it has {job.IterationsGranted}."
                : null;
        }
    }
}
