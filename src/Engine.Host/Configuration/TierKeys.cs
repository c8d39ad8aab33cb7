namespace Engine.Host.Configuration;

/// <summary>The settings of tiers. The preset's tiers are changed key by key; any other name adds a tier.</summary>
internal static class TierKeys
{
    internal static IReadOnlyList<Setting> All { get; } =
    [
        Integer("UserSlots", 10_000, "Runs at a time per user. Preset: 2, 3, "
            + "10.", (tier, value) => tier with { UserSlots = value }),
        Integer("ProjectSlots", 10_000, "Runs at a time per project. Preset: 2, 3, "
            + "5.", (tier, value) => tier with { ProjectSlots = value }),
        Integer("DailyLimit", 1_000_000, "Jobs per user and UTC day; more are scheduled for a later day. "
            + "Preset: 5, 50, 200.",
            (tier, value) => tier with { DailyLimit = value }),
        Integer("IterationDepth", 1_000, "Iterations granted at once. Preset: 2, 3, "
            + "5.", (tier, value) => tier with { IterationDepth = value }),
        Integer("IterationCap", 1_000_000, "Iterations in all, over every confirmation. Without it 3 × "
            + "`IterationDepth`.",
            (tier, value) => tier with { IterationCap = value }),
        Integer("Boost", 1_000, "How far the tier jumps ahead; its unit is that of `Ordering`. Preset: 0, 2, 5.",
            (tier, value) => tier with { Boost = value }, min: 0),
        Setting.Duration("Tiers:*:InitialDuration", null, TimeSpan.FromSeconds(1), TimeSpan.FromDays(30),
            "How long a run is assumed to take before any was seen. Preset: 8, 10, 15 minutes.",
            (s, names, value) => s.ChangeTier(names[0], tier => tier with { InitialDuration = value }))
        with { Reloads = true },
    ];

    private static Setting Integer(string key, int max, string meaning, Func<Tier, int, Tier> set, int min = 1) =>
        Setting.Integer("Tiers:*:" + key, null, min, max, meaning,
            (s, names, value) => s.ChangeTier(names[0], tier => set(tier, value))) with
        { Reloads = true };
}
