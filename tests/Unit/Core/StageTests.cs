namespace Engine.Tests.Core;

/// <summary>The original's state machine, as the pipeline of the type "build" (seed-semantics 1.4, cases A-T1 to A-T16).</summary>
public sealed class StageTests
{
    private static readonly string[] HappyPath = ["scaffold", "code", "deps", "checks"];

    [Fact]
    public async Task A_T1_A_T4_a_queued_build_starts_and_moves_to_scaffold()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync(type: "build");
        string queued = (await engine.ViewAsync(id)).Status;

        var run = await engine.ClaimOneAsync();
        string starting = (await engine.ViewAsync(id)).Status;
        var answer = await engine.Engine.MoveToStageAsync(run.Lease, "scaffold");

        Assert.Equal(LeaseAnswer.Accepted, answer);
        Assert.Equal(("queued", "starting", "scaffold"), (queued, starting, (await engine.ViewAsync(id)).Status));
    }

    [Fact]
    public async Task A_T2_A_T10_a_scheduled_build_is_queued_when_its_day_comes()
    {
        await using var engine = await TestEngine.StartAsync(NoJitter);
        for (int i = 0; i < 5; i++)
        {
            await engine.SubmitQueuedAsync(type: "build");
        }

        var scheduled = await engine.SubmitAsync(type: "build");
        string before = (await engine.ViewAsync(scheduled.JobId)).Status;
        await engine.PassAsync(TimeSpan.FromHours(14));

        Assert.Equal(SubmitOutcome.Scheduled, scheduled.Outcome);
        Assert.Equal(("scheduled", "queued"), (before, (await engine.ViewAsync(scheduled.JobId)).Status));
    }

    [Fact]
    public async Task A_T3_a_queued_build_that_is_cancelled_is_shown_as_failed()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync(type: "build");

        await engine.Engine.CancelAsync(id);

        var view = await engine.ViewAsync(id);
        Assert.Equal(("failed", "Build failed", JobState.Cancelled), (view.Status, view.StatusLabel, view.State));
        Assert.Equal("Cancelled by user", view.Message);
    }

    [Fact]
    public async Task A_T5_a_build_walks_all_stages_to_ready()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartBuildAsync(engine);

        foreach (string stage in HappyPath)
        {
            Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.MoveToStageAsync(run.Lease, stage, $"In {stage}"));
            var view = await engine.ViewAsync(id);
            Assert.Equal((stage, $"In {stage}"), (view.Status, view.Message));
        }

        Assert.Equal(LeaseAnswer.Accepted, await engine.CompleteAsync(run));
        Assert.Equal(("ready", JobState.Completed), await StatusAsync(engine, id));
    }

    [Fact]
    public async Task A_T6_checks_may_go_back_to_scaffold()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartBuildAsync(engine);
        await MoveAsync(engine, run, HappyPath);

        Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.MoveToStageAsync(run.Lease, "scaffold"));

        Assert.Equal(("scaffold", JobState.Running), await StatusAsync(engine, id));
    }

    [Fact]
    public async Task A_T7_a_build_cannot_complete_before_its_last_stage_and_stays_as_it_is()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartBuildAsync(engine);
        var before = await engine.ViewAsync(id);

        Assert.Equal(LeaseAnswer.IllegalMove, await engine.CompleteAsync(run));

        var after = await engine.ViewAsync(id);
        Assert.Equal((before.State, before.Status, before.LastEventId), (after.State, after.Status, after.LastEventId));
    }

    [Fact]
    public async Task A_T7_only_the_listed_moves_between_stages_are_allowed()
    {
        string[] stages = [.. Pipeline.Build.Stages.Select(stage => stage.Name)];
        var allowed = new List<string>();
        for (int from = 0; from < stages.Length; from++)
        {
            foreach (string to in stages)
            {
                await using var engine = await TestEngine.StartAsync();
                var (id, run) = await StartBuildAsync(engine);
                await MoveAsync(engine, run, HappyPath[..from]);
                var answer = await engine.Engine.MoveToStageAsync(run.Lease, to);
                Assert.Equal(answer == LeaseAnswer.Accepted ? to : stages[from], (await engine.ViewAsync(id)).Status);
                if (answer == LeaseAnswer.Accepted)
                {
                    allowed.Add($"{stages[from]}>{to}");
                }
            }
        }

        Assert.Equal(["starting>scaffold", "scaffold>code", "code>deps", "deps>checks", "checks>scaffold"], allowed);
    }

    [Fact]
    public async Task A_T7_a_stage_nobody_defined_or_a_type_without_stages_has_no_moves()
    {
        await using var engine = await TestEngine.StartAsync();
        var (_, build) = await StartBuildAsync(engine);
        await engine.SubmitQueuedAsync("w", type: "work");
        var plain = await engine.ClaimOneAsync("work");

        Assert.Equal(LeaseAnswer.IllegalMove, await engine.Engine.MoveToStageAsync(build.Lease, "polishing"));
        Assert.Equal(LeaseAnswer.IllegalMove, await engine.Engine.MoveToStageAsync(build.Lease, null!));
        Assert.Equal(LeaseAnswer.IllegalMove, await engine.Engine.MoveToStageAsync(plain.Lease, "scaffold"));
    }

    [Theory]
    [InlineData(true, "ready")] // A-T8
    [InlineData(false, "failed")] // A-T9
    public async Task A_T8_A_T9_a_build_that_has_ended_moves_nowhere(bool completes, string status)
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartBuildAsync(engine);
        await MoveAsync(engine, run, HappyPath);
        await (completes ? engine.CompleteAsync(run) : engine.FailAsync(run));
        var before = await engine.ViewAsync(id);

        foreach (var stage in Pipeline.Build.Stages)
        {
            Assert.Equal(LeaseAnswer.LeaseLost, await engine.Engine.MoveToStageAsync(run.Lease, stage.Name));
        }

        Assert.Equal(LeaseAnswer.LeaseLost, await engine.CompleteAsync(run));
        Assert.Equal(LeaseAnswer.LeaseLost, await engine.FailAsync(run));
        Assert.Equal(CancelOutcome.AlreadyFinal, (await engine.Engine.CancelAsync(id)).Outcome);
        Assert.Equal(ConfirmOutcome.NotAwaiting, (await engine.Engine.ConfirmAsync(id)).Outcome);
        Assert.Empty(await engine.ClaimNowAsync());

        var after = await engine.ViewAsync(id);
        Assert.Equal(status, after.Status);
        Assert.Equal(before.LastEventId, after.LastEventId);
    }

    [Fact]
    public async Task A_T11_an_unknown_job_moves_nowhere()
    {
        await using var engine = await TestEngine.StartAsync();
        var unknown = new RunLease(JobId.New(engine.Time), 1, 1);

        Assert.Equal(LeaseAnswer.LeaseLost, await engine.Engine.MoveToStageAsync(unknown, "scaffold"));
        Assert.Equal(CancelOutcome.NotFound, (await engine.Engine.CancelAsync(unknown.JobId)).Outcome);
    }

    [Fact]
    public async Task A_T12_A_T13_A_T14_a_move_is_told_with_id_status_label_message_and_time()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartBuildAsync(engine);
        using var watch = await engine.Engine.WatchAsync(id);

        engine.Time.Advance(TimeSpan.FromSeconds(1));
        await engine.Engine.MoveToStageAsync(run.Lease, "scaffold", "Making room");

        var update = await Updates.NextAsync(watch!);
        Assert.Equal((id, JobUpdateKind.Status, JobState.Running), (update.JobId, update.Kind, update.State));
        Assert.Equal(
            ("scaffold", "Scaffolding workspace...", "Making room"), (update.Status, update.StatusLabel, update.Message));
        Assert.Equal(engine.Time.GetUtcNow(), update.At);
        Assert.Equal((await engine.ViewAsync(id)).LastEventId, update.EventId);
    }

    [Fact]
    public async Task A_T15_progress_is_told_with_id_and_time_too()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartBuildAsync(engine);
        using var watch = await engine.Engine.WatchAsync(id);

        await engine.Engine.ReportProgressAsync(run.Lease, 40, "Almost");

        var update = await Updates.NextAsync(watch!);
        Assert.Equal((id, JobUpdateKind.Progress, 40, "Almost"), (update.JobId, update.Kind, update.Value, update.Message));
        Assert.Equal(engine.Time.GetUtcNow(), update.At);
        Assert.Equal(40, (await engine.ViewAsync(id)).ProgressPercent);
    }

    [Fact]
    public async Task A_T16_every_status_has_its_label()
    {
        await using var engine = await TestEngine.StartAsync(NoJitter);
        var labels = new List<string>();
        var (id, run) = (await engine.SubmitQueuedAsync(type: "build"), default(ClaimedRun));
        labels.Add((await engine.ViewAsync(id)).StatusLabel);
        run = await engine.ClaimOneAsync();
        labels.Add((await engine.ViewAsync(id)).StatusLabel);
        foreach (string stage in HappyPath)
        {
            await engine.Engine.MoveToStageAsync(run.Lease, stage);
            labels.Add((await engine.ViewAsync(id)).StatusLabel);
        }

        await engine.CompleteAsync(run);
        labels.Add((await engine.ViewAsync(id)).StatusLabel);
        var (failed, second) = await StartBuildAsync(engine);
        await engine.FailAsync(second);
        labels.Add((await engine.ViewAsync(failed)).StatusLabel);
        for (int i = 0; i < 3; i++)
        {
            await engine.SubmitQueuedAsync(type: "build");
        }

        labels.Add((await engine.ViewAsync((await engine.SubmitAsync(type: "build")).JobId)).StatusLabel);

        Assert.Equal(
            [
                "Queued...", "Starting...", "Scaffolding workspace...", "Writing code...", "Installing dependencies...",
                "Running checks...", "Build complete!", "Build failed", "Scheduled",
            ],
            labels);
    }

    [Fact]
    public async Task DA_18_of_many_writers_at_once_exactly_one_wins()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartBuildAsync(engine);
        await MoveAsync(engine, run, HappyPath);

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 16).Select(i => Task.Run(async () =>
                await (i % 2 == 0 ? engine.CompleteAsync(run) : engine.FailAsync(run)))));

        Assert.Single(answers, LeaseAnswer.Accepted);
        Assert.Equal(15, answers.Count(answer => answer == LeaseAnswer.LeaseLost));
        Assert.True((await engine.ViewAsync(id)).State.IsFinal);
    }

    private static void NoJitter(JobEngineOptions options) => options.ReleaseJitter = TimeSpan.Zero;

    private static async Task<(JobId Id, ClaimedRun Run)> StartBuildAsync(TestEngine engine)
    {
        var id = await engine.SubmitQueuedAsync(type: "build");
        return (id, await engine.ClaimOneAsync("build"));
    }

    private static async Task MoveAsync(TestEngine engine, ClaimedRun run, IEnumerable<string> stages)
    {
        foreach (string stage in stages)
        {
            Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.MoveToStageAsync(run.Lease, stage));
        }
    }

    private static async Task<(string Status, JobState State)> StatusAsync(TestEngine engine, JobId id)
    {
        var view = await engine.ViewAsync(id);
        return (view.Status, view.State);
    }
}
