using System.Diagnostics;
using Engine.Core;
using Engine.Simulation;
using Engine.Simulation.Cli;

namespace Engine.Tests;

/// <summary>A seed is the whole story: what it tells once it tells again, on any thread and whatever else goes
/// on.</summary>
public sealed class DeterminismTests
{
    [Fact]
    public void Twenty_seeds_run_twice_tell_the_same_story_at_every_thousandth_step()
    {
        var orders = Enumerable.Range(0, 20).Select(i => Batch.Nth(i) with
        {
            Seed = (ulong)(1000 + i),
            Storage = (i % 5) switch
            {
                2 => StorageKind.Redis,
                4 => StorageKind.Disk,
                _ => null,
            },
        }).ToList();
        var first = orders.ConvertAll(static order => SimRun.Run(order.ToPlan()));
        var second = new SimResult[orders.Count];

        // The other time on another thread, in another order, in the middle of garbage.
        var thread = new Thread(() =>
        {
            for (int i = orders.Count - 1; i >= 0; i--)
            {
                GC.Collect();
                second[i] = SimRun.Run(orders[i].ToPlan());
            }
        });
        thread.Start();
        thread.Join();

        for (int i = 0; i < orders.Count; i++)
        {
            Assert.Null(first[i].Finding);
            Assert.Equal(first[i].Steps, second[i].Steps);
            Assert.Equal(first[i].Hashes, second[i].Hashes);
        }

        Assert.Equal(orders.Count, first.Select(static result => result.Hashes[^1]).Distinct().Count());
    }

    /// <summary>Another process draws other seeds for the hashes of strings, and has other addresses.</summary>
    [Theory]
    [InlineData(Preset.Mixed, StorageKind.List)]
    [InlineData(Preset.Flood, StorageKind.Disk)]
    [InlineData(Preset.RedisHell, StorageKind.Redis)]
    public async Task A_seed_tells_the_same_story_in_another_process(object preset, object storage)
    {
        var order = new SimOrder
        {
            Seed = 0x77,
            Length = TimeSpan.FromMinutes(12),
            Preset = (Preset)preset,
            Storage = (StorageKind)storage,
        };
        string program = Path.Combine(AppContext.BaseDirectory, "Engine.Simulation.dll");
        string[] arguments = order.ToString().Split(' ');
        using var process = Process.Start(new ProcessStartInfo(
            "dotnet", [program, .. arguments[Array.IndexOf(arguments, "simulate")..]])
        { RedirectStandardOutput = true })!;
        SimResult here;
        string there;
        try
        {
            var reading = process.StandardOutput.ReadToEndAsync();
            here = SimRun.Run(order.ToPlan());
            there = await reading.WaitAsync(TimeSpan.FromMinutes(2));
        }
        finally
        {
            // Ended by itself, or never would.
            process.Kill(entireProcessTree: true);
        }

        Assert.Null(here.Finding);
        Assert.Contains(
            $"{here.Steps} steps, {here.Events} events, {here.Lives} lives, {here.StaleRefused} stale words refused, "
            + $"hash {here.Hashes[^1]:x16}",
            there,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_is_one_line_whose_command_shows_it_again_and_a_smaller_one_follows()
    {
        var order = new SimOrder { Seed = 1, Bug = PlantedBug.LeaseNotRenewed };
        var finding = SimRun.Run(order.ToPlan()).Finding!;
        string line = Report.Failure(order, finding);

        Assert.DoesNotContain('\n', line);
        Assert.StartsWith($"SIM FAIL seed=0x1 step={finding.Step} ", line);
        Assert.Contains($"invariant={finding.Invariant} ", line);
        Assert.Equal(finding, SimRun.Run(Again(line).ToPlan()).Finding);

        var shrunk = Shrinker.Shrink(order, finding);
        Assert.Equal(finding.Invariant, shrunk.Finding.Invariant);
        Assert.True(shrunk.Order.Length < order.Length / 2, shrunk.Order.ToString());
        Assert.NotEqual(Faults.None, shrunk.Order.Without);
        Assert.Equal(shrunk.Finding, SimRun.Run(Again(Report.Smaller(shrunk)).ToPlan()).Finding);
    }

    [Fact]
    public void The_command_line_ends_with_0_with_1_on_a_finding_and_with_2_on_a_mistake()
    {
        Assert.Equal(0, Call("simulate --seed 0x2 --hours 0.1", out string fine));
        Assert.Contains("simulated_hours 0.1", fine, StringComparison.Ordinal);
        Assert.Equal(1, Call("simulate --seed 1 --hours 1 --no-shrink --bug LeaseNotRenewed", out string failure));
        Assert.Contains("SIM FAIL seed=0x1", failure, StringComparison.Ordinal);
        Assert.Equal(2, Call("stimulate", out _));
        Assert.Equal(0, Call("simulate --help", out string help));
        Assert.Contains("--seed", help, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--sed 1", "'--sed'")]
    [InlineData("--seed", "--seed")]
    [InlineData("--seed abc", "'abc'")]
    [InlineData("--seed -1", "'-1'")]
    [InlineData("--hours 0", "--hours")]
    [InlineData("--hours NaN", "--hours")]
    [InlineData("--hours 1e300", "--hours")]
    [InlineData("--count 0", "--count")]
    [InlineData("--workers 0", "--workers")]
    [InlineData("--preset nope", "--preset")]
    [InlineData("--preset 99", "--preset")]
    [InlineData("--without Kill,Nothing", "--without")]
    [InlineData("--bug Ladybug", "--bug")]
    public void A_mistake_on_the_command_line_is_named(string arguments, string named)
    {
        Assert.Equal(2, Call($"simulate {arguments}", out _, out string mistake));
        Assert.Contains(named, mistake.Split('\n')[0], StringComparison.Ordinal);
    }

    private static int Call(string command, out string said) => Call(command, out said, out _);

    private static int Call(string command, out string said, out string mistake)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        int code = SimulateCommand.Run(command.Split(' '), output, error);
        (said, mistake) = (output.ToString(), error.ToString());
        return code;
    }

    /// <summary>What the replay command in a line orders.</summary>
    private static SimOrder Again(string line) =>
        SimOrder.Parse(line[(line.IndexOf(" simulate ", StringComparison.Ordinal) + 10)..].Split(' '));
}
