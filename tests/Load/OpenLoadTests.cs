using Engine.Tests.Hosts;
using Engine.Tests.Load.Checks;
using Engine.Tests.Load.Driving;
using Engine.Tests.Load.Targets;
using Engine.Tests.Load.Work;
using Xunit.Abstractions;

namespace Engine.Tests.Load;

/// <summary>Requests that come when they come: at a rate that the engine can take, and at one that it cannot.</summary>
public sealed class OpenLoadTests(ITestOutputHelper output)
{
    private const int Places = 200;

    /// <summary>So few places, and runs that take so long, that the rates below are many times what can be
    /// done.</summary>
    private static readonly Limits Small = new()
    {
        GlobalCap = 50,
        Runs = 4,
        Inbox = 16,
        Hold = TimeSpan.FromMilliseconds(60),
        Retention = 100,
        Daily = 1_000,
    };

    [Theory]
    [InlineData("inprocess", 2_000, 3_000)]
    [InlineData("http", 400, 600)]
    public async Task V1_at_a_rate_that_it_can_take_the_engine_answers_everybody(string target, int rate, int count)
    {
        var kind = target == "http" ? TargetKind.Http : TargetKind.InProcess;
        var plan = new LoadPlan { Target = kind, Journal = JournalKind.Faster, Streams = 4 };
        await using var session = await LoadSession.StartAsync(plan);
        var arrivals = Arrivals.Poisson(plan.Seed, rate, count, TimeSpan.MaxValue);

        var recorder = await session.OpenAsync(arrivals, Places);
        int resent = await session.SettleAcrossARestartAsync();

        session.AssertClean(output, $"open_{target}", recorder);
        Assert.Equal(count, recorder.All.Count);
        Assert.InRange(resent, 50, int.MaxValue);
    }

    [Fact]
    public async Task Overload_in_process_is_refused_and_leaves_no_trace_and_it_recovers()
    {
        // Two in a hundred may be accepted, and every command waits for one of 16 places.
        var plan = new LoadPlan { Limits = Small };
        await using var session = await LoadSession.StartAsync(plan);

        var recorder = await OverloadAsync(session, 5_000, 5_000);

        session.AssertClean(output, "overload_inprocess", recorder);
    }

    [Fact]
    public async Task F21_overload_of_a_host_is_refused_in_bounded_memory_and_it_recovers()
    {
        // 60 MB of payloads are sent to a heap of 64 MiB, which the host itself and the answers to be encoded share:
        // there is no room for what was refused, or has ended and is forgotten. Without a cap the host dies of this
        // load.
        var plan = new LoadPlan
        {
            Target = TargetKind.Http,
            Journal = JournalKind.Faster,
            Limits = Small,
            Padding = 16_000,
            HeapLimitMiB = 64,
            MaxMemoryMiB = 400,
        };
        await using var session = await LoadSession.StartAsync(plan);

        var recorder = await OverloadAsync(session, 1_500, 4_000);

        session.AssertClean(output, "overload_http", recorder);
    }

    private static async Task<Recorder> OverloadAsync(LoadSession session, int rate, int count)
    {
        await using var house = await FullHouse.FillAsync(session);
        await session.ClosedAsync(4, Small.GlobalCap, session.Traffic.SubmitOnlyAsync);
        int accepted = Small.Runs + Small.GlobalCap;
        Assert.Equal(accepted, session.Ledger.Accepted.Count);

        // Nothing moves, and yet everybody is answered: nobody waits for a place in the queue.
        var overload = await HalfAsync().WaitAsync(HostProcess.Guard);
        Assert.Equal(count / 2, session.Ledger.RefusedCount);
        await house.EmptyAsync();
        var rest = await HalfAsync();
        long refused = session.Ledger.RefusedCount;
        await session.DrainAsync();

        // The load has fallen: what comes now is accepted, though all of it came at once.
        var calm = await session.ClosedAsync(4, Small.GlobalCap, session.Traffic.SubmitOnlyAsync);
        await session.DrainAsync();
        await session.SettleAsync();

        Assert.Equal(count / 2, overload.All.Count);
        Assert.Equal(count / 2, rest.All.Count);
        Assert.Equal(Small.GlobalCap, calm.All.Count);
        Assert.Equal(refused, session.Ledger.RefusedCount);
        Assert.Equal(refused, session.Ledger.Answers["refused_" + SubmitAnswer.CapReached]);
        Assert.Equal(accepted + count + Small.GlobalCap, refused + session.Ledger.Accepted.Count);
        Assert.Equal(session.Ledger.Accepted.Count, session.Audit.Jobs.Count);
        Assert.Equal(Small.GlobalCap, session.Audit.Peak(JournalAudit.QueuedCount));
        return overload;

        Task<Recorder> HalfAsync() => session.OpenAsync(
            Arrivals.Poisson(session.Plan.Seed, rate, count / 2, TimeSpan.MaxValue),
            Places,
            session.Traffic.SubmitOnlyAsync);
    }
}
