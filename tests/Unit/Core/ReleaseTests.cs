namespace Engine.Tests.Core;

/// <summary>Scheduled jobs: when and in which order they enter the queue (DA-5, DA-6, LA-14, LA-16, A6, A7).</summary>
public sealed class ReleaseTests
{
    private static readonly DateTimeOffset Midnight = new(2030, 6, 16, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task DA_5_a_scheduled_job_is_released_at_its_instant_and_not_before()
    {
        await using var engine = await TestEngine.StartAsync();
        await FillDayAsync(engine);
        var scheduled = await engine.SubmitAsync();
        await engine.PassAsync(scheduled.ScheduledFor!.Value - engine.Time.GetUtcNow() - TimeSpan.FromMilliseconds(1));
        var before = await engine.ViewAsync(scheduled.JobId);

        await engine.PassAsync(TimeSpan.FromMilliseconds(1));

        var after = await engine.ViewAsync(scheduled.JobId);
        Assert.Equal((JobState.Scheduled, JobState.Queued), (before.State, after.State));
        Assert.Equal("Daily limit reset, queued", after.Message);
        Assert.Equal(1, (await engine.Engine.GetUsageAsync("u", "bootstrapper")).JobsUsed);
    }

    [Fact]
    public async Task DA_5_the_jitter_is_spread_over_an_hour_and_depends_on_the_job_alone()
    {
        await using var engine = await TestEngine.StartAsync(Wide);
        var requests = new List<(JobRequest Request, TimeSpan Jitter)>();
        for (ulong i = 0; i < 300; i++)
        {
            var request = new JobRequest
            {
                Type = "work",
                UserId = $"u{i}",
                Tier = "bootstrapper",
                Id = JobId.New(1_900_000_000_000, 0, i),
            };
            await engine.Engine.SubmitAsync(request with { Id = null });
            var scheduled = await engine.Engine.SubmitAsync(request);
            requests.Add((request, scheduled.ScheduledFor!.Value - Midnight));
        }

        var jitters = requests.Select(entry => entry.Jitter).ToList();
        Assert.All(jitters, jitter => Assert.InRange(jitter, TimeSpan.Zero, TimeSpan.FromHours(1)));

        // 300 of them in twelve parts of five minutes: each part has some, none has a third.
        var parts = jitters.CountBy(jitter => (int)(jitter.TotalMinutes / 5.0001)).ToDictionary();
        Assert.Equal(12, parts.Count);
        Assert.True(parts.Values.Max() < 100, string.Join(' ', parts));

        await using var other = await TestEngine.StartAsync(Wide);
        foreach (var (request, jitter) in requests.Take(20))
        {
            await other.Engine.SubmitAsync(request with { Id = null });
            Assert.Equal(Midnight + jitter, (await other.Engine.SubmitAsync(request)).ScheduledFor);
        }
    }

    [Fact]
    public async Task DA_5_released_jobs_run_by_tier_and_within_it_in_the_order_they_came()
    {
        await using var engine = await TestEngine.StartAsync(Wide);
        var expected = new Dictionary<string, List<JobId>> { ["cto_scale"] = [], ["partner"] = [], ["bootstrapper"] = [] };
        foreach (string user in (string[])["a", "b", "c"])
        {
            foreach (string tier in (string[])["bootstrapper", "partner", "cto_scale"])
            {
                await engine.SubmitAsync($"{user}-{tier}", tier);
                var scheduled = await engine.SubmitAsync($"{user}-{tier}", tier);
                Assert.Equal(SubmitOutcome.Scheduled, scheduled.Outcome);
                expected[tier].Add(scheduled.JobId);
            }
        }

        foreach (var run in await engine.ClaimNowAsync(9))
        {
            await engine.CompleteAsync(run);
        }

        await engine.PassAsync(Midnight.AddHours(1) - engine.Time.GetUtcNow());
        var runs = await engine.ClaimNowAsync(9);

        Assert.Equal(expected.Values.SelectMany(jobs => jobs), runs.Select(run => run.Lease.JobId));
    }

    [Fact]
    public async Task DA_5_released_jobs_are_handed_out_without_anybody_asking_again()
    {
        // DA-8's second half: nothing but time happens between the scheduling and the run.
        await using var engine = await TestEngine.StartAsync(options => options.ReleaseJitter = TimeSpan.Zero);
        await FillDayAsync(engine);
        var scheduled = await engine.SubmitAsync();
        foreach (var _ in Enumerable.Range(0, 5))
        {
            await engine.CompleteAsync(await engine.ClaimOneAsync());
        }

        var waiting = engine.Engine.ClaimAsync(new ClaimRequest { Types = ["work"] }).AsTask();
        await engine.Engine.GetQueueAsync();
        Assert.False(waiting.IsCompleted);
        engine.Time.Advance(Midnight - engine.Time.GetUtcNow());

        Assert.Equal(scheduled.JobId, Assert.Single(await waiting.WaitAsync(TestEngine.Guard)).Lease.JobId);
    }

    [Fact]
    public async Task DA_6_released_jobs_wait_for_room_under_the_cap_and_enter_in_order()
    {
        await using var engine = await TestEngine.StartAsync(options =>
        {
            Wide(options);
            options.GlobalCap = 3;
            options.ReleaseJitter = TimeSpan.Zero;
        });
        var low = await ScheduleAsync(engine, "low", "bootstrapper");
        var high = await ScheduleAsync(engine, "high", "cto_scale");
        foreach (var run in await engine.ClaimNowAsync(9))
        {
            await engine.CompleteAsync(run);
        }

        for (int i = 0; i < 3; i++)
        {
            await engine.SubmitQueuedAsync($"today{i}");
        }

        await engine.PassAsync(Midnight - engine.Time.GetUtcNow());
        var (waitingLow, waitingHigh) = (await engine.ViewAsync(low), await engine.ViewAsync(high));
        Assert.Equal((JobState.Scheduled, JobState.Scheduled), (waitingLow.State, waitingHigh.State));
        Assert.Equal(new WaitReason(WaitKind.GlobalCap, "queue", 3, 3), waitingLow.WaitingFor);

        // One leaves, the better of the two enters; the cap holds at every moment.
        await engine.ClaimOneAsync();
        Assert.Equal(3, (await engine.Engine.GetQueueAsync()).Queued);
        Assert.Equal((JobState.Scheduled, JobState.Queued), (
            (await engine.ViewAsync(low)).State, (await engine.ViewAsync(high)).State));
        await engine.ClaimOneAsync();
        Assert.Equal(JobState.Queued, (await engine.ViewAsync(low)).State);
    }

    [Fact]
    public async Task DA_6_a_restart_between_anything_leaves_every_job_in_one_place()
    {
        await using var engine = await TestEngine.StartAsync(options =>
        {
            Wide(options);
            options.GlobalCap = 2;
        });
        var scheduled = new List<JobId>();
        for (int i = 0; i < 4; i++)
        {
            scheduled.Add(await ScheduleAsync(engine, $"u{i}", "bootstrapper"));
            await engine.CompleteAsync(await engine.ClaimOneAsync());
        }

        var current = engine;
        int seen = 0;
        for (int hour = 0; hour < 20; hour++)
        {
            await current.PassAsync(TimeSpan.FromHours(1));
            current = await current.RestartAsync();
            foreach (var run in await current.ClaimNowAsync(9))
            {
                await current.CompleteAsync(run);
                seen++;
            }
        }

        Assert.Equal(4, seen);
        foreach (var id in scheduled)
        {
            Assert.Equal(JobState.Completed, (await current.ViewAsync(id)).State);
        }

        await current.DisposeAsync();
    }

    [Fact]
    public async Task A_job_that_missed_its_day_runs_on_the_allowance_of_the_day_it_is_released()
    {
        // Days 1 and 2 are full; nobody runs the engine on them.
        await using var engine = await TestEngine.StartAsync(options => options.ReleaseJitter = TimeSpan.Zero);
        var jobs = new List<JobId>();
        for (int i = 0; i < 15; i++)
        {
            jobs.Add((await engine.SubmitAsync()).JobId);
        }

        for (int i = 0; i < 5; i++)
        {
            await engine.CompleteAsync(await engine.ClaimOneAsync());
        }

        await engine.Engine.StopAsync();
        engine.Time.Advance(Midnight.AddDays(2).AddHours(1) - engine.Time.GetUtcNow());
        await using var late = await engine.RestartAsync();
        await late.PassAsync(TimeSpan.Zero);

        var states = new List<JobState>();
        foreach (var id in jobs.Skip(5))
        {
            states.Add((await late.ViewAsync(id)).State);
        }

        // Five on this day's allowance, five a day later: the missed days do not add up.
        Assert.Equal(5, states.Count(state => state == JobState.Queued));
        Assert.Equal(5, states.Count(state => state == JobState.Scheduled));
        var deferred = await late.ViewAsync(jobs[^1]);
        Assert.Equal(Midnight.AddDays(3), deferred.ScheduledFor);
        Assert.Equal("Daily limit reached, scheduled for a later day", deferred.Message);
        Assert.Equal(5, (await late.Engine.GetUsageAsync("u", "bootstrapper")).JobsUsed);
    }

    [Fact]
    public async Task Midnight_is_judged_once_for_count_day_and_reset()
    {
        await using var engine = await TestEngine.StartAsync();
        await FillDayAsync(engine);
        engine.Time.Advance(Midnight - engine.Time.GetUtcNow() - TimeSpan.FromMilliseconds(1));
        var before = await engine.SubmitAsync("v");

        engine.Time.Advance(TimeSpan.FromMilliseconds(1));
        var after = await engine.SubmitAsync("v");
        var sixth = await engine.SubmitAsync();

        Assert.Equal((1, Midnight), (before.Usage.JobsUsed, before.Usage.DailyLimitResetsAt));
        Assert.Equal((1, Midnight.AddDays(1)), (after.Usage.JobsUsed, after.Usage.DailyLimitResetsAt));
        Assert.Equal((SubmitOutcome.Queued, 1), (sixth.Outcome, sixth.Usage.JobsUsed));
    }

    [Fact]
    public async Task A_clock_that_goes_back_gives_no_second_day()
    {
        await using var engine = await TestEngine.StartAsync(options => options.ReleaseJitter = TimeSpan.Zero);
        engine.Time.Advance(Midnight - engine.Time.GetUtcNow());
        await FillDayAsync(engine);
        engine.Time.JumpWallClock(-TimeSpan.FromHours(30));

        // For the engine it is still the new day: the allowance is used up, and the next reset is the same.
        var sixth = await engine.SubmitAsync();
        Assert.Equal((SubmitOutcome.Scheduled, Midnight.AddDays(1)), (sixth.Outcome, sixth.ScheduledFor));
        Assert.Equal(Midnight, (await engine.ViewAsync(sixth.JobId)).SubmittedAt);

        // The clock catches up, and nothing is released before it has.
        await engine.PassAsync(TimeSpan.FromHours(30));
        Assert.Equal(JobState.Scheduled, (await engine.ViewAsync(sixth.JobId)).State);
        await engine.PassAsync(TimeSpan.FromHours(24));
        Assert.Equal(JobState.Queued, (await engine.ViewAsync(sixth.JobId)).State);
    }

    [Fact]
    public async Task A_clock_that_goes_back_over_a_restart_stands_still_too()
    {
        await using var engine = await TestEngine.StartAsync();
        await FillDayAsync(engine);
        engine.Time.JumpWallClock(-TimeSpan.FromDays(2));

        await using var second = await engine.RestartAsync();

        Assert.Equal(SubmitOutcome.Scheduled, (await second.SubmitAsync()).Outcome);
    }

    private static void Wide(JobEngineOptions options)
    {
        options.GlobalCap = 10_000;
        options.Tiers = [.. options.Tiers.Select(tier => tier with { DailyLimit = 1 })];
    }

    private static async Task<JobId> ScheduleAsync(TestEngine engine, string user, string tier)
    {
        await engine.SubmitQueuedAsync(user, tier);
        var scheduled = await engine.SubmitAsync(user, tier);
        Assert.Equal(SubmitOutcome.Scheduled, scheduled.Outcome);
        return scheduled.JobId;
    }

    private static async Task FillDayAsync(TestEngine engine)
    {
        for (int i = 0; i < 5; i++)
        {
            await engine.SubmitQueuedAsync();
        }
    }
}
