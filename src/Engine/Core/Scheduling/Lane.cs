using System.Runtime.CompilerServices;

namespace Engine.Core.Scheduling;

/// <summary>The waiting jobs that share a job type, a tier and a set of limits: all of them may run, or none.</summary>
internal sealed class Lane : HeapNode
{
    internal Lane(JobTypeEntry type, TierEntry tier, UserAccount owner, Project? project, ResourceSet? resources)
    {
        Type = type;
        Tier = tier;
        Owner = owner;
        Project = project;
        Resources = resources;
    }

    internal JobTypeEntry Type { get; }

    internal TierEntry Tier { get; }

    /// <summary>Whose jobs wait here.</summary>
    internal UserAccount Owner { get; }

    /// <summary>The project they belong to, if any.</summary>
    internal Project? Project { get; }

    /// <summary>The resources each of them needs, if any.</summary>
    internal ResourceSet? Resources { get; }

    /// <summary>The names of those resources, sorted; null for none.</summary>
    internal string[]? ResourceNames => Resources?.Names;

    /// <summary>The jobs that wait.</summary>
    internal LaneQueue Jobs;

    /// <summary>The limit it is parked on, or null when it may run (or is empty).</summary>
    internal Limit? ParkedOn { get; set; }

    /// <summary>Its row among the <see cref="ReadyLanes"/>, from 1, while it is in one.</summary>
    internal int ReadyRow { get; set; }

    /// <summary>Where that has it.</summary>
    internal int ReadyPlace;

    /// <summary>Jobs the engine still keeps that belong here, waiting or not.</summary>
    internal int References;

    /// <summary>A digest of what tells it from other lanes, 0 until <see cref="StateHash"/> asks for it.</summary>
    internal ulong Digest { get; set; }

    /// <summary>The bytes that name it in the journal, null until <c>EventCodec</c> needs them.</summary>
    internal byte[]? EncodedNames { get; set; }

    /// <summary>Where a <see cref="LaneMemo"/> has it, if one does.</summary>
    internal ulong MemoHash { get; set; }

    internal LaneKey Key => new(Owner.Number, Project?.Number ?? 0, Type.Number, Tier.Number, Resources?.Number ?? 0);

    /// <summary>The limits of those resources.</summary>
    internal ReadOnlySpan<Limit> ResourceLimits => Resources is null ? default : Resources.Limits;

    /// <summary>All of its limits, the narrowest first: the user's, the project's, those of the resources.</summary>
    internal IEnumerable<Limit> Limits =>
        new Limit?[] { Owner, Project }.OfType<Limit>().Concat(Resources?.Limits ?? []);

    /// <summary>The first full limit, or null when a job of this lane may run.</summary>
    internal Limit? FullLimit
    {
        get
        {
            var policy = Tier.Policy;
            if (Owner.Used >= policy.UserSlots)
            {
                return Owner;
            }

            if (Project is { } project && project.Used >= policy.ProjectSlots)
            {
                return project;
            }

            foreach (var limit in ResourceLimits)
            {
                if (limit.Used >= limit.Capacity)
                {
                    return limit;
                }
            }

            return null;
        }
    }

    /// <summary>Asks for the memory in which its jobs are counted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void PrefetchReferences() => Prefetch.Place(ref References);

    /// <inheritdoc/>
    internal override void ComesNear()
    {
        if (Jobs.Count > 0)
        {
            Prefetch.Object(Jobs.First, lines: 5);
            Prefetch.Object(Owner, lines: 3);
            Prefetch.Object(Project, lines: 2);
        }
    }
}

/// <summary>What tells lanes apart: numbers of the user, the project (0 for none), type, tier and set of
/// resources.</summary>
internal readonly record struct LaneKey(int User, int Project, int Type, int Tier, int Resources);
