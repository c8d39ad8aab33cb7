using Microsoft.Extensions.Logging;

namespace Engine.Tests.Runtime;

/// <summary>The thread that takes snapshots of a living engine.</summary>
public sealed class SnapshotThreadTests
{
    private const int Taken = 1009;
    private const int Failed = 1010;

    [Fact]
    public async Task A_living_engine_takes_snapshots_when_its_journal_has_grown_enough()
    {
        var logger = new LogList<JobEngine>();
        await using var journal = new FollowedJournal();
        await using var engine = await StartAsync(journal, logger);
        var taken = logger.NextAsync(Taken);

        await SubmitManyAsync(engine, 100);

        Assert.Contains("Took a snapshot of frame", await taken.WaitAsync(TestEngine.Guard), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failing_snapshot_is_logged_and_the_engine_goes_on()
    {
        var logger = new LogList<JobEngine>();
        await using var journal = new FollowedJournal { SaveFails = true };
        await using var engine = await StartAsync(journal, logger);
        var failed = logger.NextAsync(Failed);

        await SubmitManyAsync(engine, 100);
        await failed.WaitAsync(TestEngine.Guard);

        await engine.SubmitQueuedAsync();
        Assert.Equal(EngineHealth.Running, engine.Engine.Health);
    }

    [Fact]
    public async Task F27_A_clean_stop_takes_a_last_one_and_the_next_start_reads_nothing_else()
    {
        await using var journal = new FollowedJournal();
        await using var engine = await StartAsync(journal, journalBytes: 4_000);
        await SubmitManyAsync(engine, 20);
        Assert.Empty(journal.Saved);

        await using var second = await engine.RestartAsync();

        Assert.Single(journal.Saved);
        var report = second.Engine.Recovery!;
        Assert.Equal((0, 20, 20), (report.ReplayedEvents, report.Events, report.LiveJobs));
        Assert.Equal(journal.Saved[0], report.SnapshotSequence);
    }

    [Fact]
    public async Task A_clean_stop_with_little_new_takes_none()
    {
        await using var journal = new FollowedJournal();
        await using var engine = await StartAsync(journal, journalBytes: 4_000);
        await SubmitManyAsync(engine, 3);

        await engine.Engine.StopAsync();

        Assert.Empty(journal.Saved);
    }

    [Fact]
    public async Task F27_A_stop_in_a_hurry_does_not_wait_for_the_last_one_to_be_begun()
    {
        await using var journal = new FollowedJournal();
        await using var engine = await StartAsync(journal, journalBytes: 4_000);
        await SubmitManyAsync(engine, 20);

        await engine.Engine.StopAsync(CancellationToken.None, giveUpSnapshot: new CancellationToken(canceled: true));

        Assert.Empty(journal.Saved);
    }

    /// <summary>Callers wait for the journal only; a snapshot that takes for ever holds up nobody.</summary>
    [Fact]
    public async Task The_engine_answers_while_a_snapshot_is_under_way()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var journal = new FollowedJournal
        {
            Saving = () =>
            {
                begun.TrySetResult();
                return release.Task;
            },
        };
        await using var engine = await StartAsync(journal);
        await SubmitManyAsync(engine, 100);
        await begun.Task.WaitAsync(TestEngine.Guard);

        await SubmitManyAsync(engine, 100).WaitAsync(TestEngine.Guard);
        Assert.Empty(journal.Saved);
        release.SetResult();
    }

    [Fact]
    public async Task An_engine_that_takes_snapshots_may_be_disposed_again()
    {
        await using var journal = new FollowedJournal();
        var engine = await StartAsync(journal);

        await engine.DisposeAsync();
        await engine.DisposeAsync();

        Assert.Equal(EngineHealth.Stopped, engine.Engine.Health);
    }

    [Fact]
    public async Task Without_the_setting_there_is_none()
    {
        await using var journal = new FollowedJournal();
        await using var engine = await StartAsync(journal, journalBytes: 0);
        await SubmitManyAsync(engine, 100);

        await engine.Engine.StopAsync();

        Assert.Empty(journal.Saved);
    }

    [Fact]
    public async Task The_report_counts_lost_runs_and_those_that_are_tried_again()
    {
        var logger = new LogList<JobEngine>();
        await using var journal = new FollowedJournal();
        await using var engine = await TestEngine.StartAsync(
            options => options.Types = [new JobType { Name = "work", MaxLostRuns = 0 }, TestEngine.BuildType],
            journal: journal);
        await engine.SubmitQueuedAsync("a");
        await engine.SubmitQueuedAsync("b", type: "build");
        await engine.SubmitQueuedAsync("c", type: "build");
        var cancelled = await engine.SubmitQueuedAsync("d", type: "build");
        Assert.Equal(4, (await engine.ClaimNowAsync(4)).Count);
        await engine.Engine.CancelAsync(cancelled);
        await engine.Engine.StopAsync();

        await using var second = await TestEngine.StartAsync(
            options => options.Types = [new JobType { Name = "work", MaxLostRuns = 0 }, TestEngine.BuildType],
            journal: journal,
            logger: logger);

        var report = second.Engine.Recovery!;
        Assert.Equal((9, 4, 2), (report.Events, report.LostRuns, report.RetriedRuns));
        Assert.Equal((2, 2), (report.LiveJobs, report.EndedJobs));
        Assert.Equal(
            "recovered 1,204,331 events in 0.9 s; 14 runs lost their worker, 12 will retry",
            (report with
            {
                Events = 1_204_331,
                Duration = TimeSpan.FromMilliseconds(900),
                LostRuns = 14,
                RetriedRuns = 12,
            }).ToString());
        Assert.Contains("4 runs lost their worker, 2 will retry", Assert.Single(logger.Of(1001)), StringComparison.Ordinal);
    }

    private static Task<TestEngine> StartAsync(
        FollowedJournal journal, ILogger<JobEngine>? logger = null, int journalBytes = 2_000) =>
        TestEngine.StartAsync(
            options =>
            {
                options.GlobalCap = 1_000;
                options.SnapshotJournalBytes = journalBytes;
                options.Tiers = [new Tier { Name = "bootstrapper", DailyLimit = 10_000 }];
            },
            journal: journal,
            logger: logger);

    private static async Task SubmitManyAsync(TestEngine engine, int count)
    {
        for (int i = 0; i < count; i++)
        {
            await engine.SubmitQueuedAsync();
        }
    }
}
