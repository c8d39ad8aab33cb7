using System.CommandLine;
using System.Runtime;
using System.Runtime.InteropServices;

namespace Engine.Bench.Throughput;

/// <summary>Measures whole engines beside yardsticks in one run, so that ratios can be compared between machines.</summary>
internal static class ThroughputCommand
{
    internal static Command Create()
    {
        var journal = new Option<string>("--journal")
        {
            Description = "Where events go.",
            DefaultValueFactory = _ => Journals.Memory,
        };
        journal.AcceptOnlyFromAmong(Journals.Memory, Journals.Faster, Journals.Redis);
        var redis = new Option<string?>("--redis")
        {
            Description = "With --journal redis: a server that runs, as host:port, instead of one started for this.",
        };
        var queued = new Option<int>("--queued")
        {
            Description = "Jobs that are open while life cycles are measured.",
            DefaultValueFactory = _ => 10_000,
        };
        var seconds = new Option<double>("--seconds")
        {
            Description = "How long each rate is measured, each of three times.",
            DefaultValueFactory = _ => 4,
        };
        var quick = new Option<bool>("--quick")
        {
            Description = "Everything briefly, within half a minute: shows that it works, and rough figures.",
        };
        var directory = new Option<DirectoryInfo>("--data")
        {
            Description = "Where journals lie; emptied afterwards. A disk, not a file system in memory.",
            DefaultValueFactory = _ => new DirectoryInfo(Path.Combine(AppContext.BaseDirectory, "data")),
        };
        var only = new Option<string[]>("--only")
        {
            Description = "Only these parts.",
            DefaultValueFactory = _ => ThroughputRun.Parts,
            AllowMultipleArgumentsPerToken = true,
        };
        only.AcceptOnlyFromAmong(ThroughputRun.Parts);
        var command = new Command("throughput", "Measures rates and latencies of whole engines.")
        {
            journal, redis, queued, seconds, quick, directory, only,
        };
        command.SetAction((parsed, _) => RunAsync(
            parsed.GetValue(journal)!,
            parsed.GetValue(redis),
            parsed.GetValue(directory)!,
            parsed.GetValue(only)!,
            parsed.GetValue(quick)
                ? ThroughputPlan.Quick with { Queued = parsed.GetValue(queued) }
                : ThroughputPlan.Full with
                {
                    Queued = parsed.GetValue(queued),
                    Window = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                }));
        return command;
    }

    private static async Task<int> RunAsync(
        string journal, string? redis, DirectoryInfo directory, string[] only, ThroughputPlan plan)
    {
        string path = Path.Combine(directory.FullName, $"bench-{Environment.ProcessId}");
        await using Journals journals = await Journals.CreateAsync(journal, path, redis);
        Figures.Note($"journal {journal}, {plan.Queued} open jobs, {Workload.Users} users, 3 tiers, windows of "
            + $"{plan.Window.TotalSeconds} s");
        Figures.Note($"{Environment.ProcessorCount} processors, {RuntimeInformation.FrameworkDescription}, "
            + $"{RuntimeInformation.OSDescription}, server GC {(GCSettings.IsServerGC ? "on" : "off")}");
        await new ThroughputRun(journals, plan).RunAsync(only);
        return 0;
    }
}

/// <summary>How much of everything to do.</summary>
internal sealed record ThroughputPlan
{
    internal required int Queued { get; init; }

    /// <summary>The length of one measurement of a rate.</summary>
    internal required TimeSpan Window { get; init; }

    /// <summary>How often each rate is measured; the middle one counts.</summary>
    internal required int Rounds { get; init; }

    /// <summary>The long queue that is compared with one of a thousand jobs.</summary>
    internal required int Deep { get; init; }

    internal required int Calls { get; init; }

    /// <summary>Ended jobs that engines keep. Rates are measured after as many have ended: from then on each end forgets
    /// another, as in an engine that has been up for long.</summary>
    internal required int Retained { get; init; }

    internal required long RecoveryEvents { get; init; }

    internal static ThroughputPlan Full { get; } = new()
    {
        Queued = 10_000,
        Window = TimeSpan.FromSeconds(4),
        Rounds = 3,
        Deep = 1_000_000,
        Calls = 20_000,
        Retained = 100_000,
        RecoveryEvents = 1_000_000,
    };

    internal static ThroughputPlan Quick { get; } = new()
    {
        Queued = 10_000,
        Window = TimeSpan.FromSeconds(0.7),
        Rounds = 2,
        Deep = 100_000,
        Calls = 2_000,
        Retained = 100_000,
        RecoveryEvents = 200_000,
    };
}
