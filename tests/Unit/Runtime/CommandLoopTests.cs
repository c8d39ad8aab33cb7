using Engine.Estimation;
using Engine.Storage;
using Engine.Tests.Core;

namespace Engine.Tests.Runtime;

/// <summary>The loop: nothing is seen before it is durable, answers keep their order, and after the first doubt there are
/// none (D1, D3, D5).</summary>
public sealed class CommandLoopTests
{
    [Fact]
    public async Task Nothing_is_answered_before_it_is_durable()
    {
        var journal = new GatedJournal();
        await using var engine = await TestEngine.StartAsync(journal: journal);
        using var feed = await engine.Engine.WatchAllAsync();
        journal.Shut();

        var submitted = engine.SubmitAsync().AsTask();
        await journal.WaitForHeldAsync(1);

        // A question that sees the job, and a claim that takes it, wait for what they have seen.
        var queue = engine.Engine.GetQueueAsync().AsTask();
        var claimed = engine.ClaimNowAsync();
        await journal.WaitForHeldAsync(2);
        Assert.False(submitted.IsCompleted || queue.IsCompleted || claimed.IsCompleted);
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        var updates = feed.ReadAllAsync(guard.Token).GetAsyncEnumerator(guard.Token);
        var update = updates.MoveNextAsync().AsTask();
        Assert.False(update.IsCompleted);

        journal.Open();

        Assert.Equal(SubmitOutcome.Queued, (await submitted.WaitAsync(TestEngine.Guard)).Outcome);
        Assert.Equal(1, (await queue.WaitAsync(TestEngine.Guard)).Queued);
        Assert.Single(await claimed);
        Assert.True(await update.WaitAsync(TestEngine.Guard));
        await updates.DisposeAsync();
    }

    [Fact]
    public async Task Batches_are_decided_while_earlier_ones_become_durable_and_answered_in_order()
    {
        var journal = new GatedJournal();
        await using var engine = await TestEngine.StartAsync(journal: journal);
        journal.Shut();
        var answers = new List<Task<SubmitResult>>();
        for (int i = 1; i <= 8; i++)
        {
            answers.Add(engine.SubmitAsync($"u{i}").AsTask());
            await journal.WaitForHeldAsync(i);
        }

        // Eight batches are under way: the ninth waits in the inbox, and is decided when there is room.
        answers.Add(engine.SubmitAsync("u9").AsTask());
        for (int i = 0; i < 9; i++)
        {
            Assert.False(answers[i].IsCompleted);
            await journal.WaitForHeldAsync(1);
            journal.LetOne();
            Assert.Equal(i + 1, (await answers[i].WaitAsync(TestEngine.Guard)).Position);
        }

        journal.Open();
    }

    [Fact]
    public async Task A_later_append_that_is_done_first_is_not_answered_first()
    {
        var journal = new OutOfOrderJournal();
        await using var engine = await TestEngine.StartAsync(journal: journal);
        var (first, second) = await SubmitTwoAsync(engine, journal);
        Assert.False(first.IsCompleted || second.IsCompleted);
        journal.Release.SetResult(AppendResult.Durable);

        Assert.Equal(1, (await first.WaitAsync(TestEngine.Guard)).Position);
        Assert.Equal(2, (await second.WaitAsync(TestEngine.Guard)).Position);
    }

    [Fact]
    public async Task A_full_inbox_makes_callers_wait_and_loses_nothing()
    {
        var journal = new GatedJournal();
        await using var engine = await TestEngine.StartAsync(
            options =>
            {
                SlotTests.NoDailyLimit(options);
                options.InboxCapacity = 16;
                options.GlobalCap = 1000;
            },
            journal: journal);
        journal.Shut();
        var answers = new List<Task<SubmitResult>>();
        for (int i = 1; i <= 8; i++)
        {
            answers.Add(engine.SubmitAsync().AsTask());
            await journal.WaitForHeldAsync(i);
        }

        // The loop takes nothing more in; 16 fit, and 100 more wait outside. One of them gives up.
        for (int i = 0; i < 116; i++)
        {
            answers.Add(engine.SubmitAsync().AsTask());
        }

        using var impatient = new CancellationTokenSource();
        var given = engine.Engine.SubmitAsync(new JobRequest { Type = "work", UserId = "x" }, impatient.Token).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.WaitAsync(TestEngine.Guard));
        Assert.DoesNotContain(answers, answer => answer.IsCompleted);
        journal.Open();

        var results = await Task.WhenAll(answers).WaitAsync(TestEngine.Guard);
        Assert.Equal(Enumerable.Range(1, 124).Select(i => (long)i), results.Select(result => result.Position).Order());
        Assert.Empty((await engine.Engine.ListAsync(new JobQuery { UserId = "x" })).Jobs);
    }

    public static TheoryData<string> Failures => ["Unknown", "Fenced", "Gap", "throws", "faults"];

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task DA_19_after_the_first_storage_error_nobody_is_answered_ever_again(string how)
    {
        var journal = new GatedJournal();
        await using var engine = await TestEngine.StartAsync(journal: journal);
        await engine.SubmitQueuedAsync("kept");
        using var watch = await engine.Engine.WatchAllAsync();
        var claim = engine.Engine.ClaimAsync(new ClaimRequest { Types = ["build"] }).AsTask();
        journal.Shut();
        var inFlight = engine.SubmitAsync("in flight").AsTask();
        await journal.WaitForHeldAsync(1);
        journal.FailWith(how switch
        {
            "throws" => () => throw new IOException("gone"),
            "faults" => () => throw new JournalFencedException("gone"),
            _ => () => new AppendResult(Enum.Parse<AppendStatus>(how), "gone"),
        });
        var failing = engine.SubmitAsync("failing").AsTask();

        // The batch before the failing one was durable, but an answer after a doubt is worth nothing (D5).
        foreach (var task in (Task[])[inFlight, failing, claim])
        {
            await Assert.ThrowsAsync<EngineStoppedException>(() => task.WaitAsync(TestEngine.Guard));
        }

        await Assert.ThrowsAnyAsync<Exception>(() => engine.Engine.Stopped.WaitAsync(TestEngine.Guard));
        Assert.Equal(EngineHealth.Failed, engine.Engine.Health);
        await Assert.ThrowsAsync<EngineStoppedException>(async () => await engine.SubmitAsync());
        await Assert.ThrowsAsync<EngineStoppedException>(async () => await engine.Engine.GetQueueAsync());
        await Assert.ThrowsAsync<EngineStoppedException>(async () => await engine.ClaimNowAsync());
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        var seen = new List<JobUpdate>();
        await foreach (var update in watch.ReadAllAsync(guard.Token))
        {
            seen.Add(update);
        }

        Assert.Empty(seen);
        journal.Open();
    }

    [Fact]
    public async Task A_batch_that_fails_late_takes_those_after_it_along()
    {
        var journal = new OutOfOrderJournal();
        await using var engine = await TestEngine.StartAsync(journal: journal);
        var (first, second) = await SubmitTwoAsync(engine, journal);

        journal.Release.SetException(new IOException("gone"));

        await Assert.ThrowsAsync<EngineStoppedException>(() => first.WaitAsync(TestEngine.Guard));
        await Assert.ThrowsAsync<EngineStoppedException>(() => second.WaitAsync(TestEngine.Guard));
        var cause = await Assert.ThrowsAsync<IOException>(() => engine.Engine.Stopped.WaitAsync(TestEngine.Guard));
        Assert.Equal("gone", cause.Message);
    }

    [Fact]
    public async Task A_mistake_while_deciding_stops_the_engine_and_not_the_process()
    {
        await using var journal = new MemoryJournal();
        var options = new JobEngineOptions { Types = [new JobType { Name = "work" }] };
        await using var engine = new JobEngine(options, journal, new ManualTimeProvider(), new BrokenEstimator());
        await engine.StartAsync();

        await Assert.ThrowsAsync<EngineStoppedException>(
            async () => await engine.SubmitAsync(new JobRequest { Type = "work", UserId = "u" }));

        await Assert.ThrowsAsync<NotSupportedException>(() => engine.Stopped.WaitAsync(TestEngine.Guard));
        Assert.Equal(EngineHealth.Failed, engine.Health);

        // What was half decided is not in the journal: a healthy engine finds nothing.
        await using var second = await TestEngine.StartAsync(journal: journal);
        Assert.Empty((await second.Engine.ListAsync(new JobQuery { UserId = "u" })).Jobs);
    }

    [Fact]
    public async Task A_repeated_submission_gets_its_answer_even_while_the_engine_stops()
    {
        await using var engine = await TestEngine.StartAsync();
        var request = new JobRequest { Type = "work", UserId = "u", IdempotencyKey = "once" };
        var first = await engine.Engine.SubmitAsync(request);
        await engine.Engine.DrainAsync(CancellationToken.None);

        var repeated = await engine.Engine.SubmitAsync(request);
        var another = await engine.Engine.SubmitAsync(request with { IdempotencyKey = "twice" });

        Assert.Equal(first with { Repeated = true }, repeated);
        Assert.Equal(RefusalReason.Stopping, another.Refusal?.Reason);
    }

    [Fact]
    public async Task Stopping_answers_all_that_was_asked_before_and_makes_it_durable()
    {
        var journal = new GatedJournal();
        await using var engine = await TestEngine.StartAsync(journal: journal);
        var claim = engine.Engine.ClaimAsync(new ClaimRequest { Types = ["work"] }).AsTask();
        await engine.Engine.GetQueueAsync();
        journal.Shut();
        var submitted = engine.SubmitAsync(type: "build").AsTask();
        await journal.WaitForHeldAsync(1);

        var stopping = engine.Engine.StopAsync().AsTask();
        Assert.False(stopping.IsCompleted || submitted.IsCompleted);
        journal.Open();
        await stopping.WaitAsync(TestEngine.Guard);

        var id = (await submitted.WaitAsync(TestEngine.Guard)).JobId;
        Assert.Empty(await claim.WaitAsync(TestEngine.Guard));
        Assert.Equal(EngineHealth.Stopped, engine.Engine.Health);
        await using var second = await TestEngine.StartAsync(journal: journal);
        Assert.Equal(JobState.Queued, (await second.ViewAsync(id)).State);
    }

    [Fact]
    public async Task While_it_drains_it_takes_and_hands_out_nothing_but_runs_may_end()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.SubmitQueuedAsync("a");
        await engine.SubmitQueuedAsync("b");
        var run = await engine.ClaimOneAsync();

        await engine.Engine.DrainAsync(default);

        Assert.Equal(EngineHealth.Stopping, engine.Engine.Health);
        Assert.Equal(RefusalReason.Stopping, (await engine.SubmitAsync()).Refusal!.Reason);
        Assert.Empty(await engine.ClaimNowAsync());
        Assert.Empty(await engine.Engine.ClaimAsync(new ClaimRequest { Types = ["work"] }));
        Assert.Equal(LeaseAnswer.Accepted, await engine.CompleteAsync(run));
    }

    [Fact]
    public async Task A_disposed_engine_disposes_its_journal_and_may_be_disposed_again()
    {
        var journal = new GatedJournal();
        var engine = await TestEngine.StartAsync(journal: journal);

        await engine.DisposeAsync();
        await engine.DisposeAsync();

        Assert.True(journal.IsDisposed);
        Assert.Equal(EngineHealth.Stopped, engine.Engine.Health);
    }

    [Fact]
    public async Task More_than_fits_in_one_batch_is_decided_in_several()
    {
        // 60 payloads of 64 KiB are eight batches of half a MiB; none is lost, and a claim gets all there is.
        await using var engine = await TestEngine.StartAsync(SlotTests.NoDailyLimit);
        byte[] payload = new byte[64 * 1024];
        var submitted = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => engine.Engine.SubmitAsync(
            new JobRequest { Type = "work", UserId = $"u{i}", Payload = payload }).AsTask()));

        var runs = new List<ClaimedRun>();
        while (await engine.ClaimNowAsync(60) is { Count: > 0 } claimed)
        {
            runs.AddRange(claimed);
        }

        Assert.Equal(60, runs.Count);
        Assert.Equal(submitted.Select(result => result.JobId).Order(), runs.Select(run => run.Lease.JobId).Order());
    }

    private sealed class BrokenEstimator : IWaitEstimator
    {
        public void Record(Tier tier, TimeSpan duration)
        {
        }

        public WaitEstimate Estimate(Tier tier, long position, int workers) => throw new NotSupportedException("broken");
    }

    /// <summary>Submits two jobs: the first one's append is under way and held, the second one's is done.</summary>
    private static async Task<(Task<SubmitResult> First, Task<SubmitResult> Second)> SubmitTwoAsync(
        TestEngine engine, OutOfOrderJournal journal)
    {
        journal.HoldNext = true;
        var first = engine.SubmitAsync("a").AsTask();
        await journal.Held.Task.WaitAsync(TestEngine.Guard);
        var second = engine.SubmitAsync("b").AsTask();
        await journal.Second.Task.WaitAsync(TestEngine.Guard);
        return (first, second);
    }

    /// <summary>Holds one append back while those after it complete at once.</summary>
    private sealed class OutOfOrderJournal() : ForwardingJournal(new MemoryJournal())
    {
        internal bool HoldNext { get; set; }

        internal TaskCompletionSource Held { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal TaskCompletionSource Second { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal TaskCompletionSource<AppendResult> Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override ValueTask<AppendResult> AppendAsync(
            long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
        {
            var appended = base.AppendAsync(epoch, expectedSequence, frames);
            if (HoldNext)
            {
                HoldNext = false;
                Held.SetResult();
                return new(Release.Task);
            }

            if (Held.Task.IsCompleted)
            {
                Second.TrySetResult();
            }

            return appended;
        }
    }
}
