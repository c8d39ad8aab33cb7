using FsCheck;
using FsCheck.Fluent;

namespace Engine.Tests.Stories;

/// <summary>How the engine of a story is set up: everything small, so that commands meet limits all the time.</summary>
/// <param name="Order">What "next" means.</param>
/// <param name="Cap">The global cap.</param>
/// <param name="Tiers">The tiers t0, t1, ...; "t0" is the fallback of unknown ones.</param>
/// <param name="R1">The capacity of the resource r1.</param>
/// <param name="R2">The capacity of the resource r2.</param>
/// <param name="Kept">How many ended jobs are kept.</param>
/// <param name="DaysAhead">How far ahead jobs may be scheduled.</param>
/// <param name="Shared">Whether projects are.</param>
/// <param name="HeadStartSeconds">With the order of that name.</param>
internal sealed record Setup(
    Ordering Order, int Cap, TierSetup[] Tiers, int R1, int R2, int Kept, int DaysAhead, bool Shared,
        int HeadStartSeconds)
{
    internal const string Plain = "plain";
    internal const string Staged = "staged";
    internal const string Scarce = "scarce";

    /// <summary>The types, and one that nobody knows.</summary>
    internal static string[] TypeNames { get; } = [Plain, Staged, Scarce, "unknown"];

    internal static Pipeline Stages { get; } = new()
    {
        Stages = [new("one", "One"), new("two", "Two"), new("three", "Three")],
        Loops = [new("three", "two")],
        Completed = new("done", "Done"),
        Failed = new("broken", "Broken"),
    };

    internal JobEngineOptions ToOptions() => new()
    {
        GlobalCap = Cap,
        MaxConcurrentRuns = 2,
        Tiers = [.. Tiers.Select((tier, i) => tier.ToTier($"t{i}"))],
        FallbackTier = "t0",
        Types =
        [
            new JobType { Name = Plain, MaxRetries = 2, RetryDelay = TimeSpan.FromSeconds(20), MaxLostRuns = 1 },
            new JobType { Name = Staged, Pipeline = Stages, MaxLostRuns = 2 },
            new JobType { Name = Scarce, MaxRetries = 1, RetryDelay = TimeSpan.Zero, MaxLostRuns = 0,
                Resources = ["r1"] },
        ],
        Resources = new Dictionary<string, int>(StringComparer.Ordinal) { ["r1"] = R1, ["r2"] = R2 },
        Ordering = Order,
        HeadStartPerBoost = TimeSpan.FromSeconds(HeadStartSeconds),
        LeaseDuration = TimeSpan.FromSeconds(30),
        ConfirmationTimeout = TimeSpan.FromHours(5),
        MaxDaysAhead = DaysAhead,
        ReleaseJitter = TimeSpan.FromHours(1),
        IdempotencyWindow = TimeSpan.FromHours(24),
        RetentionTime = TimeSpan.FromDays(2),
        RetentionCount = Kept,
        SharedProjects = Shared,
    };

    /// <summary>Any small setup.</summary>
    internal static Gen<Setup> Any { get; } =
        from order in Gen.Elements(Ordering.Strict, Ordering.Strict, Ordering.Positions, Ordering.HeadStart)
        from cap in Gen.Elements(1, 2, 3, 5, 8, 40)
        from tiers in TierSetup.Any.ArrayOf(3)
        from r1 in Gen.Choose(1, 2)
        from r2 in Gen.Choose(1, 3)
        from kept in Gen.Elements(0, 2, 5, 100, 100)
        from days in Gen.Choose(1, 3)
        from shared in Gen.Elements(true, false)
        from headStart in Gen.Elements(1, 30, 3600)
        select new Setup(order, cap, tiers, r1, r2, kept, days, shared, headStart);

    /// <summary>Room for many jobs, and few slots: what counts is who may run.</summary>
    internal static Gen<Setup> Crowded { get; } =
        from setup in Any
        select setup with
        {
            Cap = 500,
            Kept = 5,
            Shared = true,
            Tiers = [.. setup.Tiers.Select(tier => tier with { DailyLimit = 500 })],
        };

    public override string ToString() =>
        $"{Order}, cap {Cap}, {string.Join(", ", Tiers.Select((tier, i) => $"t{i}({tier})"))}, r1 {R1}, r2 {R2}, " +
        $"keep {Kept}, {DaysAhead} days ahead, {(Shared ? "shared" : "owned")} projects, " +
        $"head start {HeadStartSeconds} s";
}

/// <summary>One small tier.</summary>
internal sealed record TierSetup(int UserSlots, int ProjectSlots, int DailyLimit, int Depth, int Boost)
{
    internal static Gen<TierSetup> Any { get; } =
        from userSlots in Gen.Choose(1, 3)
        from projectSlots in Gen.Choose(1, 3)
        from daily in Gen.Choose(1, 6)
        from depth in Gen.Choose(1, 2)
        from boost in Gen.Choose(0, 3)
        select new TierSetup(userSlots, projectSlots, daily, depth, boost);

    internal Tier ToTier(string name) => new()
    {
        Name = name,
        UserSlots = UserSlots,
        ProjectSlots = ProjectSlots,
        DailyLimit = DailyLimit,
        IterationDepth = Depth,
        Boost = Boost,
        InitialDuration = TimeSpan.FromSeconds(100),
    };

    public override string ToString() =>
        $"user {UserSlots}, project {ProjectSlots}, daily {DailyLimit}, depth {Depth}, boost {Boost}";
}
