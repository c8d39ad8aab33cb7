using System.Globalization;
using Engine.Hosting;
using Engine.Storage;
using Microsoft.Extensions.Options;

namespace Engine.Tests.Hosting;

/// <summary>Every setting's range, at its edges: what is just inside is taken, what is just outside is refused by name.</summary>
public sealed class OptionsRulesTests
{
    private static readonly Dictionary<string, (Action<JobEngineOptions, long> Set, long Min, long Max)> Numbers = new()
    {
        ["GlobalCap"] = ((o, v) => o.GlobalCap = (int)v, 1, 100_000_000),
        ["MaxConcurrentRuns"] = ((o, v) => o.MaxConcurrentRuns = (int)v, 0, 10_000),
        ["MaxDaysAhead"] = ((o, v) => o.MaxDaysAhead = (int)v, 1, 365),
        ["RetentionCount"] = ((o, v) => o.RetentionCount = (int)v, 0, 100_000_000),
        ["RetentionBytes"] = ((o, v) => o.RetentionBytes = v, 0, 1_099_511_627_776),
        ["MaxPayloadBytes"] = ((o, v) => o.MaxPayloadBytes = (int)v, 1, 1_048_576),
        ["InboxCapacity"] = ((o, v) => o.InboxCapacity = (int)v, 16, 1_048_576),
        ["Resources:gpu"] = ((o, v) => o.Resources["gpu"] = (int)v, 1, 1_000_000),
        ["Tiers:t:UserSlots"] = (OfTier((t, v) => t with { UserSlots = v }), 1, 10_000),
        ["Tiers:t:ProjectSlots"] = (OfTier((t, v) => t with { ProjectSlots = v }), 1, 10_000),
        ["Tiers:t:DailyLimit"] = (OfTier((t, v) => t with { DailyLimit = v }), 1, 1_000_000),
        ["Tiers:t:IterationDepth"] = (OfTier((t, v) => t with { IterationDepth = v, IterationCap = 1 }), 1, 1000),
        ["Tiers:t:Boost"] = (OfTier((t, v) => t with { Boost = v }), 0, 1000),
        ["Types:w:MaxRetries"] = (OfType((t, v) => t with { MaxRetries = (int)v }), 0, 100),
        ["Types:w:MaxLostRuns"] = (OfType((t, v) => t with { MaxLostRuns = (int)v }), 0, 100),
    };

    // In milliseconds.
    private static readonly Dictionary<string, (Action<JobEngineOptions, long> Set, TimeSpan Min, TimeSpan Max)> Spans = new()
    {
        ["HeadStartPerBoost"] = ((o, v) => o.HeadStartPerBoost = Ms(v), Ms(1), Days(1)),
        ["LeaseDuration"] = ((o, v) => o.LeaseDuration = Ms(v), Ms(1000), Days(1)),
        ["CancelGrace"] = ((o, v) => o.CancelGrace = Ms(v), Ms(1), TimeSpan.FromHours(1)),
        ["ConfirmationTimeout"] = ((o, v) => o.ConfirmationTimeout = Ms(v), Ms(60_000), Days(365)),
        ["ReleaseJitter"] = ((o, v) => o.ReleaseJitter = Ms(v), TimeSpan.Zero, TimeSpan.FromHours(12)),
        ["IdempotencyWindow"] = ((o, v) => o.IdempotencyWindow = Ms(v), Ms(60_000), Days(30)),
        ["RetentionTime"] = ((o, v) => o.RetentionTime = Ms(v), TimeSpan.Zero, Days(3650)),
        ["StaleAfter"] = ((o, v) => o.StaleAfter = Ms(v), Ms(60_000), Days(365)),
        ["Tiers:t:InitialDuration"] = ((o, v) => o.Tiers[0] = o.Tiers[0] with { InitialDuration = Ms(v) }, Ms(1000), Days(30)),
        ["Types:w:Timeout"] = (OfType((t, v) => t with { Timeout = Ms(v) }), Ms(1000), Days(30)),
        ["Types:w:RetryDelay"] = (OfType((t, v) => t with { RetryDelay = Ms(v) }), TimeSpan.Zero, Days(1)),
    };

    public static TheoryData<string> NumberNames => [.. Numbers.Keys];

    public static TheoryData<string> SpanNames => [.. Spans.Keys];

    [Theory]
    [MemberData(nameof(NumberNames))]
    public void A_number_is_taken_within_its_range_and_refused_by_name_outside(string name)
    {
        var (set, min, max) = Numbers[name];

        Assert.Empty(With(set, min));
        Assert.Empty(With(set, max));
        AssertRefused(With(set, min - 1), name, min.ToString(CultureInfo.InvariantCulture));
        AssertRefused(With(set, max + 1), name, max.ToString(CultureInfo.InvariantCulture));
    }

    [Theory]
    [MemberData(nameof(SpanNames))]
    public void A_duration_is_taken_within_its_range_and_refused_by_name_outside(string name)
    {
        var (set, min, max) = Spans[name];

        Assert.Empty(With(set, (long)min.TotalMilliseconds));
        Assert.Empty(With(set, (long)max.TotalMilliseconds));
        AssertRefused(With(set, (long)min.TotalMilliseconds - 1), name, min.ToString("c"));
        AssertRefused(With(set, (long)max.TotalMilliseconds + 1), name, max.ToString("c"));
    }

    [Fact]
    public void The_defaults_are_valid_and_are_the_documented_ones()
    {
        var options = new JobEngineOptions();

        Assert.Empty(OptionsRules.Failures(options));
        Assert.Equal((100, 4, 30, 100_000), (
            options.GlobalCap, options.MaxConcurrentRuns, options.MaxDaysAhead, options.RetentionCount));
        Assert.Equal(TimeSpan.FromHours(48), options.StaleAfter);
        Assert.Equal(TimeSpan.FromHours(1), options.ReleaseJitter);
        Assert.Equal(TimeSpan.FromHours(24), options.ConfirmationTimeout);
        Assert.Equal(TimeSpan.FromHours(24), options.IdempotencyWindow);
        Assert.Equal(Ordering.Strict, options.Ordering);
    }

    [Fact]
    public void What_is_no_number_is_refused_by_name_too()
    {
        var wrong = new (string Name, Action<JobEngineOptions> Set)[]
        {
            ("Ordering", o => o.Ordering = (Ordering)9),
            ("Tiers", o => o.Tiers = []),
            ("Tiers", o => o.Tiers = [new Tier { Name = "a" }, new Tier { Name = "a" }]),
            ("Tiers", o => o.Tiers = [new Tier { Name = "" }]),
            ("Tiers", o => o.Tiers = [new Tier { Name = new string('n', 65) }]),
            ("FallbackTier", o => o.FallbackTier = "nobody"),
            ("Types", o => o.Types = [new JobType { Name = "a" }, new JobType { Name = "a" }]),
            ("Types", o => o.Types = [new JobType { Name = " " }]),
            ("Types:a:Resources", o =>
            {
                o.Resources["gpu"] = 1;
                o.Types = [new JobType { Name = "a", Resources = [.. Enumerable.Repeat("gpu", 17)] }];
            }),
            ("Types:a:Resources", o => o.Types = [new JobType { Name = "a", Resources = ["tpu"] }]),
            ("Types:a:Pipeline:Stages", o => o.Types = [WithPipeline([])]),
            ("Types:a:Pipeline:Stages", o => o.Types = [WithPipeline([new("s", "S"), new("s", "S")])]),
            ("Types:a:Pipeline:Stages", o => o.Types = [WithPipeline([new("", "S")])]),
            ("Types:a:Pipeline:Loops", o => o.Types = [WithPipeline([new("s", "S")], new StageLoop("s", "t"))]),
            ("Resources", o => o.Resources[""] = 1),
        };

        foreach (var (name, set) in wrong)
        {
            var options = new JobEngineOptions();
            set(options);
            Assert.Contains(OptionsRules.Failures(options), failure => failure.StartsWith(name, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task An_engine_refuses_wrong_settings_and_says_all_that_is_wrong()
    {
        await using var journal = new MemoryJournal();
        var options = new JobEngineOptions { GlobalCap = 0, MaxDaysAhead = 0 };

        var refused = Assert.Throws<OptionsValidationException>(() => new JobEngine(options, journal, new ManualTimeProvider()));

        Assert.Equal(["GlobalCap is 1 to 100000000, not 0.", "MaxDaysAhead is 1 to 365, not 0."], refused.Failures);
    }

    [Fact]
    public async Task An_engine_works_with_a_copy_of_its_settings()
    {
        JobEngineOptions? mine = null;
        await using var engine = await TestEngine.StartAsync(options => mine = options);

        mine!.GlobalCap = 1;
        mine.Tiers.Clear();

        await engine.SubmitQueuedAsync("a");
        await engine.SubmitQueuedAsync("b");
    }

    private static List<string> With(Action<JobEngineOptions, long> set, long value)
    {
        var options = new JobEngineOptions
        {
            Tiers = [new Tier { Name = "t" }],
            Types = [new JobType { Name = "w" }],
        };
        set(options, value);
        return OptionsRules.Failures(options);
    }

    private static void AssertRefused(List<string> failures, string name, string edge)
    {
        string failure = Assert.Single(failures);
        Assert.StartsWith($"{name} is ", failure, StringComparison.Ordinal);
        Assert.Contains(edge, failure, StringComparison.Ordinal);
    }

    private static JobType WithPipeline(Stage[] stages, params StageLoop[] loops) =>
        new() { Name = "a", Pipeline = new Pipeline { Stages = stages, Loops = loops } };

    private static Action<JobEngineOptions, long> OfTier(Func<Tier, int, Tier> with) =>
        (options, value) => options.Tiers[0] = with(options.Tiers[0], (int)value);

    private static Action<JobEngineOptions, long> OfType(Func<JobType, long, JobType> with) =>
        (options, value) => options.Types[0] = with(options.Types[0], value);

    private static TimeSpan Ms(long ms) => TimeSpan.FromMilliseconds(ms);

    private static TimeSpan Days(int days) => TimeSpan.FromDays(days);
}
