using Engine.Core.Rules;
using Engine.Runtime;
using Engine.Storage;

namespace Engine.Tests.Runtime;

/// <summary>An engine that stood still does not blame the workers for it (F7).</summary>
public sealed class StallTests
{
    private static readonly JobEngineOptions Options = new()
    {
        Types = [new JobType { Name = "work" }],
        Tiers = [new Tier { Name = "bootstrapper", UserSlots = 10, ProjectSlots = 10, DailyLimit = 1_000 }],
        LeaseDuration = TimeSpan.FromMinutes(1),
    };

    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task F7_a_worker_that_is_heard_after_a_stall_keeps_its_run()
    {
        await using var journal = new MemoryJournal();
        var (engine, lease) = await StartAsync(journal);

        _time.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(JobState.Running, await StateAsync(engine, lease));
        Assert.Equal(LeaseAnswer.Accepted, await engine.AskAsync(core => Leasing.DecideHeartbeat(core, lease)));
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(JobState.Running, await StateAsync(engine, lease));
    }

    [Theory]
    [InlineData(20_000, 20_000)]
    [InlineData(300_000, 60_000)]
    public async Task F7_a_worker_that_is_gone_is_noticed_as_much_later_as_the_stall_lasted_at_most_a_lease(
        int stallMs, int graceMs)
    {
        await using var journal = new MemoryJournal();
        var (engine, lease) = await StartAsync(journal);
        _time.Advance(Options.LeaseDuration + TimeSpan.FromMilliseconds(stallMs));
        Assert.Equal(JobState.Running, await StateAsync(engine, lease));

        // Nothing is asked: the loop must know by itself when to look again.
        Assert.Equal(TimeSpan.FromMilliseconds(graceMs), engine.NextWake);
        _time.Advance(TimeSpan.FromMilliseconds(graceMs - 1));
        Assert.Equal(JobState.Running, await StateAsync(engine, lease));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await StateAsync(engine, lease);
        Assert.Equal(JobState.Queued, await StateAsync(engine, lease));
    }

    [Fact]
    public async Task A_loop_that_looks_a_second_late_is_not_standing_still()
    {
        await using var journal = new MemoryJournal();
        var (engine, lease) = await StartAsync(journal);

        _time.Advance(Options.LeaseDuration + TimeSpan.FromSeconds(1));

        await StateAsync(engine, lease);
        Assert.Equal(JobState.Queued, await StateAsync(engine, lease));
    }

    [Fact]
    public void Who_looks_often_does_not_stand_still_however_old_a_lease_is()
    {
        // A full batch leaves ended leases to the next look.
        var stalls = new Stalls(nowMs: 0);

        Assert.All([1_000L, 1_900L, 2_800L], now => Assert.Equal(0, stalls.Look(now, firstDeadlineMs: 900, leaseMs: 60_000)));
    }

    [Fact]
    public async Task F7_a_heartbeat_that_waits_behind_a_caller_which_was_put_to_sleep_still_counts()
    {
        await using var journal = new MemoryJournal();
        var engine = await SteppedEngine.StartAsync(Options, journal, _time);
        await engine.SubmitAsync("u", JobId.New(1, 0, 1));
        await engine.SubmitAsync("u", JobId.New(1, 0, 2));
        var open = new List<RunLease>();
        Assert.Equal(2, await engine.WorkAsync(open, 2));
        var (heard, gone) = (open[0], open[1]);
        _time.Advance(Options.LeaseDuration - TimeSpan.FromMilliseconds(1));
        Assert.Equal(JobState.Running, await StateAsync(engine, heard));

        var stalled = new StalledCaller(engine.Inbox);
        var heartbeat = new FuncOperation<LeaseAnswer>(loop => Leasing.DecideHeartbeat(loop.Core, heard));
        var answer = heartbeat.Task.AsTask();
        await engine.RunAsync(heartbeat);

        // Too short to pass for a stall of the loop.
        _time.Advance(TimeSpan.FromMilliseconds(500));
        await engine.RunAsync();
        Assert.All(open, lease => Assert.Equal(JobState.Running, engine.Core.State.Jobs[lease.JobId].State));
        Assert.False(answer.IsCompleted);
        stalled.GoOn(new FuncOperation<int>(_ => 0));
        await engine.RunAsync();

        Assert.Equal(LeaseAnswer.Accepted, await answer.WaitAsync(TestEngine.Guard));
        Assert.Equal(JobState.Running, await StateAsync(engine, heard));
        Assert.Equal(JobState.Queued, await StateAsync(engine, gone));
    }

    private static Task<JobState> StateAsync(SteppedEngine engine, RunLease lease) =>
        engine.AskAsync(core => core.State.Jobs[lease.JobId].State);

    private async Task<(SteppedEngine Engine, RunLease Lease)> StartAsync(IJournal journal)
    {
        var engine = await SteppedEngine.StartAsync(Options, journal, _time);
        await engine.SubmitAsync("u", JobId.New(1, 0, 1));
        var open = new List<RunLease>();
        Assert.Equal(1, await engine.WorkAsync(open, 1));
        return (engine, open[0]);
    }
}
