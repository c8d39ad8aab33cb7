namespace Engine.Tests.Core;

/// <summary>Admission as one decision (DA-1, DA-2, DA-20, DA-21, DA-25) and the retry minutes of 1.7.</summary>
public sealed class AdmissionTests
{
    [Fact]
    public async Task DA_1_parallel_submissions_never_exceed_the_cap()
    {
        await using var engine = await TestEngine.StartAsync();

        var results = await Task.WhenAll(
            Enumerable.Range(0, 300).Select(i => Task.Run(async () => await engine.SubmitAsync($"u{i}"))));

        Assert.Equal(100, results.Count(result => result.Outcome == SubmitOutcome.Queued));
        Assert.Equal(
            200, results.Count(result => result.Refusal is { Reason: RefusalReason.GlobalCapReached, Limit: 100 }));
        Assert.Equal(Enumerable.Range(1, 100).Select(i => (long)i), results.Select(r => r.Position).Where(p => p > 0).Order());
        Assert.Equal(100, (await engine.Engine.GetQueueAsync()).Queued);
    }

    [Fact]
    public async Task DA_2_a_refused_submission_leaves_nothing()
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 1);
        var kept = await engine.SubmitAsync("a");
        var id = JobId.New(engine.Time);
        var request = new JobRequest { Type = "work", UserId = "b", ProjectId = "p", IdempotencyKey = "k", Id = id };

        Assert.Equal(SubmitOutcome.Refused, (await engine.Engine.SubmitAsync(request)).Outcome);

        Assert.Null(await engine.Engine.GetAsync(id));
        Assert.Equal(0, (await engine.Engine.GetUsageAsync("b", null)).JobsUsed);
        await engine.Engine.CancelAsync(kept.JobId);

        // Nobody owns the project, the key stands for nothing, and no place in the queue was used up.
        var other = await engine.SubmitAsync("c", project: "p");
        Assert.Equal((SubmitOutcome.Queued, 1L), (other.Outcome, other.Position));
        await engine.Engine.CancelAsync(other.JobId);
        var again = await engine.Engine.SubmitAsync(request with { ProjectId = null });
        Assert.Equal((SubmitOutcome.Queued, false), (again.Outcome, again.Repeated));
    }

    [Fact]
    public async Task DA_2_every_accepted_job_has_a_place_or_an_instant()
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 20);
        var results = await Task.WhenAll(
            Enumerable.Range(0, 100).Select(i => Task.Run(async () => await engine.SubmitAsync($"u{i % 7}"))));

        foreach (var result in results.Where(result => result.Outcome != SubmitOutcome.Refused))
        {
            var view = await engine.ViewAsync(result.JobId);
            Assert.True(view.Position > 0 != view.ScheduledFor is not null, $"{view.State}");
        }

        Assert.All(results.Where(result => result.Outcome == SubmitOutcome.Refused), result => Assert.Equal(default, result.JobId));
    }

    [Fact]
    public async Task DA_20_whatever_the_type_or_tier_a_submission_goes_through_the_same_admission()
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 6);
        for (int i = 0; i < 5; i++)
        {
            await engine.SubmitQueuedAsync(type: i % 2 == 0 ? "work" : "build");
        }

        // The day is charged over all types, and the tier is the submission's, not a default.
        Assert.Equal(SubmitOutcome.Scheduled, (await engine.SubmitAsync(type: "build")).Outcome);
        var paid = await engine.SubmitAsync("v", "cto_scale", type: "build");
        Assert.Equal((SubmitOutcome.Queued, 1L, 199), (paid.Outcome, paid.Position, paid.Usage.JobsRemaining));
        var refused = await engine.SubmitAsync("w", type: "build");
        Assert.Equal((SubmitOutcome.Refused, 0, 5), (refused.Outcome, refused.Usage.JobsUsed, refused.Usage.JobsRemaining));
    }

    [Fact]
    public async Task DA_21_a_project_belongs_to_whoever_used_it_first()
    {
        await using var engine = await TestEngine.StartAsync();
        var first = await engine.SubmitQueuedAsync("owner", project: "p");

        var stranger = await engine.SubmitAsync("stranger", project: "p");

        Assert.Equal(RefusalReason.ProjectNotOwned, stranger.Refusal!.Reason);
        Assert.Equal(("Project not found.", nameof(JobRequest.ProjectId)), (stranger.Refusal.Message, stranger.Refusal.Field));
        Assert.Null(stranger.Refusal.RetryAfter);
        Assert.Equal(SubmitOutcome.Queued, (await engine.SubmitAsync("owner", project: "p")).Outcome);
        Assert.Null(await engine.Engine.GetAsync(first, "stranger"));
    }

    [Fact]
    public async Task DA_21_a_project_is_free_again_when_its_last_job_is_forgotten_and_not_before()
    {
        await using var engine = await TestEngine.StartAsync(options => options.RetentionTime = TimeSpan.FromHours(1));
        var first = await engine.SubmitQueuedAsync("owner", project: "p");
        await engine.Engine.CancelAsync(first);
        await engine.PassAsync(TimeSpan.FromMinutes(59));
        var early = await engine.SubmitAsync("stranger", project: "p");

        await engine.PassAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(SubmitOutcome.Refused, early.Outcome);
        Assert.Equal(SubmitOutcome.Queued, (await engine.SubmitAsync("stranger", project: "p")).Outcome);
    }

    [Fact]
    public async Task DA_21_shared_projects_are_a_setting()
    {
        await using var engine = await TestEngine.StartAsync(options => options.SharedProjects = true);
        await engine.SubmitQueuedAsync("a", project: "p");

        Assert.Equal(SubmitOutcome.Queued, (await engine.SubmitAsync("b", project: "p")).Outcome);
    }

    [Theory]
    [InlineData(100, 8, 10, 15)]
    [InlineData(101, 16, 20, 30)]
    [InlineData(105, 48, 60, 90)]
    [InlineData(120, 168, 210, 315)]
    public async Task DA_25_one_formula_gives_text_and_retry_after(int length, int bootstrapper, int partner, int cto)
    {
        // More are queued than the cap allows only when it was lowered at run time.
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = length);
        for (int i = 0; i < length; i++)
        {
            await engine.SubmitQueuedAsync($"u{i}");
        }

        await engine.Engine.ReconfigureAsync(options => options.GlobalCap = 100);

        foreach (var (tier, minutes) in new[] { ("bootstrapper", bootstrapper), ("partner", partner), ("cto_scale", cto) })
        {
            var refused = await engine.SubmitAsync("late", tier);
            Assert.Equal(
                (RefusalReason.GlobalCapReached, $"System busy. Try again in {minutes} minutes.", 100L),
                (refused.Refusal!.Reason, refused.Refusal.Message, refused.Refusal.Limit!.Value));
            Assert.Equal(TimeSpan.FromMinutes(minutes), refused.Refusal.RetryAfter);
        }
    }

    [Fact]
    public async Task DA_25_the_wait_is_at_least_a_minute()
    {
        await using var engine = await TestEngine.StartAsync(options =>
        {
            options.GlobalCap = 1;
            options.Tiers = [new Tier { Name = "bootstrapper", InitialDuration = TimeSpan.FromSeconds(5) }];
        });
        await engine.SubmitQueuedAsync("a");

        Assert.Equal("System busy. Try again in 1 minutes.", (await engine.SubmitAsync("b")).Refusal!.Message);
    }

    [Fact]
    public async Task The_daily_limit_comes_before_the_cap_as_in_the_original()
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 5);
        for (int i = 0; i < 5; i++)
        {
            await engine.SubmitQueuedAsync();
        }

        // Queue and day are both full: the user is delayed, not refused.
        Assert.Equal(SubmitOutcome.Scheduled, (await engine.SubmitAsync()).Outcome);
        Assert.Equal(SubmitOutcome.Refused, (await engine.SubmitAsync("other")).Outcome);
    }

    [Fact]
    public async Task A_lowered_cap_keeps_what_is_queued_and_a_raised_one_takes_effect_at_once()
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 3);
        for (int i = 0; i < 3; i++)
        {
            await engine.SubmitQueuedAsync($"u{i}");
        }

        await engine.Engine.ReconfigureAsync(options => options.GlobalCap = 1);
        var lowered = await engine.Engine.GetQueueAsync();
        var refused = await engine.SubmitAsync("x");
        await engine.Engine.ReconfigureAsync(options => options.GlobalCap = 4);

        Assert.Equal((3L, 1L), (lowered.Queued, lowered.GlobalCap));
        Assert.Equal(SubmitOutcome.Refused, refused.Outcome);
        Assert.Equal(SubmitOutcome.Queued, (await engine.SubmitAsync("x")).Outcome);
    }
}
