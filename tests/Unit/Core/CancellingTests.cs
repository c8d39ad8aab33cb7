namespace Engine.Tests.Core;

/// <summary>Cancelling in every state (DA-16, DA-17, L6, L7).</summary>
public sealed class CancellingTests
{
    [Fact]
    public async Task DA_17_a_queued_job_is_cancelled_at_once_and_leaves_the_queue()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();

        var result = await engine.Engine.CancelAsync(id, "u");

        Assert.Equal((CancelOutcome.Cancelled, JobState.Cancelled), (result.Outcome, result.Job!.State));
        Assert.Equal(("Cancelled by user", 0L), (result.Job.Message, result.Job.Position));
        Assert.Equal(engine.Time.GetUtcNow(), result.Job.FinishedAt);
        Assert.Empty(await engine.ClaimNowAsync());
        Assert.Equal(CancelOutcome.AlreadyFinal, (await engine.Engine.CancelAsync(id, "u")).Outcome);
    }

    [Fact]
    public async Task DA_17_a_scheduled_job_is_cancelled_and_never_released()
    {
        await using var engine = await TestEngine.StartAsync();
        for (int i = 0; i < 5; i++)
        {
            await engine.SubmitQueuedAsync();
        }

        var scheduled = await engine.SubmitAsync();
        var result = await engine.Engine.CancelAsync(scheduled.JobId);
        await engine.PassAsync(TimeSpan.FromDays(2));

        Assert.Equal(CancelOutcome.Cancelled, result.Outcome);
        Assert.Equal(JobState.Cancelled, (await engine.ViewAsync(scheduled.JobId)).State);
        Assert.Equal(5, (await engine.Engine.GetQueueAsync()).Queued);
    }

    [Fact]
    public async Task DA_17_a_running_job_is_asked_to_stop_and_is_cancelled_when_it_has()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();

        var first = await engine.Engine.CancelAsync(id);
        var second = await engine.Engine.CancelAsync(id);

        Assert.Equal((CancelOutcome.Requested, true), (first.Outcome, first.Job!.CancelRequested));
        Assert.Equal(CancelOutcome.Requested, second.Outcome);
        Assert.Equal(first.Job.LastEventId, second.Job!.LastEventId);
        Assert.Equal(LeaseAnswer.CancelRequested, await engine.Engine.HeartbeatAsync(run.Lease));
        Assert.Equal(LeaseAnswer.CancelRequested, await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Stopped()));
        var view = await engine.ViewAsync(id);
        Assert.Equal((JobState.Cancelled, false), (view.State, view.CancelRequested));
    }

    [Fact]
    public async Task DA_17_a_job_that_awaits_confirmation_is_cancelled()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();
        await engine.Engine.BeginIterationAsync(run.Lease);
        await engine.Engine.BeginIterationAsync(run.Lease);
        await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Suspended(default));

        Assert.Equal(CancelOutcome.Cancelled, (await engine.Engine.CancelAsync(id)).Outcome);

        await engine.PassAsync(TimeSpan.FromDays(2));
        Assert.Equal(JobState.Cancelled, (await engine.ViewAsync(id)).State);
        Assert.Equal(ConfirmOutcome.NotAwaiting, (await engine.Engine.ConfirmAsync(id)).Outcome);
    }

    [Fact]
    public async Task DA_17_a_job_that_waits_for_its_retry_is_cancelled()
    {
        await using var engine = await TestEngine.StartAsync(options =>
            options.Types = [new JobType { Name = "work", MaxRetries = 3 }]);
        var id = await engine.SubmitQueuedAsync();
        await engine.FailAsync(await engine.ClaimOneAsync());

        Assert.Equal(CancelOutcome.Cancelled, (await engine.Engine.CancelAsync(id)).Outcome);

        await engine.PassAsync(TimeSpan.FromHours(1));
        Assert.Empty(await engine.ClaimNowAsync());
        Assert.Equal(1, (await engine.Engine.GetUsageAsync("u", "bootstrapper")).JobsUsed);
    }

    [Fact]
    public async Task DA_16_whatever_a_run_says_after_the_cancellation_its_job_does_not_complete()
    {
        RunOutcome[] outcomes =
        [
            new RunOutcome.Completed("{}"u8.ToArray()), new RunOutcome.Failed("x", "d"),
            new RunOutcome.Suspended(default), new RunOutcome.Stopped(),
        ];
        foreach (var outcome in outcomes)
        {
            await using var engine = await TestEngine.StartAsync();
            var id = await engine.SubmitQueuedAsync();
            var run = await engine.ClaimOneAsync();
            await engine.Engine.CancelAsync(id);

            Assert.Equal(LeaseAnswer.CancelRequested, await engine.Engine.ReportProgressAsync(run.Lease, 50));
            Assert.Equal(LeaseAnswer.CancelRequested, await engine.Engine.MoveToStageAsync(run.Lease, "any"));
            Assert.Equal(IterationAnswer.CancelRequested, await engine.Engine.BeginIterationAsync(run.Lease));
            Assert.Equal(LeaseAnswer.CancelRequested, await engine.Engine.EndRunAsync(run.Lease, outcome));

            var view = await engine.ViewAsync(id);
            Assert.Equal(JobState.Cancelled, view.State);
            Assert.True(view.Result.IsEmpty);
            Assert.Null(view.ProgressPercent);
        }
    }

    [Fact]
    public async Task DA_16_a_run_that_is_cancelled_and_lost_is_not_tried_again()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();
        await engine.Engine.CancelAsync(id);

        // A run that was told to stop gets no more time by giving signs of life.
        for (int i = 0; i < 3; i++)
        {
            await engine.PassAsync(TimeSpan.FromSeconds(20));
            await engine.Engine.HeartbeatAsync(run.Lease);
        }

        Assert.Equal(JobState.Cancelled, (await engine.ViewAsync(id)).State);
        Assert.Empty(await engine.ClaimNowAsync());
    }

    [Fact]
    public async Task DA_18_cancel_and_completion_at_once_have_one_winner_and_the_loser_learns_it()
    {
        for (int round = 0; round < 50; round++)
        {
            await using var engine = await TestEngine.StartAsync();
            var id = await engine.SubmitQueuedAsync();
            var run = await engine.ClaimOneAsync();

            var cancel = Task.Run(async () => await engine.Engine.CancelAsync(id));
            var complete = Task.Run(async () => await engine.CompleteAsync(run));
            var (cancelled, completed) = (await cancel, await complete);

            var state = (await engine.ViewAsync(id)).State;
            Assert.Equal(
                completed == LeaseAnswer.Accepted
                    ? (CancelOutcome.AlreadyFinal, JobState.Completed)
                    : (CancelOutcome.Requested, JobState.Cancelled),
                (cancelled.Outcome, state));
        }
    }

    [Fact]
    public async Task Another_users_job_and_an_unknown_one_look_the_same()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync("owner");

        Assert.Equal(new CancelResult(CancelOutcome.NotFound, null), await engine.Engine.CancelAsync(id, "stranger"));
        Assert.Equal(
            new CancelResult(CancelOutcome.NotFound, null), await engine.Engine.CancelAsync(JobId.New(engine.Time), "owner"));
        Assert.Null(await engine.Engine.GetAsync(id, "stranger"));
        Assert.Null(await engine.Engine.WatchAsync(id, "stranger"));
        Assert.Equal(JobState.Queued, (await engine.ViewAsync(id)).State);
    }
}
