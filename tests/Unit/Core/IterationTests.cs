using System.Text;

namespace Engine.Tests.Core;

/// <summary>Iterations in batches that the owner confirms (seed-semantics 1.5, cases A-I1 to A-I5; DA-22).</summary>
public sealed class IterationTests
{
    [Fact]
    public async Task A_I1_iterations_count_up()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartAsync(engine);

        var first = await engine.Engine.BeginIterationAsync(run.Lease);
        int afterFirst = (await engine.ViewAsync(id)).Usage.IterationsUsed;
        var second = await engine.Engine.BeginIterationAsync(run.Lease);

        Assert.Equal((IterationAnswer.Granted, 1), (first, afterFirst));
        Assert.Equal((IterationAnswer.Granted, 2), (second, (await engine.ViewAsync(id)).Usage.IterationsUsed));
    }

    [Fact]
    public async Task A_I2_after_a_full_batch_a_confirmation_is_needed_and_not_before()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartAsync(engine);

        await engine.Engine.BeginIterationAsync(run.Lease);
        var early = await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Suspended("x"u8.ToArray()));
        await engine.Engine.BeginIterationAsync(run.Lease);

        Assert.Equal(LeaseAnswer.IllegalMove, early);
        Assert.Equal(IterationAnswer.Suspend, await engine.Engine.BeginIterationAsync(run.Lease));
        Assert.Equal(2, (await engine.ViewAsync(id)).Usage.IterationsUsed);
    }

    [Fact]
    public async Task A_I3_A_I4_five_of_six_leave_one_and_six_of_six_leave_none()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartAsync(engine);
        run = await ConfirmedAsync(engine, run);
        run = await ConfirmedAsync(engine, run);

        await engine.Engine.BeginIterationAsync(run.Lease);
        var five = (await engine.ViewAsync(id)).Usage;
        var sixth = await engine.Engine.BeginIterationAsync(run.Lease);
        var six = (await engine.ViewAsync(id)).Usage;
        var seventh = await engine.Engine.BeginIterationAsync(run.Lease);

        Assert.Equal((5, 1), (five.IterationsUsed, five.IterationsRemaining));
        Assert.Equal((IterationAnswer.Granted, IterationAnswer.CapReached), (sixth, seventh));
        Assert.Equal((6, 0), (six.IterationsUsed, six.IterationsRemaining));
    }

    [Fact]
    public async Task A_I5_after_a_confirmation_at_two_the_third_is_free_and_the_fourth_ends_the_batch()
    {
        await using var engine = await TestEngine.StartAsync();
        var (_, run) = await StartAsync(engine);
        run = await ConfirmedAsync(engine, run);

        var third = await engine.Engine.BeginIterationAsync(run.Lease);
        var early = await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Suspended(default));
        var fourth = await engine.Engine.BeginIterationAsync(run.Lease);

        Assert.Equal((IterationAnswer.Granted, IterationAnswer.Granted), (third, fourth));
        Assert.Equal(LeaseAnswer.IllegalMove, early);
        Assert.Equal(IterationAnswer.Suspend, await engine.Engine.BeginIterationAsync(run.Lease));
    }

    [Fact]
    public async Task DA_22_a_suspended_job_holds_no_slot_shows_why_it_waits_and_resumes_with_its_checkpoint()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartAsync(engine);
        await SuspendAsync(engine, run, "so far");

        var waiting = await engine.ViewAsync(id);
        Assert.Equal(JobState.AwaitingConfirmation, waiting.State);
        Assert.Equal("Awaiting confirmation", waiting.Message);
        Assert.Equal(engine.Time.GetUtcNow().AddHours(24), waiting.ConfirmBefore);
        Assert.Equal(
            new WaitReason(WaitKind.Confirmation, "u", 2, 2, Until: waiting.ConfirmBefore), waiting.WaitingFor);
        Assert.Equal((0, 1), await RunningAndAwaitingAsync(engine));

        var confirmed = await engine.Engine.ConfirmAsync(id, "u");
        Assert.Equal((ConfirmOutcome.Confirmed, 2), (confirmed.Outcome, confirmed.IterationsGranted));
        Assert.Equal((JobState.Queued, 4), (confirmed.Job!.State, confirmed.Job.IterationsGranted));
        var again = await engine.ClaimOneAsync();
        Assert.Equal("so far", Encoding.UTF8.GetString(again.Checkpoint.Span));
        Assert.Equal((2, 2), (again.Lease.Run, again.IterationsUsed));
    }

    [Fact]
    public async Task DA_22_a_confirmed_job_takes_its_original_place()
    {
        await using var engine = await TestEngine.StartAsync(SlotTests.NoDailyLimit);
        var (id, run) = await StartAsync(engine);
        for (int i = 0; i < 3; i++)
        {
            await engine.SubmitQueuedAsync($"later{i}");
        }

        await SuspendAsync(engine, run);
        await engine.Engine.ConfirmAsync(id);

        Assert.Equal(1, (await engine.ViewAsync(id)).Position);
        Assert.Equal(id, (await engine.ClaimOneAsync()).Lease.JobId);
    }

    [Fact]
    public async Task DA_22_confirming_twice_or_at_once_is_one_grant()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartAsync(engine);
        await SuspendAsync(engine, run);

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => Task.Run(async () => await engine.Engine.ConfirmAsync(id))));
        var running = await engine.ClaimOneAsync();
        var late = await engine.Engine.ConfirmAsync(id);
        await engine.Engine.BeginIterationAsync(running.Lease);
        var tooLate = await engine.Engine.ConfirmAsync(id);

        Assert.All(answers, answer => Assert.Equal((ConfirmOutcome.Confirmed, 2), (answer.Outcome, answer.IterationsGranted)));
        Assert.Equal(ConfirmOutcome.Confirmed, late.Outcome);
        Assert.Equal(ConfirmOutcome.NotAwaiting, tooLate.Outcome);
        Assert.Equal(4, tooLate.Job!.IterationsGranted);
    }

    [Fact]
    public async Task DA_22_confirming_a_job_that_does_not_wait_for_it_grants_nothing()
    {
        await using var engine = await TestEngine.StartAsync();
        var queued = await engine.SubmitQueuedAsync();

        var answers = new List<ConfirmOutcome> { (await engine.Engine.ConfirmAsync(queued)).Outcome };
        var run = await engine.ClaimOneAsync();
        answers.Add((await engine.Engine.ConfirmAsync(queued)).Outcome);
        answers.Add((await engine.Engine.ConfirmAsync(queued, "somebody else")).Outcome);
        answers.Add((await engine.Engine.ConfirmAsync(JobId.New(engine.Time))).Outcome);
        await engine.CompleteAsync(run);
        answers.Add((await engine.Engine.ConfirmAsync(queued)).Outcome);

        Assert.Equal(
            [
                ConfirmOutcome.NotAwaiting, ConfirmOutcome.NotAwaiting, ConfirmOutcome.NotFound, ConfirmOutcome.NotFound,
                ConfirmOutcome.NotAwaiting,
            ],
            answers);
        Assert.Equal(2, (await engine.ViewAsync(queued)).IterationsGranted);
    }

    [Theory]
    [InlineData("bootstrapper", 2, 6)]
    [InlineData("partner", 3, 9)]
    [InlineData("cto_scale", 5, 15)]
    public async Task DA_22_the_hard_cap_holds_over_all_confirmations(string tier, int depth, int cap)
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartAsync(engine, tier);
        int granted = 0;
        while (true)
        {
            var answer = await engine.Engine.BeginIterationAsync(run.Lease);
            if (answer == IterationAnswer.CapReached)
            {
                break;
            }

            if (answer == IterationAnswer.Suspend)
            {
                await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Suspended(default));
                Assert.Equal(depth, (await engine.Engine.ConfirmAsync(id)).IterationsGranted);
                run = await engine.ClaimOneAsync();
                continue;
            }

            granted++;
        }

        Assert.Equal(cap, granted);
        Assert.Equal(ConfirmOutcome.CapReached, (await engine.Engine.ConfirmAsync(id)).Outcome);
    }

    [Fact]
    public async Task DA_22_a_cap_that_is_no_multiple_of_the_batch_shortens_the_last_one()
    {
        await using var engine = await TestEngine.StartAsync(options =>
            options.Tiers = [new Tier { Name = "bootstrapper", IterationDepth = 2, IterationCap = 3 }]);
        var (id, run) = await StartAsync(engine);
        await SuspendAsync(engine, run);

        Assert.Equal(1, (await engine.Engine.ConfirmAsync(id)).IterationsGranted);
    }

    [Fact]
    public async Task DA_22_without_a_confirmation_the_job_fails_after_24_hours_and_not_before()
    {
        await using var engine = await TestEngine.StartAsync();
        var (id, run) = await StartAsync(engine);
        await SuspendAsync(engine, run);

        await engine.PassAsync(TimeSpan.FromHours(24) - TimeSpan.FromMilliseconds(1));
        var before = await engine.ViewAsync(id);
        await engine.PassAsync(TimeSpan.FromMilliseconds(1));

        Assert.Equal(JobState.AwaitingConfirmation, before.State);
        var after = await engine.ViewAsync(id);
        Assert.Equal((JobState.Failed, "Confirmation timed out"), (after.State, after.Message));
        Assert.Equal("The next iterations were not confirmed in time.", after.Error);
        Assert.Equal(engine.Time.GetUtcNow(), after.FinishedAt);
    }

    [Fact]
    public async Task DA_22_a_confirmation_in_the_very_moment_of_the_time_out_comes_too_late()
    {
        await using var engine = await TestEngine.StartAsync(options => options.ConfirmationTimeout = TimeSpan.FromHours(1));
        var (id, run) = await StartAsync(engine);
        await SuspendAsync(engine, run);

        engine.Time.Advance(TimeSpan.FromHours(1));
        var confirmed = await engine.Engine.ConfirmAsync(id);

        Assert.Equal((ConfirmOutcome.NotAwaiting, JobState.Failed), (confirmed.Outcome, confirmed.Job!.State));
    }

    [Fact]
    public async Task DA_22_a_confirmed_job_waits_for_room_under_the_cap()
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 1);
        var (id, run) = await StartAsync(engine);
        await SuspendAsync(engine, run);
        await engine.SubmitQueuedAsync("other");

        var confirmed = await engine.Engine.ConfirmAsync(id);
        await engine.ClaimOneAsync();

        Assert.Equal((ConfirmOutcome.Confirmed, JobState.Scheduled), (confirmed.Outcome, confirmed.Job!.State));
        Assert.Equal(new WaitReason(WaitKind.GlobalCap, "queue", 1, 1), confirmed.Job.WaitingFor);
        Assert.Equal(JobState.Queued, (await engine.ViewAsync(id)).State);
    }

    private static async Task<(JobId Id, ClaimedRun Run)> StartAsync(TestEngine engine, string tier = "bootstrapper")
    {
        var id = await engine.SubmitQueuedAsync(tier: tier);
        return (id, await engine.ClaimOneAsync());
    }

    private static async Task SuspendAsync(TestEngine engine, ClaimedRun run, string checkpoint = "")
    {
        while (await engine.Engine.BeginIterationAsync(run.Lease) == IterationAnswer.Granted)
        {
        }

        var suspended = new RunOutcome.Suspended(Encoding.UTF8.GetBytes(checkpoint));
        Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.EndRunAsync(run.Lease, suspended));
    }

    private static async Task<ClaimedRun> ConfirmedAsync(TestEngine engine, ClaimedRun run)
    {
        await SuspendAsync(engine, run);
        Assert.Equal(ConfirmOutcome.Confirmed, (await engine.Engine.ConfirmAsync(run.Lease.JobId)).Outcome);
        return await engine.ClaimOneAsync();
    }

    private static async Task<(long, long)> RunningAndAwaitingAsync(TestEngine engine)
    {
        var queue = await engine.Engine.GetQueueAsync();
        return (queue.Running, queue.AwaitingConfirmation);
    }
}
