namespace Engine.Core.Rules;

/// <summary>Forgets ended jobs, the oldest first, when they are too old or too many. Jobs that have not ended are never
/// forgotten (DA-19).</summary>
internal static class Retaining
{
    // Bounds what one step does; the rest follows in the next.
    private const int MaxPurgedAtOnce = 4096;

    // As far as memory is away: two steps, as a job has to be there before it says where its neighbours are.
    private const int FarAhead = 8;
    private const int NearAhead = 4;

    internal static void Decide(EngineCore core)
    {
        var state = core.State;
        int count = Math.Max(0, state.Ended.Count - core.Settings.RetentionCount);
        if (state.EndedBytes > core.Settings.RetentionBytes)
        {
            count = Math.Max(count, CountBeyondBytes(state, core.Settings.RetentionBytes));
        }

        if (count == 0 && !IsExpired(core, state.Ended.First))
        {
            return;
        }

        // Those beyond the count go without a look at their age, which would follow the list through cold memory.
        if (count == 0)
        {
            foreach (var job in state.Ended)
            {
                if (count == MaxPurgedAtOnce || !IsExpired(core, job))
                {
                    break;
                }

                count++;
            }
        }

        core.Emit(new JobEvent { Kind = EventKind.JobsPurged, Count = Math.Min(count, MaxPurgedAtOnce) });
    }

    internal static Job? ApplyPurged(EngineCore core, in JobEvent e)
    {
        var state = core.State;
        for (int i = 0; i < e.Count; i++)
        {
            var job = state.Ended.First;
            Invariant.Holds(job is not null);
            state.PrefetchToForget(
                soon: i + FarAhead < e.Count ? state.Ended.Ahead(FarAhead) : null,
                next: i + NearAhead < e.Count ? state.Ended.Ahead(NearAhead) : null);
            core.Sink.Forgotten(job.Id);
            state.ForgetFirst();
        }

        state.ForgetIdleUsers();
        return null;
    }

    /// <summary>When the oldest ended job is to be forgotten.</summary>
    internal static Instant NextDue(EngineCore core) =>
        core.State.Ended.First is { } oldest ? oldest.FinishedAt.Add(core.Settings.RetentionTime) : Instant.Never;

    private static int CountBeyondBytes(EngineState state, long limit)
    {
        int count = 0;
        long left = state.EndedBytes;
        foreach (var job in state.Ended)
        {
            if (left <= limit || count == MaxPurgedAtOnce)
            {
                break;
            }

            left -= job.Bytes;
            count++;
        }

        return count;
    }

    private static bool IsExpired(EngineCore core, Job? job) =>
        job is not null && job.FinishedAt.Add(core.Settings.RetentionTime) <= core.State.Now
        && !Planted.Is(PlantedBug.EndedKeptForEver);
}
