using System.Globalization;
using Engine.Simulation;
using Engine.Simulation.Cli;
using Xunit.Abstractions;

namespace Engine.Tests;

/// <summary>Hundreds of virtual hours of the real engine, with every fault and every check.</summary>
public sealed class BatchTests(ITestOutputHelper output)
{
    private const int MinHours = 500;

    // A few end early: an engine that refuses what a lying disk left has told its story.
    private const int FreshSeeds = 520;

    [Fact]
    public void Every_promise_is_kept_over_500_hours_and_every_corner_is_reached()
    {
        var orders = Batch.Fixed.Select(one => new SimOrder
        {
            Seed = one.Seed,
            Preset = one.Preset,
            Storage = one.Storage,

            // Each goes on telling its own story.
            Without = Faults.StandStill,
        })
            .Concat(Enumerable.Range(0, FreshSeeds).Select(Batch.Nth))
            .ToList();
        var sometimes = new Sometimes();
        var failures = new List<string>();
        var simulated = TimeSpan.Zero;
        long events = 0;
        long stale = 0;
        int lives = 0;
        int seeds = 0;
        List<Corner> missed = [];
        var cpuBefore = Environment.CpuUsage.TotalTime;
        foreach (var order in orders)
        {
            var result = SimRun.Run(order.ToPlan(), sometimes);
            if (result.Finding is not null)
            {
                // The others still have something to tell; the first is made smaller.
                failures.Add(Report.Failure(order, result.Finding));
                if (failures.Count == 1)
                {
                    failures.Add(Report.Smaller(Shrinker.Shrink(order, result.Finding)));
                }
            }

            simulated += result.Simulated;
            events += result.Events;
            stale += result.StaleRefused;
            lives += result.Lives;
            if (++seeds == Batch.Fixed.Length)
            {
                missed = [.. Batch.Rare.Where(corner => sometimes[corner] == 0)];
            }
        }

        double seconds = (Environment.CpuUsage.TotalTime - cpuBefore).TotalSeconds;
        Say($"simulation base seed {Batch.BaseSeed} (set ENGINE_SIM_SEED={Batch.BaseSeed} to see the same again)");
        Say($"simulated_hours {simulated.TotalHours:0}");
        Say($"simulated_seeds {orders.Count}");
        Say($"hours_per_second {simulated.TotalHours / seconds:0.0}");
        Say($"simulated_events {events}, engine lives {lives}, stale words refused {stale}, accepted 0");
        failures.ForEach(Console.WriteLine);
        Assert.True(failures.Count == 0, string.Join('\n', failures));
        Assert.True(simulated.TotalHours >= MinHours, $"Only {simulated.TotalHours} hours were simulated.");
        Assert.True(
            missed.Count == 0,
            $"The fixed seeds tell other stories by now, and none of {string.Join(", ", missed)}: look for ones that do.");
        Assert.True(!sometimes.Never.Any(),
            $"Corners that no seed reached, so that nothing is said about them: {string.Join(", ", sometimes.Never)}.");
    }

    private void Say(FormattableString line) =>
        Figures.Report(output, line.ToString(CultureInfo.InvariantCulture));
}
