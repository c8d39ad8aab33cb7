using Engine.Runtime;

namespace Engine.Tests.Runtime;

/// <summary>Watching: subscribe first, then the snapshot; resume by event id; an end that always comes (DA-24, W4).</summary>
public sealed class WatchTests
{
    [Fact]
    public async Task DA_24_a_watch_shows_every_change_after_its_snapshot_and_ends_with_the_job()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync(type: "build");
        using var watch = await engine.Engine.WatchAsync(id);
        var run = await engine.ClaimOneAsync();
        foreach (string stage in (string[])["scaffold", "code", "deps", "checks"])
        {
            await engine.Engine.MoveToStageAsync(run.Lease, stage);
        }

        await engine.CompleteAsync(run);

        var updates = await Updates.AllAsync(watch!);
        Assert.Equal("queued", watch!.Snapshot.Status);
        Assert.Equal(["starting", "scaffold", "code", "deps", "checks", "ready"], updates.Select(update => update.Status));
        Assert.Equal(updates.Select(update => update.EventId).Order().Distinct(), updates.Select(update => update.EventId));
        Assert.All(updates, update => Assert.True(update.EventId > watch.Snapshot.LastEventId));
    }

    [Fact]
    public async Task DA_24_whenever_it_begins_snapshot_and_updates_together_miss_nothing()
    {
        // Watches begin while the job moves as fast as it can: each must see the rest without a gap, and end.
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();
        var watches = Enumerable.Range(0, 20).Select(_ => Task.Run(async () =>
        {
            using var watch = await engine.Engine.WatchAsync(id);
            return (First: watch!.Snapshot.ProgressPercent ?? -1, Updates: await Updates.AllAsync(watch));
        })).ToList();
        for (int percent = 0; percent <= 100; percent++)
        {
            await engine.Engine.ReportProgressAsync(run.Lease, percent);
        }

        await engine.CompleteAsync(run);

        foreach (var (first, updates) in await Task.WhenAll(watches).WaitAsync(TestEngine.Guard))
        {
            var seen = updates.Where(update => update.Kind == JobUpdateKind.Progress).Select(update => update.Value);
            Assert.Equal(Enumerable.Range(first + 1, 100 - first), seen);
            Assert.True(updates.Count == 0 || updates[^1].State == JobState.Completed);
        }
    }

    [Fact]
    public async Task DA_24_a_watch_of_a_job_that_has_ended_ends_at_once()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        await engine.CompleteAsync(await engine.ClaimOneAsync());

        using var fromNow = await engine.Engine.WatchAsync(id);
        using var fromBefore = await engine.Engine.WatchAsync(id, afterEventId: 1);
        using var fromEnd = await engine.Engine.WatchAsync(id, afterEventId: fromNow!.Snapshot.LastEventId);

        Assert.Equal(JobState.Completed, fromNow.Snapshot.State);
        Assert.Empty(await Updates.AllAsync(fromNow));
        Assert.Equal(
            [JobState.Running, JobState.Completed], (await Updates.AllAsync(fromBefore!)).Select(update => update.State));
        Assert.Empty(await Updates.AllAsync(fromEnd!));
    }

    [Fact]
    public async Task DA_24_an_end_that_was_decided_but_not_yet_durable_ends_the_watch_too()
    {
        var journal = new GatedJournal();
        await using var engine = await TestEngine.StartAsync(journal: journal);
        var id = await engine.SubmitQueuedAsync();
        journal.Shut();
        var cancelled = engine.Engine.CancelAsync(id).AsTask();
        await journal.WaitForHeldAsync(1);
        var watching = engine.Engine.WatchAsync(id).AsTask();

        journal.Open();

        using var watch = await watching.WaitAsync(TestEngine.Guard);
        Assert.Equal(JobState.Cancelled, watch!.Snapshot.State);
        Assert.Empty(await Updates.AllAsync(watch));
        await cancelled;
    }

    [Fact]
    public async Task DA_24_a_reader_resumes_after_the_event_it_saw_last()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();
        long last;
        using (var watch = await engine.Engine.WatchAsync(id))
        {
            await engine.Engine.ReportProgressAsync(run.Lease, 10);
            last = (await Updates.NextAsync(watch!)).EventId;
        }

        await engine.Engine.ReportProgressAsync(run.Lease, 20);
        await engine.Engine.ReportProgressAsync(run.Lease, 30);
        using var resumed = await engine.Engine.WatchAsync(id, afterEventId: last);
        await engine.Engine.ReportProgressAsync(run.Lease, 40);
        await engine.CompleteAsync(run);

        var updates = await Updates.AllAsync(resumed!);
        Assert.Equal([20, 30, 40, 0], updates.Select(update => update.Value));
        Assert.DoesNotContain(updates, update => update.Kind == JobUpdateKind.Resync);
    }

    [Fact]
    public async Task DA_24_what_is_no_longer_known_is_a_resync_and_not_a_gap()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        using var before = await engine.Engine.WatchAsync(id);
        var run = await engine.ClaimOneAsync();
        for (int i = 0; i < LiveFeed.RingSize; i += 4)
        {
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => engine.Engine.ReportProgressAsync(run.Lease, 5).AsTask()));
        }

        using var resumed = await engine.Engine.WatchAsync(id, afterEventId: before!.Snapshot.LastEventId);
        await engine.CompleteAsync(run);

        var updates = await Updates.AllAsync(resumed!);
        Assert.Equal((JobUpdateKind.Resync, JobState.Running), (updates[0].Kind, updates[0].State));
        Assert.Equal(resumed!.Snapshot.LastEventId, updates[0].EventId);
        Assert.Equal(JobState.Completed, Assert.Single(updates.Skip(1)).State);
    }

    [Fact]
    public async Task DA_24_after_a_restart_a_reader_resumes_with_what_happened_since_or_a_resync()
    {
        await using var engine = await TestEngine.StartAsync();
        var quiet = await engine.SubmitQueuedAsync("quiet");
        var moved = await engine.SubmitQueuedAsync("moved");
        long seenOfQuiet = (await engine.ViewAsync(quiet)).LastEventId;
        long seenOfMoved = (await engine.ViewAsync(moved)).LastEventId;
        await engine.ClaimNowAsync(2);
        await engine.Engine.CancelAsync(quiet);
        long endOfQuiet = (await engine.ViewAsync(quiet)).LastEventId;

        await using var second = await engine.RestartAsync();

        // The start that this one saw was told by the process before: it can only be said that there is more.
        using var resync = await second.Engine.WatchAsync(moved, afterEventId: seenOfMoved);
        using var future = await second.Engine.WatchAsync(moved, afterEventId: long.MaxValue);
        using var rest = await second.Engine.WatchAsync(quiet, afterEventId: endOfQuiet);
        await second.Engine.CancelAsync(moved);

        Assert.Equal(
            [JobUpdateKind.Resync, JobUpdateKind.Status], (await Updates.AllAsync(resync!)).Select(update => update.Kind));
        Assert.Equal(
            [JobUpdateKind.Resync, JobUpdateKind.Status], (await Updates.AllAsync(future!)).Select(update => update.Kind));
        Assert.Equal(JobState.Cancelled, Assert.Single(await Updates.AllAsync(rest!)).State);
        Assert.True(seenOfQuiet < endOfQuiet);
    }

    [Fact]
    public async Task A_slow_reader_costs_a_bounded_buffer_gets_a_resync_and_the_end()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();
        using var watch = await engine.Engine.WatchAsync(id);
        for (int i = 0; i < 1000; i++)
        {
            await engine.Engine.ReportProgressAsync(run.Lease, i % 100);
        }

        await engine.CompleteAsync(run);

        var updates = await Updates.AllAsync(watch!);
        Assert.Equal(LiveFeed.WatcherCapacity, updates.Count(update => update.Kind == JobUpdateKind.Progress));
        var last = updates[^1];
        Assert.Equal((JobUpdateKind.Resync, JobState.Completed), (last.Kind, last.State));
        Assert.Equal((await engine.ViewAsync(id)).LastEventId, last.EventId);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_watch_of_a_reader_that_fell_behind_ends_with_the_engine(bool reads)
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();
        using var watch = await engine.Engine.WatchAsync(run.Lease.JobId);
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        await using var updates = watch!.ReadAllAsync(guard.Token).GetAsyncEnumerator(guard.Token);
        for (int i = 0; i < 300; i++)
        {
            await engine.Engine.ReportProgressAsync(run.Lease, 50);
        }

        int known = 0;
        if (reads)
        {
            Assert.True(await updates.MoveNextAsync());
            known++;
        }

        await engine.Engine.StopAsync();

        while (await updates.MoveNextAsync())
        {
            known++;
        }

        Assert.Equal(LiveFeed.WatcherCapacity, known);
    }

    [Fact]
    public async Task A_reader_that_fell_behind_goes_on_after_its_resync()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        var run = await engine.ClaimOneAsync();
        using var watch = await engine.Engine.WatchAsync(id);
        for (int i = 0; i < 300; i++)
        {
            await engine.Engine.ReportProgressAsync(run.Lease, 50);
        }

        using var guard = new CancellationTokenSource(TestEngine.Guard);
        await using var updates = watch!.ReadAllAsync(guard.Token).GetAsyncEnumerator(guard.Token);
        long known = 0;
        do
        {
            Assert.True(await updates.MoveNextAsync());
            Assert.True(updates.Current.EventId > known);
            known = updates.Current.EventId;
        }
        while (updates.Current.Kind != JobUpdateKind.Resync);

        await engine.Engine.ReportProgressAsync(run.Lease, 51);
        Assert.True(await updates.MoveNextAsync());
        Assert.Equal((JobUpdateKind.Progress, 51), (updates.Current.Kind, updates.Current.Value));
    }

    [Fact]
    public async Task A_watch_that_is_given_up_before_it_began_leaves_nothing_behind()
    {
        // A browser that reloads does so again and again, and the engine would feed watchers that nobody reads.
        var journal = new GatedJournal();
        await using var engine = await TestEngine.StartAsync(journal: journal);
        var id = await engine.SubmitQueuedAsync();
        journal.Shut();
        var held = engine.SubmitAsync("other").AsTask();
        await journal.WaitForHeldAsync(1);
        using var gone = new CancellationTokenSource();
        var watching = engine.Engine.WatchAsync(id, cancellationToken: gone.Token).AsTask();
        var watchingAll = engine.Engine.WatchAllAsync(gone.Token).AsTask();

        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watchingAll);
        journal.Open();
        await held;

        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (await engine.Engine.AskAsync(static loop => loop.Feed.WatcherCount, guard.Token) > 0)
        {
            await Task.Yield();
        }
    }

    [Fact]
    public async Task Iterations_cancellations_and_messages_are_told()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        using var watch = await engine.Engine.WatchAsync(id);
        var run = await engine.ClaimOneAsync();
        await engine.Engine.BeginIterationAsync(run.Lease);
        await engine.Engine.CancelAsync(id);
        await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Stopped());

        var updates = await Updates.AllAsync(watch!);

        Assert.Equal(
            [
                (JobUpdateKind.Status, JobState.Running, "", 0), (JobUpdateKind.Iteration, JobState.Running, "", 1),
                (JobUpdateKind.Status, JobState.Running, "Cancelling", 0),
                (JobUpdateKind.Status, JobState.Cancelled, "Cancelled by user", 0),
            ],
            updates.Select(update => (update.Kind, update.State, update.Message, update.Value)));
    }

    [Fact]
    public async Task Every_watch_ends_when_the_engine_stops_or_it_is_disposed()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync();
        using var watch = await engine.Engine.WatchAsync(id);
        using var disposed = await engine.Engine.WatchAsync(id);
        using var all = await engine.Engine.WatchAllAsync();
        var ends = Updates.AllAsync(watch!);

        disposed!.Dispose();
        Assert.Empty(await Updates.AllAsync(disposed));
        Assert.False(ends.IsCompleted);
        await engine.Engine.StopAsync();

        Assert.Empty(await ends.WaitAsync(TestEngine.Guard));
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        await foreach (var update in all.ReadAllAsync(guard.Token))
        {
            Assert.Fail($"{update}");
        }
    }

    [Fact]
    public async Task A_feed_of_all_jobs_shows_all_from_now_on_and_says_when_it_lost_some()
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 1000);
        await engine.SubmitQueuedAsync("before");
        using var feed = await engine.Engine.WatchAllAsync();
        using var slow = await engine.Engine.WatchAllAsync();
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        await using var updates = feed.ReadAllAsync(guard.Token).GetAsyncEnumerator(guard.Token);
        var submitted = new List<JobId>();
        var seen = new List<JobId>();
        for (int i = 0; i < 400; i++)
        {
            submitted.Add(await engine.SubmitQueuedAsync($"u{i % 20}", "cto_scale"));
            Assert.True(await updates.MoveNextAsync());
            seen.Add(updates.Current.JobId);
        }

        Assert.Equal(submitted, seen);
        var lost = new List<JobUpdate>();
        await foreach (var update in slow.ReadAllAsync(guard.Token))
        {
            lost.Add(update);
            if (update.Kind == JobUpdateKind.Resync)
            {
                break;
            }
        }

        Assert.Equal(LiveFeed.WatcherCapacity + 1, lost.Count);
        Assert.Equal(default, lost[^1].JobId);
    }

    [Fact]
    public async Task An_unknown_job_cannot_be_watched()
    {
        await using var engine = await TestEngine.StartAsync();

        Assert.Null(await engine.Engine.WatchAsync(JobId.New(engine.Time)));
    }
}
