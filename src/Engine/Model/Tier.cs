namespace Engine;

/// <summary>What a plan may do, and how far it jumps. The default of each value is what an unknown tier gets
/// (seed-semantics 1.2, "unknown tier falls back to").</summary>
public sealed record Tier
{
    /// <summary>The plan's name, as jobs carry it: 1 to 64 characters.</summary>
    public required string Name { get; init; }

    /// <summary>Runs at a time per user, 1 to 10,000. LA-1. Default 2.</summary>
    public int UserSlots { get; init; } = 2;

    /// <summary>Runs at a time per project, 1 to 10,000. LA-3. Default 2.</summary>
    public int ProjectSlots { get; init; } = 2;

    /// <summary>Jobs per user and UTC day, 1 to 1,000,000. LA-2. Default 5.</summary>
    public int DailyLimit { get; init; } = 5;

    /// <summary>Iterations granted at once, 1 to 1,000. LA-10. Default 2.</summary>
    public int IterationDepth { get; init; } = 2;

    /// <summary>Iterations in all, over every confirmation, 1 to 1,000,000. LA-12. Default 3 × <see cref="IterationDepth"/>.</summary>
    public int IterationCap { get => field == 0 ? 3 * IterationDepth : field; init; }

    /// <summary>How far the tier jumps ahead, 0 to 1,000; its meaning is the <see cref="Ordering"/>'s. LA-5. Default 0.</summary>
    public int Boost { get; init; }

    /// <summary>How long a run is assumed to take before any was seen, 1 s to 30 days. Default 600 s.</summary>
    public TimeSpan InitialDuration { get; init; } = TimeSpan.FromSeconds(600);
}

/// <summary>Ready-made sets of tiers.</summary>
public static class Tiers
{
    /// <summary>The plans of the co-founder product: bootstrapper, partner and cto_scale (seed-semantics 1.2).</summary>
    public static IReadOnlyList<Tier> CoFounder { get; } =
    [
        new() { Name = "bootstrapper", InitialDuration = TimeSpan.FromSeconds(480) },
        new()
        {
            Name = "partner",
            UserSlots = 3,
            ProjectSlots = 3,
            DailyLimit = 50,
            IterationDepth = 3,
            Boost = 2,
            InitialDuration = TimeSpan.FromSeconds(600),
        },
        new()
        {
            Name = "cto_scale",
            UserSlots = 10,
            ProjectSlots = 5,
            DailyLimit = 200,
            IterationDepth = 5,
            Boost = 5,
            InitialDuration = TimeSpan.FromSeconds(900),
        },
    ];
}

/// <summary>What "next" means among waiting jobs. Every order is fixed when a job enters, so that waiting never
/// re-sorts; a blocked job keeps its place in each (DA-9).</summary>
public enum Ordering
{
    /// <summary>Tier boost, then job priority, then first come, first served (A-Q4, A-Q8). A tier can starve a lower one.</summary>
    Strict = 0,

    /// <summary>First come, first served, but a job enters as many positions further ahead as its tier's boost: it
    /// overtakes a bounded number of jobs (LA-5). Priority only breaks ties.</summary>
    Positions = 1,

    /// <summary>First come, first served by a clock that the boost turns back, one <c>HeadStartPerBoost</c> per step:
    /// nobody waits longer than that for a higher tier (DA-11). Priority only breaks ties.</summary>
    HeadStart = 2,
}
