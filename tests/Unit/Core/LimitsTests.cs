using Microsoft.Extensions.Options;

namespace Engine.Tests.Core;

/// <summary>Named resources, limits that change at run time, and why a job waits (design 4; A3, A4, A9).</summary>
public sealed class LimitsTests
{
    [Fact]
    public async Task One_local_model_runs_one_job_at_a_time_over_all_users()
    {
        await using var engine = await StartAsync(("local-model", 1));
        var jobs = new List<JobId>();
        for (int i = 0; i < 3; i++)
        {
            jobs.Add(await SubmitAsync(engine, $"u{i}", "local-model"));
        }

        var first = Assert.Single(await engine.ClaimNowAsync(5));
        await engine.CompleteAsync(first);
        var second = Assert.Single(await engine.ClaimNowAsync(5));

        Assert.Equal((jobs[0], jobs[1]), (first.Lease.JobId, second.Lease.JobId));
    }

    [Fact]
    public async Task Resources_are_taken_together_or_not_at_all()
    {
        await using var engine = await StartAsync(("gpu", 1), ("disk", 1));
        await SubmitAsync(engine, "a", "gpu");
        var gpu = await engine.ClaimOneAsync();
        var both = await SubmitAsync(engine, "b", "disk", "gpu");
        var disk = await SubmitAsync(engine, "c", "disk");

        // b waits for the gpu and must not keep the disk (or its user's slot) meanwhile.
        Assert.Equal(disk, (await engine.ClaimOneAsync()).Lease.JobId);
        Assert.Equal(WaitKind.Resource, (await engine.ViewAsync(both)).WaitingFor!.Kind);
        await engine.CompleteAsync(gpu);
        Assert.Empty(await engine.ClaimNowAsync());
        Assert.Equal("disk", (await engine.ViewAsync(both)).WaitingFor!.Name);
    }

    [Fact]
    public async Task A_types_resources_and_a_jobs_own_add_up()
    {
        await using var engine = await TestEngine.StartAsync(options =>
        {
            options.Resources = new Dictionary<string, int> { ["gpu"] = 1, ["licence"] = 1 };
            options.Types = [new JobType { Name = "work", Resources = ["gpu"] }];
        });
        await SubmitAsync(engine, "a", "licence", "gpu", "licence");
        await engine.ClaimOneAsync();
        var wantsGpu = await SubmitAsync(engine, "b");
        var wantsBoth = await SubmitAsync(engine, "c", "licence");

        Assert.Empty(await engine.ClaimNowAsync(5));
        Assert.Equal("gpu", (await engine.ViewAsync(wantsGpu)).WaitingFor!.Name);
        Assert.Equal("gpu", (await engine.ViewAsync(wantsBoth)).WaitingFor!.Name);
    }

    [Fact]
    public async Task An_unknown_resource_is_refused_by_name()
    {
        await using var engine = await StartAsync(("gpu", 1));

        var refused = await engine.Engine.SubmitAsync(
            new JobRequest { Type = "work", UserId = "u", Resources = ["tpu"] });

        Assert.Equal((RefusalReason.Invalid, "Resources"), (refused.Refusal!.Reason, refused.Refusal.Field));
        Assert.Contains("'tpu'", refused.Refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_resource_can_be_widened_and_narrowed_while_jobs_run()
    {
        await using var engine = await StartAsync(("gpu", 1));
        for (int i = 0; i < 6; i++)
        {
            await SubmitAsync(engine, $"u{i}", "gpu");
        }

        var runs = new List<ClaimedRun>(await engine.ClaimNowAsync(9));
        await SetGpusAsync(engine, 3);
        runs.AddRange(await engine.ClaimNowAsync(9));
        Assert.Equal(3, runs.Count);

        // Lowered, it drains: nobody is stopped, nobody starts before there is room.
        await SetGpusAsync(engine, 1);
        await engine.CompleteAsync(runs[0]);
        await engine.CompleteAsync(runs[1]);
        Assert.Empty(await engine.ClaimNowAsync(9));
        await engine.CompleteAsync(runs[2]);
        Assert.Single(await engine.ClaimNowAsync(9));
    }

    [Fact]
    public async Task A_raised_tier_lets_its_users_in_at_once_and_a_lowered_one_drains()
    {
        await using var engine = await TestEngine.StartAsync(SlotTests.NoDailyLimit);
        for (int i = 0; i < 8; i++)
        {
            await engine.SubmitQueuedAsync();
        }

        var runs = new List<ClaimedRun>(await engine.ClaimNowAsync(9));
        await SetSlotsAsync(engine, 4);
        runs.AddRange(await engine.ClaimNowAsync(9));
        Assert.Equal(4, runs.Count);

        await SetSlotsAsync(engine, 1);
        Assert.Equal(4, (await engine.Engine.GetQueueAsync()).Running);
        foreach (var run in runs.Take(3))
        {
            Assert.Equal(LeaseAnswer.Accepted, await engine.CompleteAsync(run));
            Assert.Empty(await engine.ClaimNowAsync(9));
        }

        await engine.CompleteAsync(runs[3]);
        Assert.Single(await engine.ClaimNowAsync(9));
    }

    [Fact]
    public async Task A_tier_that_is_taken_away_leaves_its_jobs_the_fallbacks_limits()
    {
        await using var engine = await TestEngine.StartAsync(SlotTests.NoDailyLimit);
        for (int i = 0; i < 5; i++)
        {
            await engine.SubmitQueuedAsync("u", "cto_scale");
        }

        await engine.Engine.ReconfigureAsync(options => options.Tiers = [options.Tiers[0]]);

        Assert.Equal(2, (await engine.ClaimNowAsync(9)).Count);
        var tiers = (await engine.Engine.GetQueueAsync()).Tiers;
        Assert.Equal([("bootstrapper", 0L), ("cto_scale", 3L)], tiers.Select(tier => (tier.Tier, tier.Queued)));
    }

    [Fact]
    public async Task A_wrong_change_is_refused_whole()
    {
        await using var engine = await TestEngine.StartAsync();

        var refused = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(
            async () => await engine.Engine.ReconfigureAsync(options =>
            {
                options.GlobalCap = 1;
                options.Tiers = [.. options.Tiers.Select(tier => tier with { UserSlots = 0 })];
            }));

        Assert.Contains("Tiers:bootstrapper:UserSlots", refused.Message, StringComparison.Ordinal);
        Assert.Equal(100, (await engine.Engine.GetQueueAsync()).GlobalCap);
    }

    [Fact]
    public async Task Two_changes_at_a_time_both_happen()
    {
        await using var engine = await TestEngine.StartAsync(options => options.Resources["gpu"] = 1);

        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
            await engine.Engine.ReconfigureAsync(options => options.Resources["gpu"]++))));

        Assert.Equal(17, engine.Engine.Options.Resources["gpu"]);
    }

    [Fact]
    public async Task What_a_running_engine_was_made_by_cannot_be_changed()
    {
        // A shorter lease, say, would end before the next heartbeat of the workers there are.
        await using var engine = await TestEngine.StartAsync();

        var refused = await Assert.ThrowsAsync<OptionsValidationException>(
            async () => await engine.Engine.ReconfigureAsync(options =>
            {
                options.GlobalCap = 7;
                options.LeaseDuration = TimeSpan.FromSeconds(5);
                options.MaxConcurrentRuns++;
                options.InboxCapacity++;
                options.SnapshotJournalBytes++;
            }));

        Assert.Equal(
            ["MaxConcurrentRuns", "LeaseDuration", "InboxCapacity", "SnapshotJournalBytes"],
            refused.Failures.Select(failure => failure.Split(' ')[0]));
        Assert.Contains(
            "LeaseDuration is read when the engine starts: it stays 00:01:00 while it runs, and cannot become 00:00:05.",
            refused.Failures);
        Assert.Equal((100, TimeSpan.FromMinutes(1)), (engine.Engine.Options.GlobalCap, engine.Engine.Options.LeaseDuration));
    }

    [Fact]
    public async Task Why_waiting_names_the_worker_the_user_the_project_and_who_frees_it()
    {
        await using var engine = await TestEngine.StartAsync(options => options.SharedProjects = true);
        var queued = await engine.SubmitQueuedAsync("a", project: "p");
        Assert.Equal(new WaitReason(WaitKind.Worker, "work", 0, 4), (await engine.ViewAsync(queued)).WaitingFor);

        await engine.SubmitQueuedAsync("a", project: "p");
        await engine.ClaimNowAsync(2);
        var sameUser = await engine.SubmitQueuedAsync("a");
        var sameProject = await engine.SubmitQueuedAsync("b", project: "p");

        Assert.Null((await engine.ViewAsync(queued)).WaitingFor);
        Assert.Equal(new WaitReason(WaitKind.UserSlots, "a", 2, 2, queued), (await engine.ViewAsync(sameUser)).WaitingFor);
        Assert.Equal(
            new WaitReason(WaitKind.ProjectSlots, "p", 2, 2, queued), (await engine.ViewAsync(sameProject)).WaitingFor);

        // Its owner learns that the project is full, but not by whose job (W6).
        Assert.Equal(
            new WaitReason(WaitKind.ProjectSlots, "p", 2, 2),
            (await engine.Engine.GetAsync(sameProject, "b"))!.WaitingFor);
    }

    [Fact]
    public async Task Why_waiting_names_the_resource_the_day_and_the_retry()
    {
        await using var engine = await TestEngine.StartAsync(options =>
        {
            options.Resources["gpu"] = 1;
            options.ReleaseJitter = TimeSpan.Zero;
            options.Types = [new JobType { Name = "work", MaxRetries = 2 }];
        });
        var holder = await SubmitAsync(engine, "a", "gpu");
        var run = await engine.ClaimOneAsync();
        var waiting = await SubmitAsync(engine, "b", "gpu");
        Assert.Equal(new WaitReason(WaitKind.Resource, "gpu", 1, 1, holder), (await engine.ViewAsync(waiting)).WaitingFor);

        await engine.FailAsync(run);
        var due = engine.Time.GetUtcNow().AddSeconds(10);
        Assert.Equal(
            new WaitReason(WaitKind.RetryDelay, "work", 1, 2, Until: due), (await engine.ViewAsync(holder)).WaitingFor);

        for (int i = 0; i < 5; i++)
        {
            await engine.SubmitQueuedAsync("c");
        }

        var scheduled = await engine.SubmitAsync("c");
        Assert.Equal(
            new WaitReason(WaitKind.DailyAllowance, "c", 5, 5, Until: scheduled.ScheduledFor),
            (await engine.ViewAsync(scheduled.JobId)).WaitingFor);
    }

    private static Task<TestEngine> StartAsync(params (string Name, int Capacity)[] resources) =>
        TestEngine.StartAsync(options =>
            options.Resources = resources.ToDictionary(resource => resource.Name, resource => resource.Capacity));

    private static async Task<JobId> SubmitAsync(TestEngine engine, string user, params string[] resources)
    {
        var result = await engine.Engine.SubmitAsync(
            new JobRequest { Type = "work", UserId = user, Tier = "bootstrapper", Resources = resources });
        Assert.Equal(SubmitOutcome.Queued, result.Outcome);
        return result.JobId;
    }

    private static async Task SetGpusAsync(TestEngine engine, int capacity) =>
        await engine.Engine.ReconfigureAsync(options => options.Resources["gpu"] = capacity);

    private static async Task SetSlotsAsync(TestEngine engine, int slots) =>
        await engine.Engine.ReconfigureAsync(options =>
            options.Tiers = [.. options.Tiers.Select(tier => tier with { UserSlots = slots })]);
}
