using System.Diagnostics;
using System.Globalization;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash;

/// <summary>Many processes, one directory (F24).</summary>
public sealed class OwnershipTests
{
    private const int Processes = 10;

    [LinuxFact]
    public async Task F24_of_ten_processes_one_serves_and_when_it_is_killed_one_takes_over()
    {
        using var life = new Life(seed: 24, new Tally());
        var dice = Dice.For(24, 1);
        var waiting = new List<ChildProcess>();
        try
        {
            for (int i = 0; i < Processes; i++)
            {
                // Numbers of their own, so that each submits what no other does.
                waiting.Add(life.Start(life.Options() with { Mode = ChildMode.Contend, First = i * 100_000 }));
            }

            long lastEpoch = 0;
            for (int round = 1; waiting.Count > 0; round++)
            {
                var owner = await OwnerOfAsync(waiting, round);
                long epoch = long.Parse((await owner.HearAsync("up", Guards.Start))!.Split(' ')[1], CultureInfo.InvariantCulture);
                Assert.True(epoch > lastEpoch, $"epoch {epoch} follows {lastEpoch}");
                lastEpoch = epoch;

                waiting.Remove(owner);
                await using (owner)
                {
                    // Not a wait for something: the moment at which it is killed.
                    await Task.Delay(dice.Below(150));
                    await owner.KillAsync();
                }

                var model = await life.CheckAsync();
                Assert.True(model.LastEpoch <= epoch, $"a frame of epoch {model.LastEpoch} after epoch {epoch} was killed");
                foreach (var child in waiting)
                {
                    await child.SayAsync("again");
                }
            }

            await life.DrainAsync();
        }
        finally
        {
            foreach (var child in waiting)
            {
                await child.DisposeAsync();
            }
        }
    }

    [LinuxFact]
    public async Task F24_an_owner_that_is_stopped_keeps_the_directory_and_goes_on_when_it_wakes()
    {
        const int LeaseMs = 1_000;
        using var life = new Life(seed: 241, new Tally()) { LeaseMs = LeaseMs };
        await using var owner = life.Start(life.Options());
        Assert.True(await owner.HearAsync("up", Guards.Start) is not null, owner.Complaint);

        // Not a wait for something: some load, so that runs are open when it stops.
        await Task.Delay(300);
        Posix.Freeze(owner.Id);
        var stopped = Stopwatch.StartNew();
        await using (var other = life.Start(life.Options() with { First = 100_000 }))
        {
            Assert.True(await other.HearAsync("locked", Guards.Start) is not null, other.Complaint);
            await other.Exited.WaitAsync(Guards.Long);
        }

        // Twice a lease, in which no worker could have renewed one.
        await Task.Delay(TimeSpan.FromMilliseconds(Math.Max(0, (2 * LeaseMs) - stopped.ElapsedMilliseconds)));
        var awake = life.AdvanceAsync(owner, answers: 50);
        Signals.Send(owner.Id, Signals.Continue);
        Assert.True(await awake, $"not much was answered after it woke: {owner.Complaint}");
        await life.StopAsync(owner);

        var model = await life.CheckAsync();
        Assert.Equal(1, model.LastEpoch);

        // Its workers stood still with it: none of their runs is lost for that (F7).
        Assert.Equal(0, model.LostRuns);
        await life.DrainAsync();
    }

    /// <summary>Waits until each has said which it is; exactly one serves.</summary>
    private static async Task<ChildProcess> OwnerOfAsync(List<ChildProcess> children, int round)
    {
        var answers = await Task.WhenAll(children.Select(async child =>
        {
            var up = child.HearAsync("up", Guards.Start);
            var locked = child.HearAsync("locked", Guards.Start, round);
            var first = await Task.WhenAny(up, locked);
            return (Child: child, Serves: first == up && await up is not null, Refused: first == locked && await locked is not null);
        }));
        Assert.All(answers, answer => Assert.True(answer.Serves || answer.Refused, answer.Child.Complaint));
        return Assert.Single(answers, answer => answer.Serves).Child;
    }
}
