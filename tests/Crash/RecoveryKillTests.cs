using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash;

/// <summary>Recovery that is killed, again and again (F28).</summary>
public sealed class RecoveryKillTests
{
    private const ulong Seed = 28;

    [LinuxFact]
    public async Task F28_twenty_kills_inside_recovery_leave_the_same_state()
    {
        var tally = new Tally();
        using var life = new Life(Seed, tally);

        // Open runs, several segments, and a torn commit behind them: something for recovery to do.
        await life.CycleAsync(new Kill("busy", DelayMs: 400));
        await life.CycleAsync(new Kill("torn commit", "CommitWritten", 20, Tears: true));
        var (before, state) = await life.ReadAsync();
        Assert.True(before.Running > 0, "nothing was running when the process was killed");
        string hash = state.Hash();

        var dice = Dice.For(Seed, 2);
        for (int i = 0; i < 20; i++)
        {
            var kill = KillPlan.DuringRecovery[i % KillPlan.DuringRecovery.Count](new Dice(dice.Next()));
            await life.CycleAsync(kill);
            var (after, recovered) = await life.ReadAsync();
            Assert.Equal(before.LastSequence, after.LastSequence);
            Assert.Equal(hash, recovered.Hash());
        }

        Assert.Equal(20, KillPlan.DuringRecovery.Sum(kind => tally[$"kill: {kind(dice).Name}"]));
        await life.DrainAsync();
    }

    [LinuxFact]
    public async Task F28_a_worker_lost_in_a_crash_loop_is_lost_once()
    {
        var tally = new Tally();
        using var life = new Life(Seed + 1, tally);
        await life.CycleAsync(new Kill("busy", DelayMs: 400));
        int running = (await life.ReadAsync()).Model.Running;
        Assert.True(running > 0, "nothing was running when the process was killed");

        // Killed with the news of the lost runs written and unheard: the next process finds it, or says it again.
        for (int i = 0; i < 5; i++)
        {
            await life.CycleAsync(new Kill(KillPlan.BeforeFirstBatch, "CommitWritten", 1, Tears: i % 2 == 0));
        }

        Assert.Equal(5, tally[$"kill: {KillPlan.BeforeFirstBatch}"]);
        var model = await life.DrainAsync();
        Assert.True(model.LostRuns >= running);
    }
}
