using Engine.Storage;

namespace Engine.Tests.Core;

/// <summary>Stopped in any state and started again on the same journal, everything is as it was (DA-7, DA-19, D1, D4).</summary>
public sealed class RestartTests
{
    private static readonly string[] Users = ["a", "b", "c", "d", "e", "f"];

    [Fact]
    public async Task DA_19_everything_that_was_accepted_is_there_again_exactly_as_it_was()
    {
        await using var engine = await TestEngine.StartAsync(Configure);
        await FillAsync(engine);
        var before = await Describe.AllAsync(engine, Users);

        await using var second = await engine.RestartAsync();
        var after = await Describe.AllAsync(second, Users);
        await using var third = await second.RestartAsync();

        Assert.Equal(before, after);
        Assert.Equal(before, await Describe.AllAsync(third, Users));
        Assert.Contains(before, text => text.Contains("State = AwaitingConfirmation", StringComparison.Ordinal));
        Assert.Contains(before, text => text.Contains("State = Scheduled", StringComparison.Ordinal));
        Assert.Contains(before, text => text.Contains("State = Completed", StringComparison.Ordinal));
        Assert.Contains(before, text => text.Contains("State = Failed", StringComparison.Ordinal));
        Assert.Contains(before, text => text.Contains("State = Cancelled", StringComparison.Ordinal));
    }

    /// <summary>The rules of names are those of requests: what is in a journal was accepted once, by whatever rules held
    /// then.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DA_19_names_that_would_be_refused_today_are_kept_and_their_jobs_run(bool snapshot)
    {
        const string User = "ada\u0007\u2028\u202eb";
        var journal = new MemoryJournal();
        var time = new ManualTimeProvider();
        var id = new JobId(Guid.Parse("00000000-0000-0000-0000-000000000001"));
        var options = new JobEngineOptions { Types = [new JobType { Name = "work" }, TestEngine.BuildType] };
        var old = await SteppedEngine.StartAsync(options, journal, time);
        Assert.Equal(SubmitOutcome.Queued, (await old.SubmitAsync(User, id)).Outcome);
        if (snapshot)
        {
            await old.Snapshotter.TakeAsync(CancellationToken.None);
        }

        await using var engine = await TestEngine.StartAsync(time: time, journal: journal);
        var refused = await engine.SubmitAsync(User);
        var run = await engine.ClaimOneAsync();
        await engine.CompleteAsync(run);

        Assert.Equal((RefusalReason.Invalid, "UserId"), (refused.Refusal!.Reason, refused.Refusal.Field));
        Assert.Equal((User, JobState.Completed), ((await engine.ViewAsync(id)).UserId, (await engine.ViewAsync(id)).State));
        Assert.Equal(id, Assert.Single((await engine.Engine.ListAsync(new JobQuery { UserId = User })).Jobs).Id);
    }

    [Fact]
    public async Task DA_19_what_happens_next_is_the_same_with_and_without_a_restart()
    {
        var ends = new List<List<string>>();
        foreach (bool restarts in (bool[])[false, true])
        {
            var engine = await TestEngine.StartAsync(Configure);
            await FillAsync(engine);
            for (int hour = 0; hour < 40; hour++)
            {
                if (restarts)
                {
                    engine = await engine.RestartAsync();
                }

                await engine.PassAsync(TimeSpan.FromHours(1));
                foreach (var run in await engine.ClaimNowAsync(2))
                {
                    await (hour % 3 == 0 ? engine.FailAsync(run) : engine.CompleteAsync(run));
                }
            }

            var all = await Describe.AllAsync(engine, Users);
            await engine.DisposeAsync();

            // The epoch of a run is the one thing that differs, and nobody sees it.
            ends.Add(all);
        }

        Assert.Equal(ends[0], ends[1]);
    }

    [Fact]
    public async Task DA_7_running_jobs_are_queued_again_at_their_original_place()
    {
        await using var engine = await TestEngine.StartAsync();
        var first = await engine.SubmitQueuedAsync("a");
        var second = await engine.SubmitQueuedAsync("b");
        await engine.ClaimNowAsync(2);
        await engine.SubmitQueuedAsync("c");

        await using var restarted = await engine.RestartAsync();

        var (one, two) = (await restarted.ViewAsync(first), await restarted.ViewAsync(second));
        Assert.Equal((JobState.Queued, 1L), (one.State, one.Position));
        Assert.Equal((JobState.Queued, 2L), (two.State, two.Position));
        Assert.Equal("Worker lost, queued again", one.Message);
        Assert.Equal(2, (await restarted.ClaimOneAsync()).Lease.Run);
    }

    [Fact]
    public async Task DA_7_a_worker_of_the_life_before_is_not_heard()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var old = await engine.ClaimOneAsync();

        await using var restarted = await engine.RestartAsync();
        var current = await restarted.ClaimOneAsync();

        Assert.True(current.Lease.Epoch > old.Lease.Epoch);
        Assert.Equal(LeaseAnswer.LeaseLost, await restarted.CompleteAsync(old));
        Assert.Equal(JobState.Running, (await restarted.ViewAsync(id)).State);
        Assert.Equal(LeaseAnswer.Accepted, await restarted.CompleteAsync(current));
    }

    [Fact]
    public async Task DA_7_a_job_that_crashes_its_process_does_not_do_so_for_ever()
    {
        var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        for (int crash = 0; crash < 4; crash++)
        {
            await engine.ClaimOneAsync();
            engine = await engine.RestartAsync();
        }

        var view = await engine.ViewAsync(id);
        Assert.Equal((JobState.Failed, "Worker lost too often", 4), (view.State, view.Message, view.Runs));
        await engine.DisposeAsync();
    }

    [Fact]
    public async Task A_running_job_that_was_being_cancelled_is_cancelled_after_a_restart()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        await engine.ClaimOneAsync();
        await engine.Engine.CancelAsync(id);

        await using var restarted = await engine.RestartAsync();

        Assert.Equal(JobState.Cancelled, (await restarted.ViewAsync(id)).State);
    }

    [Fact]
    public async Task Time_outs_and_pauses_go_on_over_a_restart()
    {
        await using var engine = await TestEngine.StartAsync(Configure);
        await FillAsync(engine);
        await engine.Engine.StopAsync();
        engine.Time.Advance(TimeSpan.FromHours(25));

        await using var restarted = await engine.RestartAsync();
        await restarted.PassAsync(TimeSpan.Zero);

        Assert.Equal("Confirmation timed out", Assert.Single((await restarted.Engine.ListAsync(
            new JobQuery { UserId = "c" })).Jobs).Message);
        Assert.Equal(JobState.Queued, Assert.Single((await restarted.Engine.ListAsync(
            new JobQuery { UserId = "d" })).Jobs).State);
    }

    [Fact]
    public async Task A_type_that_is_no_longer_configured_keeps_its_jobs()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync(type: "build");

        await using var without = await engine.RestartAsync(options => options.Types = [new JobType { Name = "work" }]);
        var view = await without.ViewAsync(id);
        var refused = await without.SubmitAsync(type: "build");
        await using var with = await without.RestartAsync(options => options.Types = [TestEngine.BuildType]);

        Assert.Equal((JobState.Queued, "queued"), (view.State, view.Status));
        Assert.Equal(
            (RefusalReason.UnknownType, "There is no job type 'build'. Known types: work."),
            (refused.Refusal!.Reason, refused.Refusal.Message));
        Assert.Equal(id, (await with.ClaimOneAsync("build")).Lease.JobId);
    }

    [Fact]
    public async Task An_engine_starts_once_and_says_so()
    {
        await using var journal = new MemoryJournal();
        var time = new ManualTimeProvider();
        await using var engine = new JobEngine(new JobEngineOptions { Types = [new JobType { Name = "work" }] }, journal, time);

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await engine.GetQueueAsync());
        Assert.Equal(EngineHealth.Starting, engine.Health);
        await engine.StartAsync();
        Assert.Equal((EngineHealth.Running, Durability.Memory), (engine.Health, engine.Durability));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await engine.StartAsync());
        await engine.StopAsync();
        await engine.StopAsync();
        Assert.Equal(EngineHealth.Stopped, engine.Health);
        await Assert.ThrowsAsync<EngineStoppedException>(async () => await engine.GetQueueAsync());
    }

    private static void Configure(JobEngineOptions options) =>
        options.Types = [new JobType { Name = "work", MaxRetries = 1, RetryDelay = TimeSpan.FromMinutes(30) }, TestEngine.BuildType];

    /// <summary>One job at least in every state that outlives a process.</summary>
    private static async Task FillAsync(TestEngine engine)
    {
        int count = 0;
        var completed = await SubmitAsync("a", "partner", "p1");
        var run = await engine.ClaimOneAsync();
        await engine.Engine.ReportProgressAsync(run.Lease, 70, "Nearly");
        await engine.PassAsync(TimeSpan.FromSeconds(30));
        await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Completed("{\"r\":1}"u8.ToArray()));
        Assert.Equal(JobState.Completed, (await engine.ViewAsync(completed)).State);

        await SubmitAsync("b", "cto_scale", "p2", "build");
        run = await engine.ClaimOneAsync();
        await engine.Engine.MoveToStageAsync(run.Lease, "scaffold", "Making room");
        await engine.FailAsync(run);

        await SubmitAsync("c");
        run = await engine.ClaimOneAsync();
        while (await engine.Engine.BeginIterationAsync(run.Lease) == IterationAnswer.Granted)
        {
        }

        await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Suspended("cp"u8.ToArray()));

        await SubmitAsync("d");
        await engine.FailAsync(await engine.ClaimOneAsync());

        for (int i = 0; i < 7; i++)
        {
            await SubmitAsync("e", "no such tier", priority: i);
        }

        var cancelled = await SubmitAsync("f", type: "build");
        await engine.Engine.CancelAsync(cancelled);
        await SubmitAsync("f", project: "p3", priority: 7, key: "k");

        // Ids that are the same every time: jitter and so the order of things depends on them.
        async Task<JobId> SubmitAsync(
            string user,
            string tier = "bootstrapper",
            string? project = null,
            string type = "work",
            int priority = 0,
            string? key = null)
        {
            var result = await engine.Engine.SubmitAsync(new JobRequest
            {
                Type = type,
                UserId = user,
                Tier = tier,
                ProjectId = project,
                Priority = priority,
                IdempotencyKey = key,
                Id = JobId.New(1_900_000_000_000, 0, (ulong)++count),
            });
            Assert.NotEqual(SubmitOutcome.Refused, result.Outcome);
            return result.JobId;
        }
    }
}
