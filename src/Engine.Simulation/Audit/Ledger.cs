using Engine.Core;

namespace Engine.Simulation.Audit;

/// <summary>What callers and workers were told, as they would remember it: the only truth that counts (D1, L2, L7, A2).
/// It knows nothing of the engine's inside, and is compared with what a restarted engine shows.</summary>
internal sealed class Ledger
{
    private readonly Dictionary<JobId, Entry> _entries = [];
    private readonly HashSet<JobId> _refused = [];
    private readonly Dictionary<(string User, string Key), (long ExpiresMs, SubmitResult Answer)> _answers = [];

    internal int Count => _entries.Count;

    internal void Accepted(JobId id) => Of(id);

    internal void Refused(JobId id) => _refused.Add(id);

    internal void Ended(JobId id, JobState state) => Of(id).Final = state;

    internal void MustEndCancelled(JobId id) => Of(id).MustEndCancelled = true;

    internal void Claimed(RunLease lease) => Of(lease.JobId).Runs = Math.Max(Of(lease.JobId).Runs, lease.Run);

    internal void Iterated(JobId id) => Of(id).Iterations++;

    internal void Granted(JobId id, int granted) => Of(id).Granted = Math.Max(Of(id).Granted, granted);

    /// <summary>Remembers what a submission with a key was answered. Returns what it was answered before, if that was
    /// something else (W5).</summary>
    /// <param name="user">Whose key.</param>
    /// <param name="key">The key.</param>
    /// <param name="expiresMs">Until when it stands for this answer: later it may stand for another, even one with an id
    /// that was used before.</param>
    /// <param name="answer">The answer.</param>
    internal SubmitResult? Told(string user, string key, long expiresMs, in SubmitResult answer)
    {
        var told = (expiresMs, answer with { Repeated = false });
        bool isKnown = _answers.TryGetValue((user, key), out var before) && before.ExpiresMs == expiresMs;
        _answers[(user, key)] = isKnown ? before : told;
        return isKnown && before != told ? before.Answer : null;
    }

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
