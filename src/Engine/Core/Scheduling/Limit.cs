namespace Engine.Core.Scheduling;

/// <summary>Whose slots a limit counts, the narrowest first: lanes park in this order.</summary>
internal enum LimitKind : byte
{
    User = 1,
    Project = 2,
    Resource = 3,
}

/// <summary>A counter of slots with the runs that hold them and the lanes that wait for one.</summary>
/// <remarks>The capacity of a user's or project's limit is the tier's of whoever asks; a resource has its own. Parked
/// lanes are grouped by who can use a freed slot in their place: one job type and one tier.</remarks>
internal class Limit(LimitKind kind, string name)
{
    private List<ParkGroup>? _groups;
    private SlotHold? _firstHold;
    private SlotHold? _lastHold;

    internal LimitKind Kind { get; } = kind;

    internal string Name { get; } = name;

    internal int Used { get; private set; }

    /// <summary>The capacity of a resource; unused for the other kinds.</summary>
    internal int Capacity { get; set; } = 1;

    internal ReadOnlySpan<ParkGroup> Groups => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_groups);

    /// <summary>The job that has held a slot the longest: who frees one next, as far as anybody knows.</summary>
    internal Job? LongestHolder => _firstHold?.Job;

    /// <summary>The slots that are held, the longest held first.</summary>
    internal IEnumerable<SlotHold> Holds
    {
        get
        {
            for (var hold = _firstHold; hold is not null; hold = hold.Next)
            {
                yield return hold;
            }
        }
    }

    internal int CapacityFor(TierEntry tier) => Kind switch
    {
        LimitKind.User => tier.Policy.UserSlots,
        LimitKind.Project => tier.Policy.ProjectSlots,
        LimitKind.Resource => Capacity,
    };

    internal bool HasRoomFor(TierEntry tier) => Used < CapacityFor(tier);

    internal void Take(SlotHold hold)
    {
        Used++;
        hold.Limit = this;
        hold.Previous = _lastHold;
        hold.Next = null;
        if (_lastHold is null)
        {
            _firstHold = hold;
        }
        else
        {
            _lastHold.Next = hold;
        }

        _lastHold = hold;
    }

    internal void Release(SlotHold hold)
    {
        Invariant.Holds(Used > 0 && ReferenceEquals(hold.Limit, this));
        Used--;
        if (hold.Previous is null)
        {
            _firstHold = hold.Next;
        }
        else
        {
            hold.Previous.Next = hold.Next;
        }

        if (hold.Next is null)
        {
            _lastHold = hold.Previous;
        }
        else
        {
            hold.Next.Previous = hold.Previous;
        }

        hold.Previous = hold.Next = null;
        hold.Limit = null;
    }

    internal ParkGroup? GroupOf(JobTypeEntry type, TierEntry tier)
    {
        foreach (var group in Groups)
        {
            if (ReferenceEquals(group.Type, type) && ReferenceEquals(group.Tier, tier))
            {
                return group;
            }
        }

        return null;
    }

    internal ParkGroup GroupFor(JobTypeEntry type, TierEntry tier)
    {
        var group = GroupOf(type, tier);
        if (group is null)
        {
            group = new ParkGroup(type, tier);
            (_groups ??= new List<ParkGroup>(1)).Add(group);
        }

        return group;
    }
}

/// <summary>The lanes of one job type and tier that are parked on one limit.</summary>
internal sealed class ParkGroup(JobTypeEntry type, TierEntry tier)
{
    internal JobTypeEntry Type { get; } = type;

    internal TierEntry Tier { get; } = tier;

    internal IndexedHeap<Lane> Lanes { get; } = new();
}

/// <summary>One slot of one limit, held by one run. Links the run's holds, and the limit's.</summary>
internal sealed class SlotHold
{
    internal Job? Job;
    internal Limit? Limit;
    internal SlotHold? Previous;
    internal SlotHold? Next;
    internal SlotHold? NextOfJob;
}
