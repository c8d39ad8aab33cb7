namespace Engine.Core.Scheduling;

/// <summary>Whose slots a limit counts, the narrowest first: lanes park in this order.</summary>
internal enum LimitKind : byte
{
    User = 1,
    Project = 2,
    Resource = 3,
}

/// <summary>A counter of slots with the runs that hold them and the lanes that wait for one.</summary>
/// <remarks>
/// The capacity of a user's or project's limit is the tier's of whoever asks; a resource has its own. Parked lanes are
/// grouped by who can use a freed slot in their place: one job type and one tier.
/// <para>Runs are noted when they take a slot, and nothing is done when they give it back: whoever wants to know who
/// has held one the longest passes over those that have ended, and a full row is cleared of them.</para>
/// </remarks>
internal class Limit(LimitKind kind, string name)
{
    private List<ParkGroup>? _groups;
    private Job? _first;
    private long _firstTicket;
    private List<(Job Job, long Ticket)>? _later;

    // None of them holds a slot: of a limit that is seldom taken twice, the list is far away, and is left alone.
    private bool _laterHaveEnded;

    internal LimitKind Kind { get; } = kind;

    internal string Name { get; } = name;

    internal int Used { get; private set; }

    /// <summary>The capacity of a resource; unused for the other kinds.</summary>
    internal int Capacity { get; set; } = 1;

    /// <summary>How many lanes are parked on it, in all groups. Kept by <see cref="LaneBoard"/>.</summary>
    internal int ParkedLanes { get; set; }

    internal ReadOnlySpan<ParkGroup> Groups => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_groups);

    /// <summary>The job that has held a slot the longest: who frees one next, as far as anybody knows.</summary>
    internal Job? LongestHolder
    {
        get
        {
            if (Used > 0 && _later is { Count: > 0 } later && !Holds(_first, _firstTicket))
            {
                int next = later.FindIndex(static entry => Holds(entry.Job, entry.Ticket));
                if (next >= 0)
                {
                    (_first, _firstTicket) = later[next];
                    later.RemoveRange(0, next + 1);
                }
            }

            return Used > 0 && Holds(_first, _firstTicket) ? _first : null;
        }
    }

    /// <summary>The jobs that hold slots, the longest-holding first: for tests, as it walks all of them.</summary>
    internal IEnumerable<Job> Holders
    {
        get
        {
            if (Holds(_first, _firstTicket))
            {
                yield return _first!;
            }

            foreach (var (job, ticket) in _later ?? [])
            {
                if (Holds(job, ticket))
                {
                    yield return job;
                }
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

    /// <summary>Gives a slot to a job that has a ticket.</summary>
    internal void Take(Job job)
    {
        if (Used++ == 0)
        {
            (_first, _firstTicket) = (job, job.Ticket);
            _laterHaveEnded = true;
            return;
        }

        var later = _later ??= new List<(Job, long)>(2);
        if (_laterHaveEnded)
        {
            later.Clear();
            _laterHaveEnded = false;
        }

        if (later.Count == later.Capacity)
        {
            later.RemoveAll(static entry => !Holds(entry.Job, entry.Ticket));
            if (later.Count >= later.Capacity / 4 * 3)
            {
                // Nearly all hold one: with room for a few only, each of the next would look at all of them again.
                later.Capacity *= 2;
            }
        }

        later.Add((job, job.Ticket));
    }

    /// <summary>Takes one back; the job's ticket ends with the last.</summary>
    internal void Release()
    {
        Invariant.Holds(Used > 0);
        Used--;
    }

    // Of a job that stands for another by now, or runs again, the ticket is another.
    private static bool Holds(Job? job, long ticket) => job is not null && job.Ticket == ticket;

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
