using Engine.Storage;

namespace Engine.Tests.Core;

/// <summary>Runs are leased: a dead worker's run ends by itself, a stale one changes nothing (DA-7, DA-13, DA-15, L4, L5).</summary>
public sealed class LeaseTests
{
    [Fact]
    public async Task DA_7_a_claimed_job_whose_worker_dies_is_run_again_at_its_place()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync("a");
        await engine.ClaimOneAsync();
        await engine.SubmitQueuedAsync("b");

        await engine.PassAsync(TimeSpan.FromSeconds(60));

        var view = await engine.ViewAsync(id);
        Assert.Equal((JobState.Queued, 1L, "Worker lost, queued again"), (view.State, view.Position, view.Message));
        var again = await engine.ClaimOneAsync();
        Assert.Equal((id, 2), (again.Lease.JobId, again.Lease.Run));
    }

    [Fact]
    public async Task DA_13_a_lease_ends_after_its_time_and_not_before()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        await engine.ClaimOneAsync();

        await engine.PassAsync(TimeSpan.FromSeconds(60) - TimeSpan.FromMilliseconds(1));
        var before = await engine.ViewAsync(id);
        await engine.PassAsync(TimeSpan.FromMilliseconds(1));

        Assert.Equal((JobState.Running, JobState.Queued), (before.State, (await engine.ViewAsync(id)).State));
    }

    [Fact]
    public async Task A_lease_begins_when_its_worker_hears_of_it_however_long_the_commit_took()
    {
        var journal = new GatedJournal();
        await using var engine = await TestEngine.StartAsync(journal: journal);
        var id = await engine.SubmitQueuedAsync();
        journal.Shut();
        var claim = engine.Engine.TryClaimAsync(new ClaimRequest { Types = ["work"] }).AsTask();
        await journal.WaitForHeldAsync(1);

        engine.Time.Advance(TimeSpan.FromMinutes(10));
        journal.Open();
        var run = Assert.Single(await claim.WaitAsync(TestEngine.Guard));
        await engine.PassAsync(TimeSpan.FromSeconds(59));

        Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.HeartbeatAsync(run.Lease));
        Assert.Equal((JobState.Running, 1), ((await engine.ViewAsync(id)).State, (await engine.ViewAsync(id)).Runs));
    }

    [Fact]
    public async Task DA_15_signs_of_life_keep_a_run_for_as_long_as_it_takes()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();

        for (int i = 0; i < 150; i++)
        {
            await engine.PassAsync(TimeSpan.FromSeconds(59));
            Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.HeartbeatAsync(run.Lease));
        }

        Assert.Equal((JobState.Running, 1), ((await engine.ViewAsync(id)).State, (await engine.ViewAsync(id)).Runs));
        Assert.Equal(LeaseAnswer.Accepted, await engine.CompleteAsync(run));
    }

    [Fact]
    public async Task Leases_are_measured_by_a_clock_that_nobody_sets()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();

        engine.Time.JumpWallClock(TimeSpan.FromDays(3));
        await engine.PassAsync(TimeSpan.FromSeconds(59));
        Assert.Equal(JobState.Running, (await engine.ViewAsync(id)).State);
        Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.HeartbeatAsync(run.Lease));

        engine.Time.JumpWallClock(-TimeSpan.FromDays(6));
        await engine.PassAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(JobState.Queued, (await engine.ViewAsync(id)).State);
    }

    [Fact]
    public async Task A_stale_lease_changes_nothing_whatever_it_says()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync(type: "build");
        var zombie = await engine.ClaimOneAsync();
        await engine.PassAsync(TimeSpan.FromSeconds(60));
        var current = await engine.ClaimOneAsync();
        string before = Describe.Job(await engine.ViewAsync(id));
        RunLease[] stale =
        [
            zombie.Lease,
            current.Lease with { Epoch = current.Lease.Epoch - 1 },
            current.Lease with { Epoch = current.Lease.Epoch + 1 },
            current.Lease with { Run = current.Lease.Run + 1 },
            current.Lease with { Run = 0 },
        ];

        foreach (var lease in stale)
        {
            Assert.Equal(LeaseAnswer.LeaseLost, await engine.Engine.HeartbeatAsync(lease));
            Assert.Equal(LeaseAnswer.LeaseLost, await engine.Engine.MoveToStageAsync(lease, "scaffold"));
            Assert.Equal(LeaseAnswer.LeaseLost, await engine.Engine.ReportProgressAsync(lease, 99, "late"));
            Assert.Equal(IterationAnswer.LeaseLost, await engine.Engine.BeginIterationAsync(lease));
            foreach (RunOutcome outcome in (RunOutcome[])
                [
                    new RunOutcome.Completed("{}"u8.ToArray()), new RunOutcome.Failed("late", "d"),
                    new RunOutcome.Suspended(default), new RunOutcome.Stopped(),
                ])
            {
                Assert.Equal(LeaseAnswer.LeaseLost, await engine.Engine.EndRunAsync(lease, outcome));
            }
        }

        Assert.Equal(before, Describe.Job(await engine.ViewAsync(id)));
        Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.HeartbeatAsync(current.Lease));
    }

    [Fact]
    public async Task A_lease_of_an_engine_that_is_gone_means_nothing_to_the_next_one()
    {
        var journal = new MemoryJournal();
        RunLease old;
        await using (var first = await TestEngine.StartAsync(journal: journal))
        {
            await first.SubmitQueuedAsync();
            old = (await first.ClaimOneAsync()).Lease;
        }

        await using var second = await TestEngine.StartAsync(journal: journal);
        var again = (await second.ClaimOneAsync()).Lease;

        Assert.Equal((old.JobId, 2), (again.JobId, again.Run));
        Assert.Equal(LeaseAnswer.LeaseLost, await second.Engine.HeartbeatAsync(old));
        Assert.Equal(LeaseAnswer.LeaseLost, await second.Engine.EndRunAsync(old, new RunOutcome.Completed()));
        Assert.Equal(LeaseAnswer.Accepted, await second.Engine.EndRunAsync(again, new RunOutcome.Completed()));
    }

    [Fact]
    public async Task A_lease_is_what_it_says_wherever_it_comes_from()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.SubmitQueuedAsync();
        var lease = (await engine.ClaimOneAsync()).Lease;
        var received = new RunLease(lease.JobId, lease.Run, lease.Epoch);

        Assert.Equal((lease, lease.GetHashCode(), lease.ToString()), (received, received.GetHashCode(), received.ToString()));
        Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.HeartbeatAsync(received));
        Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.EndRunAsync(received, new RunOutcome.Completed()));
        Assert.Equal(LeaseAnswer.LeaseLost, await engine.Engine.EndRunAsync(lease, new RunOutcome.Completed()));
    }

    [Fact]
    public async Task A_lease_of_a_forgotten_job_does_not_reach_the_job_that_took_its_memory()
    {
        await using var engine = await TestEngine.StartAsync(options => options.RetentionCount = 0);
        await engine.SubmitQueuedAsync();
        var old = (await engine.ClaimOneAsync()).Lease;
        Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.EndRunAsync(old, new RunOutcome.Completed()));
        var id = await engine.SubmitQueuedAsync();
        await engine.ClaimOneAsync();

        Assert.Equal(LeaseAnswer.LeaseLost, await engine.Engine.EndRunAsync(old, new RunOutcome.Completed()));
        Assert.Equal(JobState.Running, (await engine.ViewAsync(id)).State);
    }

    [Fact]
    public async Task A_job_that_loses_its_worker_too_often_fails()
    {
        await using var engine = await TestEngine.StartAsync(options =>
            options.Types = [new JobType { Name = "work", MaxLostRuns = 2 }]);
        var id = await engine.SubmitQueuedAsync();

        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(id, (await engine.ClaimOneAsync()).Lease.JobId);
            await engine.PassAsync(TimeSpan.FromSeconds(60));
        }

        var view = await engine.ViewAsync(id);
        Assert.Equal((JobState.Failed, "Worker lost too often", 3), (view.State, view.Message, view.Runs));
        Assert.Equal("The job lost its worker too often.", view.Error);
    }

    [Fact]
    public async Task Lost_runs_and_failed_ones_are_counted_apart()
    {
        await using var engine = await TestEngine.StartAsync(options => options.Types =
            [new JobType { Name = "work", MaxLostRuns = 1, MaxRetries = 1, RetryDelay = TimeSpan.Zero }]);
        var id = await engine.SubmitQueuedAsync();
        await engine.ClaimOneAsync();
        await engine.PassAsync(TimeSpan.FromSeconds(60));
        await engine.FailAsync(await engine.ClaimOneAsync());
        Assert.Equal(JobState.Queued, (await engine.ViewAsync(id)).State);

        await engine.FailAsync(await engine.ClaimOneAsync());

        Assert.Equal((JobState.Failed, "It broke."), ((await engine.ViewAsync(id)).State, (await engine.ViewAsync(id)).Error));
    }

    [Fact]
    public async Task A_run_given_back_keeps_its_place_and_costs_no_retry()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync("a");
        await engine.SubmitQueuedAsync("b");

        for (int i = 0; i < 10; i++)
        {
            var run = await engine.ClaimOneAsync();
            Assert.Equal((id, i + 1), (run.Lease.JobId, run.Lease.Run));
            Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Stopped()));
        }

        var view = await engine.ViewAsync(id);
        Assert.Equal((JobState.Queued, 1L, "Interrupted, queued again"), (view.State, view.Position, view.Message));
    }

    [Fact]
    public async Task A_lost_run_waits_for_room_under_the_cap_at_its_place()
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 1);
        var id = await engine.SubmitQueuedAsync("a");
        await engine.ClaimOneAsync();
        var other = await engine.SubmitQueuedAsync("b");

        await engine.PassAsync(TimeSpan.FromSeconds(60));
        var waiting = await engine.ViewAsync(id);
        var next = await engine.ClaimOneAsync();

        Assert.Equal((JobState.Scheduled, WaitKind.GlobalCap), (waiting.State, waiting.WaitingFor!.Kind));
        Assert.Equal(other, next.Lease.JobId);
        Assert.Equal(JobState.Queued, (await engine.ViewAsync(id)).State);
    }

    [Fact]
    public async Task A_claim_that_is_given_up_while_it_waits_takes_no_run()
    {
        await using var engine = await TestEngine.StartAsync();
        using var enough = new CancellationTokenSource();
        var claim = engine.Engine.ClaimAsync(new ClaimRequest { Types = ["work"] }, enough.Token).AsTask();
        await engine.Engine.GetQueueAsync();

        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => claim);
        var id = await engine.SubmitQueuedAsync();

        Assert.Equal((JobState.Queued, 0), StateAndRuns(await engine.ViewAsync(id)));
        Assert.Equal(id, (await engine.ClaimOneAsync()).Lease.JobId);
    }

    [Fact]
    public async Task A_run_that_comes_when_its_claim_was_given_up_goes_back_to_its_place()
    {
        // Otherwise it waits for its lease to end, and a job that this happens to often enough fails.
        var journal = new GatedJournal();
        await using var engine = await TestEngine.StartAsync(journal: journal);
        var id = await engine.SubmitQueuedAsync();
        using var watch = await engine.Engine.WatchAsync(id);
        journal.Shut();
        using var enough = new CancellationTokenSource();
        var claim = engine.Engine.ClaimAsync(new ClaimRequest { Types = ["work"] }, enough.Token).AsTask();
        await journal.WaitForHeldAsync(1);

        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => claim);
        journal.Open();

        var started = await Updates.NextAsync(watch!);
        var givenBack = await Updates.NextAsync(watch!);
        Assert.Equal((JobState.Running, JobState.Queued), (started.State, givenBack.State));
        Assert.Equal((JobState.Queued, 1), StateAndRuns(await engine.ViewAsync(id)));
    }

    [Fact]
    public async Task A_claim_that_names_nothing_or_too_much_is_the_callers_mistake()
    {
        await using var engine = await TestEngine.StartAsync();
        ClaimRequest[] wrong =
        [
            new() { Types = ["work"], MaxRuns = 0 }, new() { Types = ["work"], MaxRuns = 10_001 },
            new() { Types = null! }, new() { Types = ["work", null!] },
        ];

        foreach (var request in wrong)
        {
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await engine.Engine.TryClaimAsync(request));
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await engine.Engine.ClaimAsync(request));
        }

        Assert.Empty(await engine.ClaimNowAsync(1, "unheard-of"));
        await engine.SubmitQueuedAsync();
        Assert.Single(await engine.ClaimNowAsync(1, "work", "work"));
    }

    private static (JobState State, int Runs) StateAndRuns(JobView view) => (view.State, view.Runs);
}
