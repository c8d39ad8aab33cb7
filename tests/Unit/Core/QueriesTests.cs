namespace Engine.Tests.Core;

/// <summary>Lists and counts, as their readers use them.</summary>
public sealed class QueriesTests
{
    [Fact]
    public async Task A_list_is_paged_newest_first_and_shows_each_job_once()
    {
        await using var engine = await TestEngine.StartAsync(SlotTests.NoDailyLimit);
        var ids = new List<JobId>();
        for (int i = 0; i < 7; i++)
        {
            ids.Add(await engine.SubmitQueuedAsync());
            await engine.SubmitQueuedAsync("somebody else");
        }

        var seen = new List<JobId>();
        var sizes = new List<int>();
        long? cursor = null;
        do
        {
            var page = await engine.Engine.ListAsync(new JobQuery { UserId = "u", Limit = 3, Cursor = cursor });
            seen.AddRange(page.Jobs.Select(job => job.Id));
            sizes.Add(page.Jobs.Count);
            cursor = page.NextCursor;

            // A job that comes between two pages moves none of the others.
            await engine.SubmitQueuedAsync();
        }
        while (cursor is not null);

        Assert.Equal(ids.AsEnumerable().Reverse(), seen);
        Assert.Equal([3, 3, 1], sizes);
    }

    [Fact]
    public async Task A_full_last_page_has_no_next()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.SubmitQueuedAsync();
        await engine.SubmitQueuedAsync();

        Assert.Null((await engine.Engine.ListAsync(new JobQuery { UserId = "u", Limit = 2 })).NextCursor);
        Assert.NotNull((await engine.Engine.ListAsync(new JobQuery { UserId = "u", Limit = 1 })).NextCursor);
        Assert.Empty((await engine.Engine.ListAsync(new JobQuery { UserId = "nobody" })).Jobs);
    }

    [Fact]
    public async Task A_list_may_be_filtered_by_state()
    {
        await using var engine = await TestEngine.StartAsync();
        var running = await engine.SubmitQueuedAsync();
        await engine.ClaimOneAsync();
        var queued = await engine.SubmitQueuedAsync();
        var cancelled = await engine.SubmitQueuedAsync();
        await engine.Engine.CancelAsync(cancelled);

        foreach (var (state, id) in new[]
        {
            (JobState.Running, running), (JobState.Queued, queued), (JobState.Cancelled, cancelled),
        })
        {
            var page = await engine.Engine.ListAsync(new JobQuery { UserId = "u", State = state });
            Assert.Equal(id, Assert.Single(page.Jobs).Id);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(201)]
    public async Task A_page_has_1_to_200_jobs(int limit)
    {
        await using var engine = await TestEngine.StartAsync();

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            async () => await engine.Engine.ListAsync(new JobQuery { UserId = "u", Limit = limit }));
    }

    [Fact]
    public async Task The_summary_counts_every_state_by_tier()
    {
        await using var engine = await TestEngine.StartAsync();
        for (int i = 0; i < 7; i++)
        {
            await engine.SubmitAsync("low");
        }

        var runs = await engine.ClaimNowAsync(2);
        await engine.CompleteAsync(runs[0]);
        for (int i = 0; i < 3; i++)
        {
            await engine.SubmitQueuedAsync("mid", "partner");
        }

        runs = await engine.ClaimNowAsync(3, "work");
        await engine.FailAsync(runs[0]);
        while (await engine.Engine.BeginIterationAsync(runs[1].Lease) == IterationAnswer.Granted)
        {
        }

        await engine.Engine.EndRunAsync(runs[1].Lease, new RunOutcome.Suspended(default));
        await engine.Engine.CancelAsync(await engine.SubmitQueuedAsync("top", "cto_scale"));

        var queue = await engine.Engine.GetQueueAsync();

        Assert.Equal((3, 2, 2, 1), (queue.Queued, queue.Running, queue.Scheduled, queue.AwaitingConfirmation));
        Assert.Equal(
            [("bootstrapper", 2, 3, 1, 0, 1, 0, 0), ("partner", 0, 0, 1, 1, 0, 1, 0), ("cto_scale", 0, 0, 0, 0, 0, 0, 1)],
            queue.Tiers.Select(tier => (
                tier.Tier, (int)tier.Scheduled, (int)tier.Queued, (int)tier.Running, (int)tier.AwaitingConfirmation,
                (int)tier.Completed, (int)tier.Failed, (int)tier.Cancelled)));
    }

    [Theory]
    [InlineData(Ordering.Strict)]
    [InlineData(Ordering.Positions)]
    [InlineData(Ordering.HeadStart)]
    public async Task The_summary_promises_what_a_job_submitted_now_is_told(Ordering ordering)
    {
        await using var engine = await TestEngine.StartAsync(options =>
        {
            SlotTests.NoDailyLimit(options);
            options.Ordering = ordering;
        });
        for (int i = 0; i < 12; i++)
        {
            await engine.SubmitQueuedAsync("a", Tiers.CoFounder[i % 3].Name, priority: i % 2 * 10);
            engine.Time.Advance(TimeSpan.FromSeconds(20));
        }

        foreach (var tier in Tiers.CoFounder)
        {
            var promised = (await engine.Engine.GetQueueAsync()).Tiers.Single(entry => entry.Tier == tier.Name).NextEstimate;
            Assert.Equal(promised, (await engine.SubmitAsync("b", tier.Name)).Estimate);
        }
    }
}
