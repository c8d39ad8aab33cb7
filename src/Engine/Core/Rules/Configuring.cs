using Engine.Core.Scheduling;

namespace Engine.Core.Rules;

/// <summary>Adopts settings: raised limits let in who waits for them, lowered ones drain in their own time
/// (A9).</summary>
internal static class Configuring
{
    /// <summary>Puts settings in force. Nothing that was decided changes.</summary>
    internal static void Adopt(EngineCore core, EngineSettings settings)
    {
        core.Settings = settings;
        var state = core.State;
        foreach (var tier in settings.Tiers)
        {
            state.TierOf(tier.Name);
        }

        foreach (var type in settings.Types)
        {
            state.TypeOf(type.Name);
        }

        foreach (string resource in settings.Resources.Keys)
        {
            state.ResourceOf(resource);
        }

        foreach (var entry in state.Tiers.Values)
        {
            Refresh(core, entry);
        }

        foreach (var entry in state.Types.Values)
        {
            entry.Policy = settings.Types.FirstOrDefault(type => type.Name == entry.Name);
            entry.Statuses = core.Statuses.TableFor(entry.Policy);
        }

        foreach (var limit in state.ResourceLimits)
        {
            limit.Capacity = settings.Resources.GetValueOrDefault(limit.Name, 1);
            LaneBoard.CapacityChanged(limit);
        }

        foreach (var user in state.Users.Values)
        {
            LaneBoard.CapacityChanged(user.Slots);
        }

        foreach (var project in state.Projects.Values)
        {
            LaneBoard.CapacityChanged(project.Slots);
        }

        if (Planted.Is(PlantedBug.LoweredLimitEvicts))
        {
            Evict(core);
        }
    }

    /// <summary>Sorts the waiting jobs anew when "next" means something else than what the journal says.</summary>
    internal static void DecideOrdering(EngineCore core)
    {
        var (state, settings) = (core.State, core.Settings);
        bool differs = state.Ordering != settings.Ordering
            || (settings.Ordering == Ordering.HeadStart && state.HeadStartMs != settings.HeadStartMs);
        if (differs)
        {
            core.Emit(new JobEvent
            {
                Kind = EventKind.OrderingChanged,
                Ordering = settings.Ordering,
                HeadStartMs = settings.HeadStartMs,
            });
        }
    }

    internal static Job? ApplyOrdering(EngineCore core, in JobEvent e)
    {
        var state = core.State;
        if (state.IsLedger)
        {
            (state.Ordering, state.HeadStartMs) = (e.Ordering, e.HeadStartMs);
            return null;
        }

        var waiting = new List<Job>();
        foreach (var job in state.Live.All)
        {
            if (job.State == JobState.Queued || job.IsOverdue)
            {
                waiting.Add(job);
            }
        }

        foreach (var job in waiting)
        {
            if (job.IsOverdue)
            {
                state.Overdue.Remove(job);
            }
            else
            {
                state.Positions.Remove(job.Key);
                LaneBoard.Remove(job);
            }
        }

        (state.Ordering, state.HeadStartMs) = (e.Ordering, e.HeadStartMs);
        foreach (var job in waiting)
        {
            job.Key = JobMoves.KeyOf(state, job);
            if (job.IsOverdue)
            {
                state.Overdue.Add(job.Key, job);
            }
            else
            {
                state.Positions.Add(job.Key);
                AddToLane(state, job);
            }
        }

        return null;
    }

    /// <summary>The entry of a tier that an event names, known to the settings or not.</summary>
    internal static TierEntry TierEntry(this EngineCore core, string name)
    {
        if (!core.State.Tiers.TryGetValue(name, out var entry))
        {
            entry = core.State.TierOf(name);
            Refresh(core, entry);
        }

        return entry;
    }

    /// <summary>The entry of a type that an event names, known to the settings or not.</summary>
    internal static JobTypeEntry TypeEntry(this EngineCore core, string name) => core.State.TypeOf(name);

    /// <summary>What a submission's tier allows; unknown ones fall back (seed-semantics 1.2).</summary>
    internal static Tier TierFor(this EngineCore core, string? name) =>
        name is not null && core.State.Tiers.TryGetValue(name, out var entry) && entry.IsConfigured
            ? entry.Policy
            : core.Settings.Fallback;

    private static void AddToLane(EngineState state, Job job)
    {
        var key = job.Key;
        if (Planted.Is(PlantedBug.BoostCountsTwice))
        {
            // In its lane only: its position stays right.
            job.Key = OrderKey.For(
                state.Ordering, job.Boost * 2, job.Priority, job.EntrySequence, job.EnteredAt.Ms, state.HeadStartMs);
        }

        LaneBoard.Add(job);
        job.Key = key;
    }

    /// <summary>The planted bug: runs above a limit that was lowered are thrown out.</summary>
    private static void Evict(EngineCore core)
    {
        foreach (var job in core.State.Jobs.Values.Where(static job =>
            job.State == JobState.Running && job.User.Slots.Used > job.Tier.Policy.UserSlots).ToList())
        {
            Finishing.Decide(core, job.Lease, new RunOutcome.Stopped());
        }
    }

    private static void Refresh(EngineCore core, TierEntry entry)
    {
        var policy = core.Settings.Tiers.FirstOrDefault(tier => tier.Name == entry.Name);
        entry.IsConfigured = policy is not null;
        entry.Policy = policy ?? core.Settings.Fallback with { Name = entry.Name };
    }
}
