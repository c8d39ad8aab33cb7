using System.Diagnostics.Metrics;
using Engine.Storage;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Engine.Tests.Runtime;

/// <summary>What the engine tells operators by itself: stale jobs and clocks that jump (DA-19, F14).</summary>
public sealed class WatchmanTests
{
    private const int ClockJumped = 1007;
    private const int StaleJobs = 1008;
    private const int ClockLeads = 1013;
    private const int ClockCaughtUp = 1014;

    [Fact]
    public async Task DA_19_a_stale_job_is_reported_by_itself_and_again_every_hour_until_it_ends()
    {
        var log = new LogList<JobEngine>();
        await using var engine = await TestEngine.StartAsync(logger: log);
        var id = await engine.SubmitQueuedAsync();

        await engine.PassAsync(TimeSpan.FromHours(47));
        Assert.Empty(log.Of(StaleJobs));
        await engine.PassAsync(TimeSpan.FromHours(1) + TimeSpan.FromMilliseconds(1));
        Assert.Equal($"1 jobs have not ended for longer than 2.00:00:00; the oldest is {id}", Assert.Single(log.Of(StaleJobs)));

        for (int minute = 0; minute < 59; minute++)
        {
            await engine.PassAsync(TimeSpan.FromMinutes(1));
        }

        Assert.Single(log.Of(StaleJobs));
        await engine.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(2, log.Of(StaleJobs).Count);

        await engine.CompleteAsync(await engine.ClaimOneAsync());
        await engine.PassAsync(TimeSpan.FromHours(5));
        Assert.Equal(2, log.Of(StaleJobs).Count);
    }

    [Fact]
    public async Task DA_19_nobody_has_to_ask_for_a_stale_job_to_be_reported()
    {
        var log = new LogList<JobEngine>();
        await using var engine = await TestEngine.StartAsync(logger: log);
        await engine.SubmitQueuedAsync();
        var reported = log.NextAsync(StaleJobs);

        // The loop sleeps when the first question has been answered and the second been taken in; time alone wakes it.
        await engine.Engine.GetQueueAsync();
        await engine.Engine.GetQueueAsync();
        engine.Time.Advance(TimeSpan.FromHours(48) + TimeSpan.FromMilliseconds(1));

        await reported.WaitAsync(TestEngine.Guard);
    }

    [Fact]
    public async Task Stale_jobs_are_reported_when_an_engine_starts()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.SubmitQueuedAsync();
        await engine.Engine.StopAsync();
        engine.Time.Advance(TimeSpan.FromDays(5));
        var log = new LogList<JobEngine>();

        await using var second = await TestEngine.StartAsync(time: engine.Time, journal: engine.Journal, logger: log);

        Assert.Single(log.Of(StaleJobs));
    }

    [Theory]
    [InlineData(3600, false)]
    [InlineData(3601, true)]
    [InlineData(-1, false)]
    [InlineData(-2, true)]
    [InlineData(-86_400, true)]
    public async Task A_clock_that_jumps_is_reported_once(int seconds, bool isReported)
    {
        // By hand, as the two clocks are read one after the other: the loop of an engine may be in between.
        var log = new LogList<JobEngine>();
        await using var journal = new MemoryJournal();
        var engine = await SteppedEngine.StartAsync(new JobEngineOptions(), journal, new ManualTimeProvider(), log);
        await PassAsync(engine, TimeSpan.FromDays(30));

        engine.Time.JumpWallClock(TimeSpan.FromSeconds(seconds));
        await PassAsync(engine, TimeSpan.FromMinutes(1));
        await PassAsync(engine, TimeSpan.FromDays(1));

        string[] expected = isReported
            ? [$"The wall clock jumped by {seconds} s; the engine's own clock never goes back"]
            : [];
        Assert.Equal(expected, log.Of(ClockJumped));
    }

    [Fact]
    public async Task There_and_back_is_two_jumps()
    {
        var log = new LogList<JobEngine>();
        await using var engine = await TestEngine.StartAsync(logger: log);

        engine.Time.JumpWallClock(TimeSpan.FromDays(1));
        await engine.PassAsync(TimeSpan.Zero);
        engine.Time.JumpWallClock(-TimeSpan.FromDays(1));
        await engine.PassAsync(TimeSpan.Zero);

        Assert.Equal(2, log.Of(ClockJumped).Count);
    }

    [Fact]
    public async Task F14_a_clock_that_went_back_is_told_every_hour_until_it_has_caught_up()
    {
        var log = new LogList<JobEngine>();
        await using var engine = await TestEngine.StartAsync(logger: log);
        engine.Time.JumpWallClock(TimeSpan.FromHours(3));
        await engine.PassAsync(TimeSpan.Zero);
        Assert.Equal(TimeSpan.Zero, engine.Engine.ClockLead);

        engine.Time.JumpWallClock(-TimeSpan.FromHours(3));
        await engine.PassAsync(TimeSpan.Zero);

        Assert.Equal(TimeSpan.FromHours(3), engine.Engine.ClockLead);
        Assert.StartsWith(
            "The wall clock has gone back and is 10800 s behind the engine's clock", Assert.Single(log.Of(ClockLeads)));
        for (int minute = 0; minute < 119; minute++)
        {
            await engine.PassAsync(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(2, log.Of(ClockLeads).Count);
        Assert.Equal(TimeSpan.FromMinutes(61), engine.Engine.ClockLead);
        Assert.Empty(log.Of(ClockCaughtUp));
        await engine.PassAsync(TimeSpan.FromMinutes(61));
        await engine.PassAsync(TimeSpan.FromMinutes(61));
        Assert.Single(log.Of(ClockCaughtUp));
        Assert.Equal(TimeSpan.Zero, engine.Engine.ClockLead);
    }

    [Fact]
    public async Task F14_an_engine_that_starts_with_a_journal_of_the_future_says_so()
    {
        await using var engine = await TestEngine.StartAsync();
        engine.Time.JumpWallClock(TimeSpan.FromDays(400));
        await engine.SubmitQueuedAsync();
        await engine.Engine.StopAsync();
        engine.Time.JumpWallClock(-TimeSpan.FromDays(400));
        var log = new LogList<JobEngine>();

        await using var second = await TestEngine.StartAsync(time: engine.Time, journal: engine.Journal, logger: log);

        Assert.Single(log.Of(ClockLeads));
        Assert.Equal(TimeSpan.FromDays(400), second.Engine.ClockLead);
    }

    [Fact]
    public async Task F14_a_small_step_back_is_nothing_to_tell()
    {
        var log = new LogList<JobEngine>();
        await using var engine = await TestEngine.StartAsync(logger: log);
        await engine.PassAsync(TimeSpan.FromMinutes(1));

        engine.Time.JumpWallClock(-TimeSpan.FromMinutes(1));
        await engine.PassAsync(TimeSpan.Zero);
        await engine.PassAsync(TimeSpan.FromMinutes(2));

        Assert.Empty(log.Of(ClockLeads));
        Assert.Empty(log.Of(ClockCaughtUp));
    }

    [Fact]
    public async Task F14_a_clock_that_went_back_shows_in_health_and_metrics()
    {
        await using var host = await TestHost.StartAsync((_, _) => Task.FromResult(JobOutcome.Done));
        Assert.Equal(HealthStatus.Healthy, (await host.HealthAsync()).Status);

        host.Time.JumpWallClock(-TimeSpan.FromHours(5));
        var health = await host.HealthAsync();

        Assert.Equal(HealthStatus.Degraded, health.Status);
        Assert.Equal(
            "The engine's clock stands still: the wall clock is 05:00:00 behind it.", health.Entries["engine"].Description);
        List<double> leads = [];
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument is { Meter.Name: "Engine", Name: "engine.clock.lead" })
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((_, value, _, _) => leads.Add(value));
        listener.Start();
        listener.RecordObservableInstruments();
        Assert.Contains(TimeSpan.FromHours(5).TotalSeconds, leads);
    }

    private static Task<bool> PassAsync(SteppedEngine engine, TimeSpan time)
    {
        engine.Time.Advance(time);
        return engine.AskAsync(static _ => true);
    }
}
