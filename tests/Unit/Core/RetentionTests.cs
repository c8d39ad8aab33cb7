namespace Engine.Tests.Core;

/// <summary>Ended jobs are kept for a time and up to a count, others for ever (DA-19).</summary>
public sealed class RetentionTests
{
    [Fact]
    public async Task DA_19_an_ended_job_is_kept_for_its_time_and_then_forgotten_with_its_logs()
    {
        await using var engine = await TestEngine.StartAsync(options => options.RetentionTime = TimeSpan.FromDays(2));
        var id = await engine.SubmitQueuedAsync();
        await engine.CompleteAsync(await engine.ClaimOneAsync());

        await engine.PassAsync(TimeSpan.FromDays(2) - TimeSpan.FromMilliseconds(1));
        var before = await engine.Engine.GetAsync(id);
        await engine.PassAsync(TimeSpan.FromMilliseconds(1));

        Assert.NotNull(before);
        Assert.Null(await engine.Engine.GetAsync(id));
        Assert.Empty((await engine.Engine.ListAsync(new JobQuery { UserId = "u" })).Jobs);
    }

    [Fact]
    public async Task DA_19_of_too_many_ended_jobs_the_latest_are_kept()
    {
        await using var engine = await TestEngine.StartAsync(options => options.RetentionCount = 3);
        var ended = new List<JobId>();
        for (int i = 0; i < 5; i++)
        {
            ended.Add(await engine.SubmitQueuedAsync());
            await engine.CompleteAsync(await engine.ClaimOneAsync());
        }

        var waiting = await engine.SubmitAsync();
        await engine.PassAsync(TimeSpan.Zero);

        var kept = (await engine.Engine.ListAsync(new JobQuery { UserId = "u" })).Jobs.Select(job => job.Id);
        Assert.Equal([waiting.JobId, ended[4], ended[3], ended[2]], kept);
    }

    [Fact]
    public async Task DA_19_of_ended_jobs_that_carry_too_much_the_latest_are_kept()
    {
        // Submitting and cancelling costs no allowance: only this keeps one user from filling the memory.
        await using var engine = await TestEngine.StartAsync(options =>
        {
            options.RetentionBytes = 5000;
            options.Types.Add(new JobType { Name = "big" });
        });
        var ended = new List<JobId>();
        for (int i = 0; i < 10; i++)
        {
            var id = await SubmitAsync("cancelled", 1000);
            await engine.Engine.CancelAsync(id);
            ended.Add(id);
        }

        var waiting = await SubmitAsync("waiting", 9000);
        ended.Add(await SubmitAsync("done", 100));
        await engine.Engine.EndRunAsync(
            (await engine.ClaimOneAsync("work")).Lease, new RunOutcome.Completed(new byte[2500]));
        await engine.PassAsync(TimeSpan.Zero);
        var kept = await KeptAsync(engine);

        await using var second = await engine.RestartAsync();

        Assert.Equal([waiting, ended[8], ended[9], ended[10]], kept);
        Assert.Equal(kept, await KeptAsync(second));

        async Task<JobId> SubmitAsync(string user, int bytes) => (await engine.Engine.SubmitAsync(new JobRequest
        {
            Type = user == "done" ? "work" : "big",
            UserId = user,
            Tier = "bootstrapper",
            Payload = new byte[bytes],
        })).JobId;

        async Task<List<JobId>> KeptAsync(TestEngine from)
        {
            var found = new List<JobId>();
            foreach (var id in (JobId[])[waiting, .. ended])
            {
                if (await from.Engine.GetAsync(id) is not null)
                {
                    found.Add(id);
                }
            }

            return found;
        }
    }

    [Fact]
    public async Task DA_19_jobs_that_have_not_ended_are_never_forgotten_only_reported()
    {
        await using var engine = await TestEngine.StartAsync(options =>
        {
            options.RetentionTime = TimeSpan.Zero;
            options.RetentionCount = 0;
            options.ConfirmationTimeout = TimeSpan.FromDays(300);
            options.LeaseDuration = TimeSpan.FromDays(1);
        });
        var suspended = await engine.SubmitQueuedAsync("s");
        var run = await engine.ClaimOneAsync();
        while (await engine.Engine.BeginIterationAsync(run.Lease) == IterationAnswer.Granted)
        {
        }

        await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Suspended(default));
        var running = await engine.SubmitQueuedAsync("r");
        run = await engine.ClaimOneAsync();
        var queued = await engine.SubmitQueuedAsync("q");
        for (int i = 0; i < 200; i++)
        {
            await engine.PassAsync(TimeSpan.FromHours(23));
            Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.HeartbeatAsync(run.Lease));
        }

        Assert.Equal(JobState.AwaitingConfirmation, (await engine.ViewAsync(suspended)).State);
        Assert.Equal(JobState.Running, (await engine.ViewAsync(running)).State);
        Assert.Equal(JobState.Queued, (await engine.ViewAsync(queued)).State);
        Assert.Equal(3, (await engine.Engine.GetQueueAsync()).Stale);
    }

    [Fact]
    public async Task DA_19_a_job_is_stale_when_older_than_48_hours_and_not_at_48()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        await engine.PassAsync(TimeSpan.FromHours(48));
        long at = (await engine.Engine.GetQueueAsync()).Stale;
        await engine.PassAsync(TimeSpan.FromMilliseconds(1));
        long after = (await engine.Engine.GetQueueAsync()).Stale;
        await engine.CompleteAsync(await engine.ClaimOneAsync());

        Assert.Equal((0, 1, 0), (at, after, (await engine.Engine.GetQueueAsync()).Stale));
        Assert.Equal(JobState.Completed, (await engine.ViewAsync(id)).State);
    }

    [Fact]
    public async Task Many_expire_at_once_and_all_go_in_pieces()
    {
        await using var engine = await TestEngine.StartAsync(options =>
        {
            SlotTests.NoDailyLimit(options);
            options.GlobalCap = 100_000;
            options.RetentionTime = TimeSpan.FromHours(1);
        });
        var ids = await Task.WhenAll(Enumerable.Range(0, 9000).Select(_ => engine.SubmitQueuedAsync()));
        await Task.WhenAll(ids.Select(id => engine.Engine.CancelAsync(id).AsTask()));

        await engine.PassAsync(TimeSpan.FromHours(1));
        await engine.PassAsync(TimeSpan.Zero);
        await engine.PassAsync(TimeSpan.Zero);

        Assert.Empty((await engine.Engine.ListAsync(new JobQuery { UserId = "u" })).Jobs);
    }

    [Fact]
    public async Task What_was_forgotten_stays_forgotten_after_a_restart_and_the_rest_stays()
    {
        await using var engine = await TestEngine.StartAsync(options => options.RetentionCount = 1);
        var gone = await engine.SubmitQueuedAsync("a");
        await engine.CompleteAsync(await engine.ClaimOneAsync());
        var kept = await engine.SubmitQueuedAsync("b");
        await engine.CompleteAsync(await engine.ClaimOneAsync());

        await using var second = await engine.RestartAsync();

        Assert.Null(await second.Engine.GetAsync(gone));
        Assert.NotNull(await second.Engine.GetAsync(kept));
        Assert.Equal(2, (await second.Engine.GetQueueAsync()).Tiers[0].Completed);
    }

    [Fact]
    public async Task A_user_without_jobs_is_noted_once_a_day_however_often_the_last_job_is_forgotten()
    {
        await using var engine = await TestEngine.StartAsync(options =>
        {
            SlotTests.NoDailyLimit(options);
            options.RetentionCount = 0;
        });
        for (int i = 0; i < 50; i++)
        {
            await engine.Engine.CancelAsync(await engine.SubmitQueuedAsync());
        }

        int noted = await engine.Engine.AskAsync(static loop => loop.Core.State.IdleUsers.Count, CancellationToken.None);
        await engine.PassAsync(TimeSpan.FromDays(2));
        await engine.Engine.CancelAsync(await engine.SubmitQueuedAsync("other"));
        await engine.PassAsync(TimeSpan.Zero);
        bool isKnown = await engine.Engine.AskAsync(
            static loop => loop.Core.State.Users.ContainsKey("u"), CancellationToken.None);

        Assert.Equal((1, false), (noted, isKnown));
    }

    [Fact]
    public async Task A_forgotten_users_allowance_is_not()
    {
        // Submitting and cancelling after the start must not make a day endless, however little is kept.
        await using var engine = await TestEngine.StartAsync(options => options.RetentionCount = 0);
        for (int i = 0; i < 5; i++)
        {
            await engine.SubmitQueuedAsync();
            await engine.CompleteAsync(await engine.ClaimOneAsync());
            await engine.PassAsync(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(SubmitOutcome.Scheduled, (await engine.SubmitAsync()).Outcome);
    }
}
