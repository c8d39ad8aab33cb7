namespace Engine.Tests.Core;

/// <summary>Failed runs: what is shown, the pause before the next, and when it is the last (L8, L9, LA-9).</summary>
public sealed class RetryTests
{
    [Fact]
    public async Task The_pause_before_a_retry_doubles_from_10_seconds_and_is_really_waited()
    {
        await using var engine = await StartAsync(retries: 3);
        var id = await engine.SubmitQueuedAsync();

        foreach (int seconds in (int[])[10, 20, 40])
        {
            var run = await engine.ClaimOneAsync();
            await engine.FailAsync(run);
            Assert.Equal(engine.Time.GetUtcNow().AddSeconds(seconds), (await engine.ViewAsync(id)).ScheduledFor);
            await engine.PassAsync(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            Assert.Empty(await engine.ClaimNowAsync());
            await engine.PassAsync(TimeSpan.FromMilliseconds(1));
        }

        await engine.FailAsync(await engine.ClaimOneAsync());

        var view = await engine.ViewAsync(id);
        Assert.Equal((JobState.Failed, 4), (view.State, view.Runs));
    }

    [Fact]
    public async Task The_pause_never_exceeds_a_day_nor_overflows()
    {
        await using var engine = await TestEngine.StartAsync(options => options.Types =
            [new JobType { Name = "work", MaxRetries = 100, RetryDelay = TimeSpan.FromHours(5) }]);
        var id = await engine.SubmitQueuedAsync();
        var pauses = new List<double>();

        for (int i = 0; i < 70; i++)
        {
            await engine.FailAsync(await engine.ClaimOneAsync());
            var pause = (await engine.ViewAsync(id)).ScheduledFor!.Value - engine.Time.GetUtcNow();
            pauses.Add(pause.TotalHours);
            await engine.PassAsync(pause);
        }

        Assert.Equal([5, 10, 20, 24], pauses.Take(4));
        Assert.All(pauses.Skip(4), hours => Assert.Equal(24, hours));
    }

    [Fact]
    public async Task Without_a_pause_a_retry_is_queued_at_once()
    {
        await using var engine = await TestEngine.StartAsync(options => options.Types =
            [new JobType { Name = "work", MaxRetries = 2, RetryDelay = TimeSpan.Zero }]);
        var id = await engine.SubmitQueuedAsync();

        await engine.FailAsync(await engine.ClaimOneAsync());

        Assert.Equal(id, (await engine.ClaimOneAsync()).Lease.JobId);
    }

    [Fact]
    public async Task What_cannot_be_retried_fails_at_once()
    {
        await using var engine = await StartAsync(retries: 3);
        var id = await engine.SubmitQueuedAsync();

        await engine.FailAsync(await engine.ClaimOneAsync(), retryable: false);

        Assert.Equal((JobState.Failed, 1), ((await engine.ViewAsync(id)).State, (await engine.ViewAsync(id)).Runs));
    }

    [Fact]
    public async Task A_failure_shows_a_debug_id_and_200_characters_of_the_reason()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();
        string error = new string('x', 199) + "\U0001F600" + new string('y', 100);

        await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Failed(error, "abc123"));

        var view = await engine.ViewAsync(id);

        // Cut at 200, and one before where that would halve a character.
        Assert.Equal($"Job failed - debug_id: abc123. {new string('x', 199)}", view.Message);
        Assert.Equal((error, "abc123"), (view.Error, view.DebugId));
    }

    [Fact]
    public async Task A_job_that_completes_in_the_end_shows_no_failure()
    {
        await using var engine = await StartAsync(retries: 1);
        var id = await engine.SubmitQueuedAsync();
        await engine.FailAsync(await engine.ClaimOneAsync());
        var between = await engine.ViewAsync(id);
        await engine.PassAsync(TimeSpan.FromSeconds(10));
        var run = await engine.ClaimOneAsync();
        string running = (await engine.ViewAsync(id)).Message;

        await engine.CompleteAsync(run);

        var view = await engine.ViewAsync(id);
        Assert.Equal(("d1", "It broke."), (between.DebugId, between.Error));
        Assert.Equal(("", "", null, null), (running, view.Message, view.Error, view.DebugId));
        Assert.Equal((JobState.Completed, 2), (view.State, view.Runs));
    }

    [Fact]
    public async Task A_retried_job_queues_behind_those_who_came_meanwhile()
    {
        await using var engine = await StartAsync(retries: 1);
        var failed = await engine.SubmitQueuedAsync("a");
        await engine.FailAsync(await engine.ClaimOneAsync());
        var later = await engine.SubmitQueuedAsync("b");

        await engine.PassAsync(TimeSpan.FromSeconds(10));

        Assert.Equal([later, failed], (await engine.ClaimNowAsync(2)).Select(run => run.Lease.JobId));
    }

    [Fact]
    public async Task A_retry_keeps_the_checkpoint_and_the_iterations()
    {
        await using var engine = await StartAsync(retries: 1);
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();
        await engine.Engine.BeginIterationAsync(run.Lease);
        await engine.Engine.BeginIterationAsync(run.Lease);
        await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Suspended("kept"u8.ToArray()));
        await engine.Engine.ConfirmAsync(id);
        await engine.FailAsync(await engine.ClaimOneAsync());
        await engine.PassAsync(TimeSpan.FromSeconds(10));

        var third = await engine.ClaimOneAsync();

        Assert.Equal("kept"u8.ToArray(), third.Checkpoint.ToArray());
        Assert.Equal((3, 2), (third.Lease.Run, third.IterationsUsed));
    }

    [Fact]
    public async Task What_a_worker_says_is_checked_before_it_is_recorded()
    {
        await using var engine = await TestEngine.StartAsync(options => options.MaxPayloadBytes = 10);
        await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();
        RunOutcome[] wrong =
        [
            new RunOutcome.Completed(new byte[11]), new RunOutcome.Suspended(new byte[11]),
            new RunOutcome.Failed(new string('x', 2001), "d"), new RunOutcome.Failed(null!, "d"),
            new RunOutcome.Failed("x", null!), new RunOutcome.Failed("x", new string('d', 129)),
        ];

        foreach (var outcome in wrong)
        {
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await engine.Engine.EndRunAsync(run.Lease, outcome));
        }

        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await engine.Engine.EndRunAsync(run.Lease, null!));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await engine.Engine.ReportProgressAsync(run.Lease, 101));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await engine.Engine.ReportProgressAsync(run.Lease, -1));
        Assert.Equal(
            LeaseAnswer.Accepted, await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Completed(new byte[10])));
    }

    [Fact]
    public async Task Messages_are_cut_at_500_characters()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();

        await engine.Engine.ReportProgressAsync(run.Lease, 1, new string('m', 600));

        Assert.Equal(500, (await engine.ViewAsync(id)).Message.Length);
    }

    private static Task<TestEngine> StartAsync(int retries) => TestEngine.StartAsync(options =>
        options.Types = [new JobType { Name = "work", MaxRetries = retries }]);
}
