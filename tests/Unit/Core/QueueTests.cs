using Engine.Core.Scheduling;

namespace Engine.Tests.Core;

/// <summary>The original queue's cases (seed-semantics 1.8, Queue), through the front door.</summary>
public sealed class QueueTests
{
    private static readonly string[] OneEach = ["bootstrapper", "partner", "cto_scale"];

    [Fact]
    public async Task A_Q1_the_first_job_is_queued_at_position_1()
    {
        await using var engine = await TestEngine.StartAsync();

        var result = await engine.SubmitAsync();

        Assert.Equal(SubmitOutcome.Queued, result.Outcome);
        Assert.Equal(1, result.Position);
        Assert.NotNull(result.Estimate);
    }

    [Fact]
    public async Task A_Q2_a_higher_tier_goes_ahead_and_the_lower_one_moves_to_2()
    {
        await using var engine = await TestEngine.StartAsync();
        var low = await engine.SubmitAsync("low", "bootstrapper");

        var high = await engine.SubmitAsync("high", "cto_scale");

        Assert.Equal(1, high.Position);
        Assert.Equal(2, (await engine.ViewAsync(low.JobId)).Position);
    }

    [Fact]
    public async Task A_Q3_jobs_of_one_tier_queue_in_order_of_arrival()
    {
        await using var engine = await TestEngine.StartAsync();

        var first = await engine.SubmitAsync("a");
        var second = await engine.SubmitAsync("b");

        Assert.Equal((1, 2), (first.Position, second.Position));
        Assert.True(OrderKey.Score(0, 1) < OrderKey.Score(0, 2));
    }

    [Fact]
    public async Task A_Q4_tiers_are_served_from_the_highest()
    {
        await using var engine = await TestEngine.StartAsync();
        foreach (string tier in OneEach)
        {
            await engine.SubmitAsync(tier, tier);
        }

        var runs = await engine.ClaimNowAsync(3);

        Assert.Equal(["cto_scale", "partner", "bootstrapper"], runs.Select(run => run.Tier));
    }

    [Fact]
    public async Task A_Q5_an_empty_queue_hands_out_nothing()
    {
        await using var engine = await TestEngine.StartAsync();

        Assert.Empty(await engine.ClaimNowAsync());
    }

    [Fact]
    public async Task A_Q6_positions_are_ranks_and_an_unknown_job_has_none()
    {
        await using var engine = await TestEngine.StartAsync();
        var jobs = new List<JobId>();
        for (int i = 0; i < 3; i++)
        {
            jobs.Add((await engine.SubmitAsync($"u{i}")).JobId);
        }

        var positions = new List<long>();
        foreach (var job in jobs)
        {
            positions.Add((await engine.ViewAsync(job)).Position);
        }

        Assert.Equal([1, 2, 3], positions);
        Assert.Null(await engine.Engine.GetAsync(new JobId(new Guid(1, 2, 3, new byte[8]))));
    }

    [Fact]
    public async Task A_Q7_the_101st_queued_job_is_refused_and_leaves_no_trace()
    {
        await using var engine = await TestEngine.StartAsync();
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(SubmitOutcome.Queued, (await engine.SubmitAsync($"u{i}")).Outcome);
        }

        var refused = await engine.SubmitAsync("late");

        Assert.Equal(SubmitOutcome.Refused, refused.Outcome);
        Assert.Equal(RefusalReason.GlobalCapReached, refused.Refusal!.Reason);
        Assert.Equal("System busy. Try again in 8 minutes.", refused.Refusal.Message);
        Assert.Equal(TimeSpan.FromMinutes(8), refused.Refusal.RetryAfter);
        Assert.Equal(100, (await engine.Engine.GetQueueAsync()).Queued);
        Assert.Equal(0, (await engine.Engine.GetUsageAsync("late", "bootstrapper")).JobsUsed);
        Assert.Empty((await engine.Engine.ListAsync(new JobQuery { UserId = "late" })).Jobs);
    }

    [Fact]
    public async Task A_Q9_the_length_follows_what_enters_and_leaves()
    {
        await using var engine = await TestEngine.StartAsync();
        var lengths = new List<long> { (await engine.Engine.GetQueueAsync()).Queued };

        await engine.SubmitAsync("a");
        lengths.Add((await engine.Engine.GetQueueAsync()).Queued);
        await engine.SubmitAsync("b");
        lengths.Add((await engine.Engine.GetQueueAsync()).Queued);
        await engine.ClaimOneAsync();
        lengths.Add((await engine.Engine.GetQueueAsync()).Queued);

        Assert.Equal([0, 1, 2, 1], lengths);
    }

    [Fact]
    public async Task A_Q10_a_removed_job_has_no_position_and_the_other_moves_up()
    {
        await using var engine = await TestEngine.StartAsync();
        var first = await engine.SubmitAsync("a");
        var second = await engine.SubmitAsync("b");

        await engine.Engine.CancelAsync(first.JobId);

        Assert.Equal(1, (await engine.Engine.GetQueueAsync()).Queued);
        Assert.Equal(0, (await engine.ViewAsync(first.JobId)).Position);
        Assert.Equal(1, (await engine.ViewAsync(second.JobId)).Position);
    }

    [Fact]
    public async Task A_Q11_after_the_higher_tier_the_first_of_the_lower_one_follows()
    {
        await using var engine = await TestEngine.StartAsync();
        var first = await engine.SubmitAsync("a");
        await engine.SubmitAsync("b");
        var high = await engine.SubmitAsync("c", "cto_scale");

        var runs = await engine.ClaimNowAsync(2);

        Assert.Equal([high.JobId, first.JobId], runs.Select(run => run.Lease.JobId));
    }
}
