using System.Diagnostics;
using System.Globalization;
using Engine.Storage;
using Engine.Tests.Crash.Checks;
using Engine.Tests.Crash.Rigs;
using Engine.Tests.Redis;

namespace Engine.Tests.Crash.Loop;

/// <summary>The loop over many lives, as a test calls it and as a person does from the command line.</summary>
internal static class LoopCommand
{
    internal const int CyclesPerLife = 25;
    private const int MaxLivesAtATime = 2;

    /// <summary>So little that every life takes snapshots, and lets go of what is below them.</summary>
    internal const int SmallSnapshots = 16 * 1024;

    /// <summary>The counter of kills.</summary>
    internal const string Kills = "cycles";

    private const string Usage =
        "usage: dotnet run -c Release --project tests/Crash -- [--cycles N] [--seed S] [--rig kill|power|eio|redis|all]";

    /// <summary>Runs lives until <paramref name="cycles"/> kills are made, and notes what they broke.</summary>
    internal static async Task RunAsync(ulong seed, int cycles, Findings findings, Action<string> say)
    {
        int lives = (cycles + CyclesPerLife - 1) / CyclesPerLife;
        var options = new ParallelOptions { MaxDegreeOfParallelism = MaxLivesAtATime };
        await Parallel.ForEachAsync(Enumerable.Range(0, lives), options, async (index, _) =>
        {
            if (findings.Told.Count > 0)
            {
                return;
            }

            ulong seedOfLife = Dice.For(seed, (ulong)index).Next();

            // Every fourth only promises to survive the process: the same holds after kill -9.
            using var life = new Life(seedOfLife, findings.Tally, index % 4 == 3 ? Durability.Logged : Durability.Synced)
            {
                SnapshotBytes = index % 4 == 0 ? 0 : SmallSnapshots,
            };
            try
            {
                await life.RunAsync(Math.Min(CyclesPerLife, cycles - (index * CyclesPerLife)));
                say(string.Create(CultureInfo.InvariantCulture, $"life {index}: {life.Book.Lives} processes, ok"));
            }
            catch (FindingException finding)
            {
                findings.Note(
                    finding,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"CRASH FAIL seed={seed} life={index} process={life.Book.Lives} kept={life.Directory} | replay: " +
                        $"dotnet run -c Release --project tests/Crash -- --seed {seed} --cycles {cycles} --rig kill"));
            }
        });
    }

    internal static async Task<int> RunAsync(string[] arguments)
    {
        var given = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["--cycles"] = "100",
            ["--seed"] = "1",
            ["--rig"] = "all",
        };
        for (int i = 0; i + 1 < arguments.Length; i += 2)
        {
            given[arguments[i]] = arguments[i + 1];
        }

        if (arguments.Length % 2 != 0 || given.Count > 3
            || given["--rig"] is not ("kill" or "power" or "eio" or "redis" or "all")
            || !int.TryParse(given["--cycles"], CultureInfo.InvariantCulture, out int cycles)
            || !ulong.TryParse(given["--seed"], CultureInfo.InvariantCulture, out ulong seed))
        {
            await Console.Error.WriteLineAsync(Usage);
            return 2;
        }

        bool ok = true;
        foreach (var (rig, name, counter, missing, run) in Rigs(seed, cycles))
        {
            if (given["--rig"] != "all" && given["--rig"] != rig)
            {
                continue;
            }

            if (missing is { } reason)
            {
                Console.WriteLine($"SKIP {name}: {reason}");
                continue;
            }

            var findings = new Findings();
            var watch = Stopwatch.StartNew();
            await run(findings);
            Console.WriteLine(findings.Tally);
            findings.Told.ToList().ForEach(Console.Error.WriteLine);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{findings.Figures(name, counter)} seed {seed} seconds {watch.Elapsed.TotalSeconds:F0}"));
            ok &= findings.Told.Count == 0;
        }

        return ok ? 0 : 1;
    }

    private static IEnumerable<(string Rig, string Name, string Counter, string? Missing, Func<Findings, Task> Run)>
        Rigs(ulong seed, int cycles) =>
    [
        ("kill", "kills", Kills, null, found => RunAsync(seed, cycles, found, Console.WriteLine)),
        ("power", "power_cuts", PowerCutRig.Cuts, Volume.Missing, found => PowerCutRig.RunAsync(seed, cycles, found)),
        ("eio", "dead_disks", DeadDiskRig.Deaths, Volume.Missing, found => DeadDiskRig.RunAsync(seed, cycles, found)),
        ("redis", "redis_kills", RedisRig.Kills, RedisServer.Missing, found => RedisRig.RunAsync(seed, cycles, found)),
    ];
}
