using System.Globalization;
using Engine.Simulation;
using Engine.Simulation.Cli;
using Xunit.Abstractions;

namespace Engine.Tests;

/// <summary>Hundreds of virtual hours of the real engine, with every fault and every check.</summary>
public sealed class BatchTests(ITestOutputHelper output)
{
    private const int FreshSeeds = 500;

    [Fact]
    public void Every_promise_is_kept_over_500_hours_and_every_corner_is_reached()
    {
        var orders = Batch.Fixed.Select(one => new SimOrder { Seed = one.Seed, Preset = one.Preset })
            .Concat(Enumerable.Range(0, FreshSeeds).Select(Batch.Nth))
            .ToList();
        var sometimes = new Sometimes();
        var simulated = TimeSpan.Zero;
        long events = 0;
        long stale = 0;
        int lives = 0;
        var cpuBefore = Environment.CpuUsage.TotalTime;
        foreach (var order in orders)
        {
            var result = SimRun.Run(order.ToPlan(), sometimes);
            if (result.Finding is not null)
            {
                string failure = Report.Failure(order, result.Finding);
                string smaller = Report.Smaller(Shrinker.Shrink(order, result.Finding));
                Console.WriteLine($"{failure}\n{smaller}");
                Assert.Fail($"{failure}\n{smaller}");
            }

            simulated += result.Simulated;
            events += result.Events;
            stale += result.StaleRefused;
            lives += result.Lives;
        }

        double seconds = (Environment.CpuUsage.TotalTime - cpuBefore).TotalSeconds;
        Say($"simulation base seed {Batch.BaseSeed} (set ENGINE_SIM_SEED={Batch.BaseSeed} to see the same again)");
        Say($"simulated_hours {simulated.TotalHours:0}");
        Say($"simulated_seeds {orders.Count}");
        Say($"hours_per_second {simulated.TotalHours / seconds:0.0}");
        Say($"simulated_events {events}, engine lives {lives}, stale words refused {stale}, accepted 0");
        Assert.True(simulated.TotalHours >= FreshSeeds, $"Only {simulated.TotalHours} hours were simulated.");
        Assert.True(!sometimes.Never.Any(),
            $"Corners that no seed reached, so that nothing is said about them: {string.Join(", ", sometimes.Never)}.");
    }

    private void Say(FormattableString line) =>
        Figures.Report(output, line.ToString(CultureInfo.InvariantCulture));
}
