namespace Engine.Core.Scheduling;

/// <summary>The waiting jobs that share a job type, a tier and a set of limits: all of them may run, or none.</summary>
internal sealed class Lane : HeapNode
{
    private const int UserLimit = 0;

    internal Lane(LaneKey key, JobTypeEntry type, TierEntry tier, Limit[] limits)
    {
        Key = key;
        Type = type;
        Tier = tier;
        Limits = limits;
    }

    internal LaneKey Key { get; }

    internal JobTypeEntry Type { get; }

    internal TierEntry Tier { get; }

    /// <summary>Whose jobs wait here.</summary>
    internal UserAccount? Owner { get; init; }

    /// <summary>The project they belong to, if any.</summary>
    internal Project? Project { get; init; }

    /// <summary>The resources each of them needs, sorted; null for none.</summary>
    internal string[]? ResourceNames { get; init; }

    /// <summary>The narrowest first; the user's is always there.</summary>
    internal Limit[] Limits { get; }

    internal LaneQueue Jobs { get; } = new();

    /// <summary>The limit it is parked on, or null when it may run (or is empty).</summary>
    internal Limit? ParkedOn { get; set; }

    /// <summary>Jobs the engine still keeps that belong here, waiting or not.</summary>
    internal int References { get; set; }

    /// <summary>A digest of what tells it from other lanes, 0 until <see cref="StateHash"/> asks for it.</summary>
    internal ulong Digest { get; set; }

    internal Limit User => Limits[UserLimit];

    /// <summary>The first full limit, or null when a job of this lane may run.</summary>
    internal Limit? FullLimit
    {
        get
        {
            foreach (var limit in Limits)
            {
                if (!limit.HasRoomFor(Tier))
                {
                    return limit;
                }
            }

            return null;
        }
    }
}

/// <summary>What tells lanes apart: numbers of the user, the project (0 for none), type, tier and set of
/// resources.</summary>
internal readonly record struct LaneKey(int User, int Project, int Type, int Tier, int Resources);
