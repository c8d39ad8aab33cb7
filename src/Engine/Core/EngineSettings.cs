namespace Engine.Core;

/// <summary>The options as the core reads them: checked, immutable, durations in milliseconds.</summary>
/// <remarks>Settings steer decisions; they are no state. What was decided under earlier ones stays as it was.</remarks>
internal sealed class EngineSettings
{
    private EngineSettings(JobEngineOptions options)
    {
        GlobalCap = options.GlobalCap;
        Workers = Math.Max(1, options.MaxConcurrentRuns);
        Tiers = [.. options.Tiers];
        Types = [.. options.Types];
        Resources = new Dictionary<string, int>(options.Resources, StringComparer.Ordinal);
        Fallback = Tiers.FirstOrDefault(tier => tier.Name == options.FallbackTier) ?? new Tier { Name = "default" };
        Ordering = options.Ordering;
        HeadStartMs = (long)options.HeadStartPerBoost.TotalMilliseconds;
        ConfirmationTimeout = options.ConfirmationTimeout;
        LeaseMs = (long)options.LeaseDuration.TotalMilliseconds;
        MaxDaysAhead = options.MaxDaysAhead;
        ReleaseJitterMs = (long)options.ReleaseJitter.TotalMilliseconds;
        IdempotencyWindow = options.IdempotencyWindow;
        RetentionTime = options.RetentionTime;
        RetentionCount = options.RetentionCount;
        RetentionBytes = options.RetentionBytes;
        StaleAfter = options.StaleAfter;
        SharedProjects = options.SharedProjects;
    }

    internal int GlobalCap { get; }

    /// <summary>What estimates divide by: at least 1.</summary>
    internal int Workers { get; }

    internal IReadOnlyList<Tier> Tiers { get; }

    internal IReadOnlyList<JobType> Types { get; }

    internal IReadOnlyDictionary<string, int> Resources { get; }

    internal Tier Fallback { get; }

    internal Ordering Ordering { get; }

    internal long HeadStartMs { get; }

    internal TimeSpan ConfirmationTimeout { get; }

    internal long LeaseMs { get; }

    internal int MaxDaysAhead { get; }

    internal long ReleaseJitterMs { get; }

    internal TimeSpan IdempotencyWindow { get; }

    internal TimeSpan RetentionTime { get; }

    internal int RetentionCount { get; }

    internal long RetentionBytes { get; }

    internal TimeSpan StaleAfter { get; }

    internal bool SharedProjects { get; }

    /// <summary>Reads options that were found valid.</summary>
    internal static EngineSettings From(JobEngineOptions options) => new(options);
}
