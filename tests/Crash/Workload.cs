using System.Globalization;
using System.Text;

namespace Engine.Tests.Crash;

/// <summary>What the engine under test is asked to do. Parent and child compute it alike, so that the parent knows every
/// word of a request by its number.</summary>
internal static class Workload
{
    internal const int GlobalCap = 20;
    internal const int Users = 9;
    internal const int Gpus = 2;
    internal const int MaxDaysAhead = 3;
    internal const int DefaultLeaseMs = 60_000;

    /// <summary>Runs on workers that claim and end by themselves, outside the pool.</summary>
    internal const string Remote = "remote";
    internal const string Plain = "plain";
    internal const string Slow = "slow";
    internal const string Flaky = "flaky";
    internal const string Steps = "steps";
    internal const string Staged = "staged";
    internal const string Heavy = "heavy";

    /// <summary>Fails as soon as it has lost two workers.</summary>
    internal const string Fragile = "fragile";

    internal static IReadOnlyList<string> PooledTypes { get; } = [Plain, Slow, Flaky, Steps, Staged, Heavy, Fragile];

    internal static IReadOnlyList<Tier> Tiers { get; } =
    [
        new() { Name = "basic", UserSlots = 1, ProjectSlots = 1, DailyLimit = 8 },
        new() { Name = "plus", UserSlots = 2, ProjectSlots = 2, DailyLimit = 400, Boost = 2 },
        new() { Name = "max", UserSlots = 5, ProjectSlots = 3, DailyLimit = 1_000_000, IterationDepth = 3, Boost = 5 },
    ];

    internal static Pipeline Pipeline { get; } = new()
    {
        Stages = [new("one", "One"), new("two", "Two"), new("three", "Three")],
    };

    internal static JobEngineOptions Options(int leaseMs = 0, int snapshotBytes = 0) => new()
    {
        SnapshotJournalBytes = snapshotBytes,

        // As often as there is anything to take one of.
        SnapshotGrowth = 1,
        LeaseDuration = TimeSpan.FromMilliseconds(leaseMs > 0 ? leaseMs : DefaultLeaseMs),
        GlobalCap = GlobalCap,
        MaxConcurrentRuns = 16,
        Tiers = [.. Tiers],
        FallbackTier = "basic",
        Types =
        [
            new JobType { Name = Plain, MaxLostRuns = 100 },
            new JobType { Name = Slow, MaxLostRuns = 100 },
            new JobType { Name = Flaky, MaxLostRuns = 100, MaxRetries = 1, RetryDelay = TimeSpan.FromMilliseconds(5) },
            new JobType { Name = Steps, MaxLostRuns = 100 },
            new JobType { Name = Staged, MaxLostRuns = 100, Pipeline = Pipeline },
            new JobType { Name = Heavy, MaxLostRuns = 100, Resources = ["gpu"] },
            new JobType { Name = Fragile, MaxLostRuns = 1 },
            new JobType { Name = Remote, MaxLostRuns = 100 },
        ],
        Resources = new Dictionary<string, int>(StringComparer.Ordinal) { ["gpu"] = Gpus },
        MaxDaysAhead = MaxDaysAhead,
        CancelGrace = TimeSpan.FromSeconds(2),

        // Nothing is forgotten while the clock of a life leaps over days: the parent asks for all of it at the end.
        ConfirmationTimeout = TimeSpan.FromDays(365),
        IdempotencyWindow = TimeSpan.FromDays(30),
        RetentionTime = TimeSpan.FromDays(3650),
        RetentionCount = 100_000_000,
        RetentionBytes = 1L << 40,
    };

    internal static string UserOf(int user) => string.Create(CultureInfo.InvariantCulture, $"user-{user}");

    internal static Tier TierOf(string user) => Tiers[(user[^1] - '0') / 3];

    /// <summary>Request number <paramref name="n"/> of a life.</summary>
    internal static JobRequest Request(ulong seed, int n)
    {
        var dice = Dice.For(seed, (ulong)n);
        string user = UserOf(dice.Below(Users));
        int kind = dice.Below(100);
        string type = kind switch
        {
            < 40 => Plain,
            < 46 => Slow,
            < 56 => Flaky,
            < 64 => Steps,
            < 72 => Staged,
            < 80 => Heavy,
            < 86 => Fragile,
            _ => Remote,
        };

        // Now and then larger than a block or a segment's part: commits of many blocks can be torn in many places.
        int padding = dice.Chance(5) ? dice.Below(24_000) : dice.Below(300);
        string payload = string.Create(CultureInfo.InvariantCulture, $"{{\"n\":{n},\"pad\":\"{new string('x', padding)}\"}}");
        return new JobRequest
        {
            Id = JobId.New(1_900_000_000_000 + n, 0, dice.Next()),
            Type = type,
            UserId = user,
            ProjectId = dice.Chance(70) ? user + (dice.Chance(50) ? "-a" : "-b") : null,
            Tier = TierOf(user).Name,
            Priority = dice.Below(3) * 50,
            Payload = Encoding.ASCII.GetBytes(payload),
            IdempotencyKey = dice.Chance(60) ? string.Create(CultureInfo.InvariantCulture, $"key-{n}") : null,
        };
    }
}
