namespace Engine.Tests.Core;

/// <summary>Usage counters and the daily allowance (seed-semantics 1.5, cases A-U1 to A-U11; DA-3, DA-4, DA-26).</summary>
public sealed class UsageTests
{
    private static readonly DateTimeOffset Midnight = new(2030, 6, 16, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_U1_each_submission_counts_one()
    {
        await using var engine = await TestEngine.StartAsync();

        var first = await engine.SubmitAsync();
        var second = await engine.SubmitAsync();

        Assert.Equal((1, 4), (first.Usage.JobsUsed, first.Usage.JobsRemaining));
        Assert.Equal((2, 3), (second.Usage.JobsUsed, second.Usage.JobsRemaining));
    }

    [Fact]
    public async Task A_U2_DA_26_a_days_count_is_over_with_the_day()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.SubmitAsync();
        engine.Time.Advance(Midnight - engine.Time.GetUtcNow() - TimeSpan.FromMilliseconds(1));
        int before = (await engine.Engine.GetUsageAsync("u", "bootstrapper")).JobsUsed;

        engine.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(1, before);
        Assert.Equal(0, (await engine.Engine.GetUsageAsync("u", "bootstrapper")).JobsUsed);
    }

    [Fact]
    public async Task A_U3_a_new_user_has_used_nothing()
    {
        await using var engine = await TestEngine.StartAsync();

        var usage = await engine.Engine.GetUsageAsync("nobody", "bootstrapper");

        Assert.Equal(new UsageCounters(0, 5, 0, 6, Midnight), usage);
    }

    [Fact]
    public async Task A_U4_A_U5_the_fifth_job_of_a_bootstrapper_is_queued_and_the_sixth_is_not()
    {
        await using var engine = await TestEngine.StartAsync();
        for (int i = 0; i < 4; i++)
        {
            await engine.SubmitQueuedAsync();
        }

        var fifth = await engine.SubmitAsync();
        var sixth = await engine.SubmitAsync();

        Assert.Equal((SubmitOutcome.Queued, 5, 0), (fifth.Outcome, fifth.Usage.JobsUsed, fifth.Usage.JobsRemaining));
        Assert.Equal((SubmitOutcome.Scheduled, 6, 0), (sixth.Outcome, sixth.Usage.JobsUsed, sixth.Usage.JobsRemaining));
        Assert.Equal((0L, null), (sixth.Position, sixth.Estimate));
        Assert.Equal("Scheduled for tomorrow", (await engine.ViewAsync(sixth.JobId)).Message);
    }

    [Fact]
    public async Task A_U6_three_used_leave_two_and_no_iterations_are_used()
    {
        await using var engine = await TestEngine.StartAsync();
        for (int i = 0; i < 3; i++)
        {
            await engine.SubmitQueuedAsync();
        }

        Assert.Equal(
            new UsageCounters(3, 2, 0, 6, Midnight), await engine.Engine.GetUsageAsync("u", "bootstrapper"));
    }

    [Fact]
    public async Task A_U7_four_iterations_leave_two()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        for (int batch = 0; batch < 2; batch++)
        {
            var run = await engine.ClaimOneAsync();
            await engine.Engine.BeginIterationAsync(run.Lease);
            await engine.Engine.BeginIterationAsync(run.Lease);
            await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Suspended(default));
            if (batch == 0)
            {
                await engine.Engine.ConfirmAsync(id);
            }
        }

        var usage = (await engine.ViewAsync(id)).Usage;

        Assert.Equal((4, 2), (usage.IterationsUsed, usage.IterationsRemaining));
    }

    [Fact]
    public void A_U8_the_next_reset_is_the_next_midnight_utc()
    {
        var moment = Instant.From(new DateTimeOffset(2030, 6, 15, 10, 30, 0, TimeSpan.Zero));

        Assert.Equal(Midnight, moment.NextMidnight.ToDateTimeOffset());
        Assert.Equal(Midnight, Instant.From(Midnight.AddMilliseconds(-1)).NextMidnight.ToDateTimeOffset());
        Assert.Equal(Midnight.AddDays(1), Instant.From(Midnight).NextMidnight.ToDateTimeOffset());
        Assert.Equal(Midnight, Instant.From(moment.ToDateTimeOffset().ToOffset(TimeSpan.FromHours(9))).NextMidnight.ToDateTimeOffset());
    }

    [Theory]
    [InlineData("bootstrapper", 5)] // A-U9
    [InlineData("partner", 50)] // A-U10
    [InlineData("cto_scale", 200)] // A-U11
    public async Task A_U9_A_U10_A_U11_the_daily_limits_are_met_exactly(string tier, int limit)
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 1000);
        var outcomes = new List<SubmitOutcome>();
        for (int i = 0; i < limit + 2; i++)
        {
            outcomes.Add((await engine.SubmitAsync(tier: tier)).Outcome);
        }

        Assert.Equal(limit, outcomes.TakeWhile(outcome => outcome == SubmitOutcome.Queued).Count());
        Assert.Equal(2, outcomes.Count(outcome => outcome == SubmitOutcome.Scheduled));
    }

    [Fact]
    public async Task DA_3_parallel_submissions_never_exceed_a_day()
    {
        await using var engine = await TestEngine.StartAsync();

        var results = await Task.WhenAll(
            Enumerable.Range(0, 30).Select(_ => Task.Run(async () => await engine.SubmitAsync())));

        Assert.Equal(5, results.Count(result => result.Outcome == SubmitOutcome.Queued));
        Assert.Equal(25, results.Count(result => result.Outcome == SubmitOutcome.Scheduled));
        Assert.Equal(Enumerable.Range(1, 30), results.Select(result => result.Usage.JobsUsed).Order());
    }

    [Fact]
    public async Task DA_4_scheduled_jobs_use_the_allowance_of_the_day_they_run_on()
    {
        await using var engine = await TestEngine.StartAsync(options => options.ReleaseJitter = TimeSpan.Zero);
        var scheduled = new List<DateTimeOffset?>();
        for (int i = 0; i < 17; i++)
        {
            scheduled.Add((await engine.SubmitAsync()).ScheduledFor);
        }

        // 5 today, 5 tomorrow, 5 the day after, 2 on the third day.
        Assert.Equal(
            [(null, 5), (Midnight, 5), (Midnight.AddDays(1), 5), (Midnight.AddDays(2), 2)],
            scheduled.GroupBy(day => day).Select(group => (group.Key, group.Count())));

        await engine.PassAsync(Midnight - engine.Time.GetUtcNow());
        var usage = await engine.Engine.GetUsageAsync("u", "bootstrapper");
        var fresh = await engine.SubmitAsync();

        Assert.Equal((5, 0), (usage.JobsUsed, usage.JobsRemaining));
        Assert.Equal((SubmitOutcome.Scheduled, Midnight.AddDays(2)), (fresh.Outcome, fresh.ScheduledFor));
    }

    [Theory]
    [InlineData(1, "Every day up to 1 day ahead is full for this user.")]
    [InlineData(2, "Every day up to 2 days ahead is full for this user.")]
    public async Task DA_4_how_far_ahead_one_may_schedule_is_bounded(int days, string message)
    {
        await using var engine = await TestEngine.StartAsync(options => options.MaxDaysAhead = days);
        int most = 5 * (days + 1);
        for (int i = 0; i < most; i++)
        {
            Assert.NotEqual(SubmitOutcome.Refused, (await engine.SubmitAsync()).Outcome);
        }

        var refused = await engine.SubmitAsync();

        Assert.Equal((SubmitOutcome.Refused, RefusalReason.ScheduleFull), (refused.Outcome, refused.Refusal!.Reason));
        Assert.Equal(message, refused.Refusal.Message);
        Assert.Equal(Midnight - engine.Time.GetUtcNow(), refused.Refusal.RetryAfter);
        Assert.Equal(most, refused.Usage.JobsUsed);
        Assert.Equal(most, (await engine.Engine.ListAsync(new JobQuery { UserId = "u" })).Jobs.Count);
    }

    [Fact]
    public async Task A_cancelled_job_that_never_started_gives_its_allowance_back()
    {
        await using var engine = await TestEngine.StartAsync();
        var jobs = new List<JobId>();
        for (int i = 0; i < 7; i++)
        {
            jobs.Add((await engine.SubmitAsync()).JobId);
        }

        // One queued today, one scheduled for tomorrow: both days get room, today's count loses both.
        await engine.Engine.CancelAsync(jobs[0]);
        int afterQueued = (await engine.Engine.GetUsageAsync("u", "bootstrapper")).JobsUsed;
        await engine.Engine.CancelAsync(jobs[5]);
        int afterScheduled = (await engine.Engine.GetUsageAsync("u", "bootstrapper")).JobsUsed;

        Assert.Equal((6, 5), (afterQueued, afterScheduled));
        Assert.Equal(SubmitOutcome.Queued, (await engine.SubmitAsync()).Outcome);
        Assert.Equal(SubmitOutcome.Scheduled, (await engine.SubmitAsync()).Outcome);
    }

    [Fact]
    public async Task A_cancelled_job_that_had_started_keeps_its_charge()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();

        await engine.Engine.CancelAsync(id);
        await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Stopped());

        Assert.Equal(JobState.Cancelled, (await engine.ViewAsync(id)).State);
        Assert.Equal(1, (await engine.Engine.GetUsageAsync("u", "bootstrapper")).JobsUsed);
    }

    [Fact]
    public async Task Cancelling_after_midnight_touches_no_other_day()
    {
        await using var engine = await TestEngine.StartAsync();
        var yesterday = await engine.SubmitQueuedAsync();
        await engine.PassAsync(Midnight - engine.Time.GetUtcNow());
        await engine.SubmitQueuedAsync();

        await engine.Engine.CancelAsync(yesterday);

        Assert.Equal(1, (await engine.Engine.GetUsageAsync("u", "bootstrapper")).JobsUsed);
    }

    [Fact]
    public async Task A_null_user_is_the_callers_mistake_and_the_engine_goes_on()
    {
        await using var engine = await TestEngine.StartAsync();

        await Assert.ThrowsAsync<ArgumentNullException>(async () => await engine.Engine.GetUsageAsync(null!, null));
        await Assert.ThrowsAsync<ArgumentNullException>(
            async () => await engine.Engine.ListAsync(new JobQuery { UserId = null! }));

        Assert.Equal(SubmitOutcome.Queued, (await engine.SubmitAsync()).Outcome);
    }
}
