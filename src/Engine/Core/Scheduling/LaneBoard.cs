namespace Engine.Core.Scheduling;

/// <summary>Knows which lane runs next, without ever looking at one that cannot.</summary>
/// <remarks>
/// <para>A lane with waiting jobs is in exactly one place: ready in its job type, or parked on a full limit. A
/// lane is found blocked only when it comes first, and then parks, so the work is paid by the claim that passed
/// it.</para>
/// <para>The rule that makes waking one lane enough: for every limit with room and every (type, tier) with lanes parked
/// on it, a lane of that type and tier with that limit is ready with a key no worse than the best parked one. A
/// freed slot, a claim, a cancelled or blocked representative each restore it in O(log n) (design 4; the property tests
/// against the naive model find the case that was forgotten).</para>
/// </remarks>
internal static class LaneBoard
{
    /// <summary>Takes a job into its lane.</summary>
    internal static void Add(Job job)
    {
        var lane = job.Lane;
        lane.Jobs.Add(job.Key, job);
        if (!ReferenceEquals(lane.Jobs.First, job))
        {
            return;
        }

        // A new head: the lane competes with a better key than before, or for the first time.
        if (lane.Jobs.Count == 1)
        {
            lane.Type.Ready.Add(job.Key, lane);
        }
        else if (lane.ParkedOn is not { } limit)
        {
            lane.Type.Ready.Move(lane, job.Key);
        }
        else if (limit.HasRoomFor(lane.Tier))
        {
            Unpark(lane, limit.GroupFor(lane.Type, lane.Tier));
        }
        else
        {
            limit.GroupFor(lane.Type, lane.Tier).Lanes.Move(lane, job.Key);
        }
    }

    /// <summary>Takes a job out of its lane, to run it or because it no longer waits.</summary>
    internal static void Remove(Job job)
    {
        var lane = job.Lane;
        bool wasHead = ReferenceEquals(lane.Jobs.First, job);
        lane.Jobs.Remove(job);
        if (!wasHead)
        {
            return;
        }

        if (lane.ParkedOn is { } limit)
        {
            var parked = limit.GroupFor(lane.Type, lane.Tier).Lanes;
            if (lane.Jobs.Count == 0)
            {
                parked.Remove(lane);
                LeavePark(lane);
            }
            else
            {
                parked.Move(lane, lane.Jobs.FirstKey);
            }

            return;
        }

        if (lane.Jobs.Count == 0)
        {
            lane.Type.Ready.Remove(lane);
        }
        else
        {
            lane.Type.Ready.Move(lane, lane.Jobs.FirstKey);
        }

        WakeInPlaceOf(lane, except: null);
    }

    /// <summary>The lane whose head runs next on a worker for <paramref name="types"/>, or null when nothing
    /// can.</summary>
    internal static Lane? FindNext(ReadOnlySpan<JobTypeEntry> types)
    {
        while (true)
        {
            Lane? best = null;
            OrderKey bestKey = default;
            foreach (var type in types)
            {
                if (type.Ready.Count > 0 && (best is null || type.Ready.FirstKey < bestKey))
                {
                    best = type.Ready.First;
                    bestKey = type.Ready.FirstKey;
                }
            }

            if (best?.FullLimit is not { } full)
            {
                return best;
            }

            if (Planted.Is(PlantedBug.HeadOfLineBlock))
            {
                return null;
            }

            Park(best, full);
        }
    }

    /// <summary>A slot of <paramref name="limit"/> was given back: lets in the best lane of each group that it was full
    /// for.</summary>
    internal static void SlotFreed(Limit limit)
    {
        if (limit.ParkedLanes == 0)
        {
            return;
        }

        foreach (var group in limit.Groups)
        {
            int capacity = limit.CapacityFor(group.Tier);
            if (limit.Used + 1 >= capacity && limit.Used < capacity && group.Lanes.Count > 0
                && !Planted.Is(PlantedBug.LostWakeUp))
            {
                var lanes = group.Lanes;
                Unpark(Planted.Is(PlantedBug.WokenInAnyOrder) ? lanes[lanes.Count - 1].Node : lanes.First, group);
            }
        }
    }

    /// <summary>The capacities of <paramref name="limit"/> may have risen: lets in the best lane of each group with
    /// room.</summary>
    internal static void CapacityChanged(Limit limit)
    {
        foreach (var group in limit.Groups)
        {
            if (group.Lanes.Count > 0 && limit.HasRoomFor(group.Tier) && !Planted.Is(PlantedBug.RaisedLimitWakesNobody))
            {
                Unpark(group.Lanes.First, group);
            }
        }
    }

    private static void Park(Lane lane, Limit full)
    {
        lane.Type.Ready.Remove(lane);
        full.GroupFor(lane.Type, lane.Tier).Lanes.Add(lane.Jobs.FirstKey, lane);
        lane.ParkedOn = full;
        full.ParkedLanes++;
        WakeInPlaceOf(lane, except: full);
    }

    private static void Unpark(Lane lane, ParkGroup group)
    {
        group.Lanes.Remove(lane);
        LeavePark(lane);
        lane.Type.Ready.Add(lane.Jobs.FirstKey, lane);
    }

    // The lane may have stood in for lanes parked on its limits; where it no longer does, the best of them takes over.
    private static void WakeInPlaceOf(Lane lane, Limit? except)
    {
        WakeInPlaceOf(lane, lane.Owner, except);
        if (lane.Project is { } project)
        {
            WakeInPlaceOf(lane, project, except);
        }

        foreach (var limit in lane.ResourceLimits)
        {
            WakeInPlaceOf(lane, limit, except);
        }
    }

    private static void WakeInPlaceOf(Lane lane, Limit limit, Limit? except)
    {
        // Mostly nobody waits for a limit: its groups are far away then.
        if (limit.ParkedLanes == 0 || ReferenceEquals(limit, except)
            || limit.GroupOf(lane.Type, lane.Tier) is not { Lanes.Count: > 0 } group
            || !limit.HasRoomFor(lane.Tier))
        {
            return;
        }

        bool stillReady = lane.ParkedOn is null && lane.Jobs.Count > 0;
        if (!stillReady || lane.Jobs.FirstKey > group.Lanes.FirstKey)
        {
            Unpark(group.Lanes.First, group);
        }
    }

    private static void LeavePark(Lane lane)
    {
        if (lane.ParkedOn is { } limit)
        {
            limit.ParkedLanes--;
            lane.ParkedOn = null;
        }
    }
}
