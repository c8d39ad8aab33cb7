namespace Engine.Tests.Core;

/// <summary>The original's semaphore, as slots of users and projects (seed-semantics 1.8, cases A-M1 to A-M14).</summary>
public sealed class SlotTests
{
    [Fact]
    public async Task A_M1_A_M2_A_M3_two_runs_of_a_user_start_and_a_third_waits()
    {
        await using var engine = await TestEngine.StartAsync();
        await SubmitAsync(engine, 3);

        var first = await engine.ClaimNowAsync();
        var second = await engine.ClaimNowAsync();
        var third = await engine.ClaimNowAsync();

        Assert.Equal((1, 1, 0), (first.Count, second.Count, third.Count));
    }

    [Fact]
    public async Task A_M4_a_freed_slot_goes_to_the_job_that_waited()
    {
        await using var engine = await TestEngine.StartAsync();
        var jobs = await SubmitAsync(engine, 3);
        var runs = await engine.ClaimNowAsync(3);

        await engine.CompleteAsync(runs[0]);

        Assert.Equal(jobs[2], (await engine.ClaimOneAsync()).Lease.JobId);
    }

    [Fact]
    public async Task A_M5_the_count_follows_what_is_taken_and_given_back()
    {
        await using var engine = await TestEngine.StartAsync();
        await SubmitAsync(engine, 3);
        var running = new List<long> { await RunningAsync(engine) };

        var first = await engine.ClaimOneAsync();
        running.Add(await RunningAsync(engine));
        await engine.ClaimOneAsync();
        running.Add(await RunningAsync(engine));
        await engine.CompleteAsync(first);
        running.Add(await RunningAsync(engine));

        Assert.Equal([0, 1, 2, 1], running);
    }

    [Fact]
    public async Task A_M6_DA_13_an_expired_lease_gives_its_slot_back_by_itself()
    {
        await using var engine = await TestEngine.StartAsync(options => options.LeaseDuration = TimeSpan.FromSeconds(1));
        await SubmitAsync(engine, 1);
        await engine.ClaimOneAsync();

        await engine.PassAsync(TimeSpan.FromSeconds(1));

        Assert.Equal(0, await RunningAsync(engine));
        Assert.Single(await engine.ClaimNowAsync());
    }

    [Fact]
    public async Task A_M7_ending_a_run_nobody_holds_frees_nothing()
    {
        await using var engine = await TestEngine.StartAsync();
        await SubmitAsync(engine, 3);
        await engine.ClaimNowAsync(2);
        var unknown = new RunLease(JobId.New(engine.Time), 1, 1);

        Assert.Equal(LeaseAnswer.LeaseLost, await engine.Engine.EndRunAsync(unknown, new RunOutcome.Completed()));

        Assert.Equal(2, await RunningAsync(engine));
        Assert.Empty(await engine.ClaimNowAsync());
    }

    [Fact]
    public async Task A_M8_the_slots_of_users_and_projects_do_not_interfere()
    {
        // u1 has both slots of its own in use, p2 both of its own by another user: neither blocks a third party.
        await using var engine = await TestEngine.StartAsync(options => options.SharedProjects = true);
        await SubmitAsync(engine, 3, "u1", "p1");
        await SubmitAsync(engine, 1, "u2", "p2");
        await SubmitAsync(engine, 1, "u3", "p2");
        await SubmitAsync(engine, 1, "u4", "p2");
        var free = await SubmitAsync(engine, 1, "u5", "p3");

        var runs = await engine.ClaimNowAsync(10);

        Assert.Equal(5, runs.Count);
        Assert.Equal(2, runs.Count(run => run.UserId == "u1"));
        Assert.Equal(2, runs.Count(run => run.ProjectId == "p2"));
        Assert.Contains(runs, run => run.Lease.JobId == free[0]);
    }

    [Theory]
    [InlineData("bootstrapper", 2)] // A-M9
    [InlineData("partner", 3)] // A-M10
    [InlineData("cto_scale", 10)] // A-M11
    public async Task A_M9_A_M10_A_M11_runs_at_a_time_per_user(string tier, int slots)
    {
        await using var engine = await TestEngine.StartAsync(NoDailyLimit);
        for (int i = 0; i < slots + 2; i++)
        {
            await engine.SubmitQueuedAsync("u", tier);
        }

        Assert.Equal(slots, (await engine.ClaimNowAsync(100)).Count);
    }

    [Theory]
    [InlineData("bootstrapper", 2)] // A-M12
    [InlineData("partner", 3)] // A-M13
    [InlineData("cto_scale", 5)] // A-M14
    public async Task A_M12_A_M13_A_M14_runs_at_a_time_per_project(string tier, int slots)
    {
        await using var engine = await TestEngine.StartAsync(options => options.SharedProjects = true);
        for (int i = 0; i < slots + 2; i++)
        {
            await engine.SubmitQueuedAsync($"u{i}", tier, "shared");
        }

        Assert.Equal(slots, (await engine.ClaimNowAsync(100)).Count);
    }

    [Fact]
    public async Task DA_14_ending_twice_or_hearing_twice_takes_and_gives_one_slot()
    {
        await using var engine = await TestEngine.StartAsync();
        await SubmitAsync(engine, 5);
        var runs = await engine.ClaimNowAsync(2);
        await engine.Engine.HeartbeatAsync(runs[0].Lease);
        await engine.Engine.HeartbeatAsync(runs[0].Lease);

        Assert.Equal(LeaseAnswer.Accepted, await engine.CompleteAsync(runs[0]));
        Assert.Equal(LeaseAnswer.LeaseLost, await engine.CompleteAsync(runs[0]));

        // A second slot given back by mistake would let two start.
        Assert.Single(await engine.ClaimNowAsync(5));
    }

    [Fact]
    public async Task DA_12_user_and_project_slots_are_taken_together_or_not_at_all()
    {
        // Full project, free user: were the user's slot taken first and kept, u could not start elsewhere.
        await using var engine = await TestEngine.StartAsync(options => options.SharedProjects = true);
        await SubmitAsync(engine, 2, "other", "busy");
        await engine.ClaimNowAsync(2);
        await SubmitAsync(engine, 2, "u", "busy");
        var elsewhere = await SubmitAsync(engine, 2, "u", "free");

        var runs = await engine.ClaimNowAsync(10);

        Assert.Equal(elsewhere, runs.Select(run => run.Lease.JobId));
    }

    [Fact]
    public async Task DA_12_parallel_workers_never_exceed_a_limit()
    {
        await using var engine = await TestEngine.StartAsync();
        for (int i = 0; i < 20; i++)
        {
            await SubmitAsync(engine, 4, $"u{i}", $"p{i}");
        }

        var claims = Enumerable.Range(0, 40).Select(_ => Task.Run(() => engine.ClaimNowAsync(3)));
        var runs = (await Task.WhenAll(claims)).SelectMany(claimed => claimed).ToList();

        Assert.Equal(40, runs.Count);
        Assert.All(runs.GroupBy(run => run.UserId), group => Assert.Equal(2, group.Count()));
        Assert.Equal(40, runs.Select(run => run.Lease.JobId).Distinct().Count());
    }

    internal static void NoDailyLimit(JobEngineOptions options) =>
        options.Tiers = [.. options.Tiers.Select(tier => tier with { DailyLimit = 1_000_000 })];

    private static async Task<List<JobId>> SubmitAsync(
        TestEngine engine, int count, string user = "u", string? project = null)
    {
        var jobs = new List<JobId>();
        for (int i = 0; i < count; i++)
        {
            jobs.Add(await engine.SubmitQueuedAsync(user, project: project));
        }

        return jobs;
    }

    private static async Task<long> RunningAsync(TestEngine engine) => (await engine.Engine.GetQueueAsync()).Running;
}
