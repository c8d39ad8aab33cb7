namespace Engine.Tests.Load.Work;

/// <summary>Every limit of the engine under load: it is started with these, and held to these.</summary>
internal sealed record Limits
{
    internal const string Bootstrapper = "bootstrapper";
    internal const string Partner = "partner";
    internal const string Scale = "cto_scale";

    /// <summary>Queued jobs at most.</summary>
    internal int GlobalCap { get; init; } = 1_000;

    /// <summary>Runs at a time.</summary>
    internal int Runs { get; init; } = 8;

    /// <summary>Runs at a time that hold the one resource.</summary>
    internal int Gpus { get; init; } = 2;

    /// <summary>Jobs a day of a user of the smallest plan; those of others are no limit.</summary>
    internal int Daily { get; init; } = 20;

    /// <summary>Iterations that a user of the largest plan is granted at once.</summary>
    internal int Depth { get; init; } = 5;

    /// <summary>Days ahead for which jobs are scheduled.</summary>
    internal int DaysAhead { get; init; } = 30;

    /// <summary>Ended jobs that are kept.</summary>
    internal int Retention { get; init; } = 100_000;

    /// <summary>Commands that may wait.</summary>
    internal int Inbox { get; init; } = 65_536;

    /// <summary>How long a run stays in each stage, or works on each iteration.</summary>
    internal TimeSpan Hold { get; init; }

    /// <summary>The plans.</summary>
    internal IReadOnlyList<Tier> Tiers =>
    [
        new() { Name = Bootstrapper, UserSlots = 1, ProjectSlots = 1, DailyLimit = Daily, IterationDepth = 2 },
        new()
        {
            Name = Partner, UserSlots = 3, ProjectSlots = 2, DailyLimit = 1_000_000, IterationDepth = 3, Boost = 2,
        },
        new()
        {
            Name = Scale,
            UserSlots = 5,
            ProjectSlots = 3,
            DailyLimit = 1_000_000,
            IterationDepth = Depth,
            Boost = 5,
        },
    ];

    internal Tier TierOf(string name) => Tiers.Single(tier => tier.Name == name);
}
