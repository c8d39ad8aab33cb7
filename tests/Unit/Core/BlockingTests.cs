namespace Engine.Tests.Core;

/// <summary>Blocked jobs keep their place and block nobody else; everything runnable runs (DA-8 to DA-11, O6).</summary>
public sealed class BlockingTests
{
    [Fact]
    public async Task DA_8_one_worker_that_waits_gets_everything_that_is_runnable()
    {
        await using var engine = await TestEngine.StartAsync();
        for (int i = 0; i < 3; i++)
        {
            await engine.SubmitQueuedAsync("a");
        }

        await engine.ClaimNowAsync(2);
        var others = new List<JobId> { await engine.SubmitQueuedAsync("b"), await engine.SubmitQueuedAsync("c") };

        // a's user is saturated; b and c run although one of a's jobs comes before them.
        Assert.Equal(others, (await engine.ClaimNowAsync(10)).Select(run => run.Lease.JobId));
    }

    [Fact]
    public async Task DA_8_a_waiting_worker_is_woken_by_every_cause()
    {
        await using var engine = await TestEngine.StartAsync();
        var claim = new ClaimRequest { Types = ["work"] };

        // A submission,
        var bySubmit = engine.Engine.ClaimAsync(claim).AsTask();
        await engine.SubmitQueuedAsync();
        var first = Assert.Single(await bySubmit.WaitAsync(TestEngine.Guard));
        await engine.SubmitQueuedAsync();
        var second = await engine.ClaimOneAsync();
        await engine.SubmitQueuedAsync();

        // a completion,
        var byEnd = engine.Engine.ClaimAsync(claim).AsTask();
        await engine.CompleteAsync(first);
        Assert.Single(await byEnd.WaitAsync(TestEngine.Guard));
        await engine.SubmitQueuedAsync();

        // a lease that ends,
        var byExpiry = engine.Engine.ClaimAsync(claim).AsTask();
        await engine.Engine.GetQueueAsync();
        engine.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.NotEqual(second.Lease, Assert.Single(await byExpiry.WaitAsync(TestEngine.Guard)).Lease);

        // a raised limit.
        await engine.ClaimNowAsync(10);
        await engine.SubmitQueuedAsync();
        var byLimit = engine.Engine.ClaimAsync(claim).AsTask();
        await engine.Engine.ReconfigureAsync(options =>
            options.Tiers = [.. options.Tiers.Select(tier => tier with { UserSlots = tier.UserSlots + 1 })]);
        Assert.Single(await byLimit.WaitAsync(TestEngine.Guard));
    }

    [Fact]
    public async Task DA_9_a_blocked_job_keeps_its_place_however_often_it_is_passed_over()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.SubmitQueuedAsync("a");
        await engine.SubmitQueuedAsync("a");
        var runs = await engine.ClaimNowAsync(2);
        var blocked = await engine.SubmitQueuedAsync("a");
        for (int i = 0; i < 5; i++)
        {
            await engine.SubmitQueuedAsync($"other{i}");
            await engine.ClaimNowAsync();
            Assert.Equal(1, (await engine.ViewAsync(blocked)).Position);
        }

        await engine.SubmitQueuedAsync("last");
        await engine.CompleteAsync(runs[0]);

        Assert.Equal(blocked, (await engine.ClaimOneAsync()).Lease.JobId);
    }

    [Fact]
    public async Task DA_9_a_blocked_job_is_not_lost_when_the_queue_is_full()
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 3);
        await engine.SubmitQueuedAsync("a");
        await engine.SubmitQueuedAsync("a");
        var runs = await engine.ClaimNowAsync(2);
        var jobs = new List<JobId> { await engine.SubmitQueuedAsync("a") };
        jobs.Add(await engine.SubmitQueuedAsync("a"));
        jobs.Add(await engine.SubmitQueuedAsync("a"));

        Assert.Empty(await engine.ClaimNowAsync(5));
        await engine.CompleteAsync(runs[0]);
        await engine.CompleteAsync(runs[1]);

        Assert.Equal(jobs.Take(2), (await engine.ClaimNowAsync(5)).Select(run => run.Lease.JobId));
        Assert.Equal(1, (await engine.ViewAsync(jobs[2])).Position);
    }

    [Fact]
    public async Task DA_10_a_saturated_user_holds_up_nobody()
    {
        await using var engine = await TestEngine.StartAsync(SlotTests.NoDailyLimit);
        for (int i = 0; i < 50; i++)
        {
            await engine.SubmitQueuedAsync("greedy", "cto_scale");
        }

        await engine.ClaimNowAsync(10);
        var low = await engine.SubmitQueuedAsync("low");

        Assert.Equal(41, (await engine.ViewAsync(low)).Position);
        Assert.Equal(low, (await engine.ClaimOneAsync()).Lease.JobId);
    }

    [Fact]
    public async Task DA_11_with_positions_a_job_is_overtaken_a_bounded_number_of_times()
    {
        await using var engine = await TestEngine.StartAsync(options =>
        {
            SlotTests.NoDailyLimit(options);
            options.Ordering = Ordering.Positions;
        });
        var low = await engine.SubmitQueuedAsync("low");
        for (int i = 0; i < 20; i++)
        {
            await engine.SubmitQueuedAsync($"high{i}", "cto_scale");
        }

        // +5 positions: the next five can pass, however many come.
        Assert.Equal(6, (await engine.ViewAsync(low)).Position);
    }

    [Fact]
    public async Task DA_11_with_a_head_start_nobody_who_came_later_than_that_passes()
    {
        await using var engine = await TestEngine.StartAsync(options => options.Ordering = Ordering.HeadStart);
        var low = await engine.SubmitQueuedAsync("low");

        // Boost 5 × 1 minute.
        engine.Time.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromMilliseconds(1));
        await engine.SubmitQueuedAsync("just in time", "cto_scale");
        long passed = (await engine.ViewAsync(low)).Position;
        engine.Time.Advance(TimeSpan.FromMilliseconds(2));
        await engine.SubmitQueuedAsync("too late", "cto_scale");

        Assert.Equal(2, passed);
        Assert.Equal(2, (await engine.ViewAsync(low)).Position);
    }

    [Fact]
    public async Task DA_11_in_strict_order_a_higher_tier_always_passes_as_documented()
    {
        await using var engine = await TestEngine.StartAsync();
        var low = await engine.SubmitQueuedAsync("low");
        engine.Time.Advance(TimeSpan.FromDays(1));
        for (int i = 0; i < 20; i++)
        {
            await engine.SubmitQueuedAsync($"high{i}", "cto_scale");
        }

        Assert.Equal(21, (await engine.ViewAsync(low)).Position);
    }

    [Fact]
    public async Task Priority_orders_the_jobs_of_a_tier_and_never_passes_a_higher_one()
    {
        await using var engine = await TestEngine.StartAsync();
        var normal = await engine.SubmitQueuedAsync("a");
        var urgent = await engine.SubmitQueuedAsync("b", priority: 100);
        var middling = await engine.SubmitQueuedAsync("c", priority: 50);
        var partner = await engine.SubmitQueuedAsync("d", "partner");

        var runs = await engine.ClaimNowAsync(4);

        Assert.Equal([partner, urgent, middling, normal], runs.Select(run => run.Lease.JobId));
    }

    [Fact]
    public async Task The_order_can_be_changed_while_jobs_wait_and_stays_after_a_restart()
    {
        await using var engine = await TestEngine.StartAsync(options => options.Ordering = Ordering.HeadStart);
        var low = await engine.SubmitQueuedAsync("low");
        engine.Time.Advance(TimeSpan.FromHours(1));
        var high = await engine.SubmitQueuedAsync("high", "cto_scale");
        long before = (await engine.ViewAsync(low)).Position;

        await engine.Engine.ReconfigureAsync(options => options.Ordering = Ordering.Strict);
        long after = (await engine.ViewAsync(low)).Position;
        await using var second = await engine.RestartAsync(options => options.Ordering = Ordering.Strict);

        Assert.Equal((1, 2), (before, after));
        Assert.Equal([high, low], (await second.ClaimNowAsync(2)).Select(run => run.Lease.JobId));
    }
}
