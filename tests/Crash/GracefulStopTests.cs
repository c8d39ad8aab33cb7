using Engine.Core;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash;

/// <summary>SIGTERM in the middle of the load (F27, V7).</summary>
public sealed class GracefulStopTests
{
    private const int Stops = 10;

    [LinuxFact]
    public async Task F27_a_graceful_stop_under_load_loses_nothing_and_repeats_nothing()
    {
        using var life = new Life(seed: 27, new Tally());
        var dice = Dice.For(27, 1);
        for (int i = 0; i < Stops; i++)
        {
            await using var child = life.Start(life.Options());
            Assert.True(await child.HearAsync("up", Guards.Start) is not null, child.Complaint);

            // Not a wait for something: the moment at which it is stopped.
            await Task.Delay(dice.Below(400));
            await life.StopAsync(child);
            await life.CheckAsync();
        }

        var model = await life.DrainAsync();
        Assert.True(model.Jobs.Count > Stops, $"only {model.Jobs.Count} jobs: that was no load");

        // Workers outside the pool are not waited for; what they held is handed out again, as after a crash.
        var pooled = model.Jobs.Values.Where(job => job.Type != Workload.Remote).ToList();
        Assert.NotEmpty(pooled);
        Assert.All(pooled, job => Assert.DoesNotContain(RunEnd.Lost, job.Runs.Select(run => run.End)));
        Assert.All(
            pooled,
            job => Assert.True(
                job.State == JobState.Cancelled || job.Runs.All(run => run.End != RunEnd.Stopped),
                $"{job.Id} was interrupted and began again"));
    }
}
