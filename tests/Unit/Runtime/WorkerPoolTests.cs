using System.Text;
using Engine.Tests.Core;

namespace Engine.Tests.Runtime;

/// <summary>The worker pool: what handlers do well (see <see cref="ContainmentTests"/> for the rest).</summary>
public sealed class WorkerPoolTests
{
    [Fact]
    public async Task A_handler_gets_its_run_and_its_result_is_kept()
    {
        await using var host = await TestHost.StartAsync(async (context, _) =>
        {
            await context.ReportProgressAsync(50, "Halfway");
            context.Log.Write("handler", "hello");
            return new JobOutcome.Completed(Encoding.UTF8.GetBytes(
                $"{context.Type} {context.UserId} {context.Tier} {context.Run} {Encoding.UTF8.GetString(context.Payload.Span)}"));
        });

        var id = await host.SubmitAsync(payload: "{\"n\":1}");

        var view = await host.WhenAsync(id, JobState.Completed);
        Assert.Equal("work u bootstrapper 1 {\"n\":1}", Encoding.UTF8.GetString(view.Result.Span));
        Assert.Equal(50, view.ProgressPercent);
        Assert.Contains("hello", await host.LinesAsync(id));
    }

    [Fact]
    public async Task A_handler_walks_its_pipeline_and_a_wrong_move_is_its_own_mistake()
    {
        var wrong = new TaskCompletionSource<Exception?>();
        await using var host = await TestHost.StartAsync(
            async (context, _) =>
            {
                wrong.SetResult(await Record.ExceptionAsync(async () => await context.MoveToAsync("checks")));
                foreach (string stage in (string[])["scaffold", "code", "deps", "checks"])
                {
                    await context.MoveToAsync(stage);
                }

                return JobOutcome.Done;
            },
            define: type => type with { Pipeline = Pipeline.Build });

        var view = await host.WhenAsync(await host.SubmitAsync(), JobState.Completed);

        Assert.Equal("ready", view.Status);
        Assert.IsType<InvalidOperationException>(await wrong.Task);
    }

    [Fact]
    public async Task DA_8_every_runnable_job_is_run_without_another_submission()
    {
        // The original ran one pass a submission; here twenty jobs of four users drain through two workers.
        await using var host = await TestHost.StartAsync(
            (_, _) => Task.FromResult(JobOutcome.Done), options => options.MaxConcurrentRuns = 2);
        var ids = new List<JobId>();
        for (int i = 0; i < 20; i++)
        {
            ids.Add(await host.SubmitAsync($"u{i % 4}"));
        }

        foreach (var id in ids)
        {
            await host.WhenAsync(id, JobState.Completed);
        }
    }

    [Fact]
    public async Task As_many_handlers_work_at_a_time_as_are_allowed_and_no_more()
    {
        int now = 0;
        int most = 0;
        var full = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await TestHost.StartAsync(
            async (_, _) =>
            {
                int working = Interlocked.Increment(ref now);
                InterlockedMax(ref most, working);
                if (working == 3)
                {
                    full.TrySetResult();
                }

                await go.Task;
                Interlocked.Decrement(ref now);
                return JobOutcome.Done;
            },
            options =>
            {
                SlotTests.NoDailyLimit(options);
                options.MaxConcurrentRuns = 3;
            });
        var ids = new List<JobId>();
        for (int i = 0; i < 30; i++)
        {
            ids.Add(await host.SubmitAsync($"u{i}"));
        }

        await full.Task.WaitAsync(TestEngine.Guard);
        Assert.Equal((3, 27), (host.Pool.ActiveCount, (await host.Engine.GetQueueAsync()).Queued));
        go.SetResult();
        foreach (var id in ids)
        {
            await host.WhenAsync(id, JobState.Completed);
        }

        Assert.Equal(3, most);
    }

    [Fact]
    public async Task DA_22_a_handler_suspends_with_a_checkpoint_and_goes_on_from_it()
    {
        await using var host = await TestHost.StartAsync(async (context, _) =>
        {
            int done = context.Checkpoint.IsEmpty ? 0 : int.Parse(Encoding.UTF8.GetString(context.Checkpoint.Span), null);
            Assert.Equal(done, context.IterationsUsed);
            while (done < 5)
            {
                if (await context.BeginIterationAsync() == IterationAnswer.Suspend)
                {
                    return new JobOutcome.Suspended(Encoding.UTF8.GetBytes($"{done}"));
                }

                done++;
            }

            return new JobOutcome.Completed(Encoding.UTF8.GetBytes($"{done} in run {context.Run}"));
        });
        var id = await host.SubmitAsync();

        for (int batch = 0; batch < 2; batch++)
        {
            await host.WhenAsync(id, JobState.AwaitingConfirmation);
            await host.Engine.ConfirmAsync(id);
        }

        var view = await host.WhenAsync(id, JobState.Completed);
        Assert.Equal("5 in run 3", Encoding.UTF8.GetString(view.Result.Span));
        Assert.Equal(5, view.Usage.IterationsUsed);
    }

    [Fact]
    public async Task DA_15_the_pool_keeps_the_leases_of_long_runs()
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await TestHost.StartAsync(async (_, _) =>
        {
            await go.Task;
            return JobOutcome.Done;
        });
        var id = await host.SubmitAsync();
        await host.AtWorkAsync(id);

        // Half an hour in steps of a heartbeat, with a lease of a minute.
        for (int i = 0; i < 90; i++)
        {
            host.Time.Advance(TimeSpan.FromSeconds(20));
            await host.Engine.GetQueueAsync();
        }

        Assert.Equal((JobState.Running, 1), await StateAsync(host, id));
        go.SetResult();
        await host.WhenAsync(id, JobState.Completed);
    }

    [Fact]
    public async Task A_failed_run_is_tried_again_after_its_pause()
    {
        var runs = new List<(int Run, DateTimeOffset At)>();
        TestHost? host = null;
        await using var started = host = await TestHost.StartAsync(
            (context, _) =>
            {
                runs.Add((context.Run, host!.Time.GetUtcNow()));
                return Task.FromResult<JobOutcome>(
                    context.Run < 4 ? new JobOutcome.Failed("not yet") : JobOutcome.Done);
            },
            define: type => type with { MaxRetries = 3 });
        var start = host.Time.GetUtcNow();
        var id = await host.SubmitAsync();

        foreach (int seconds in (int[])[10, 20, 40])
        {
            await host.WhenAsync(id, JobState.Scheduled);
            host.Time.Advance(TimeSpan.FromSeconds(seconds));
            await host.WhenAsync(id, view => view.State != JobState.Scheduled);
        }

        var view = await host.WhenAsync(id, JobState.Completed);
        Assert.Equal([0, 10, 30, 70], runs.Select(run => (int)(run.At - start).TotalSeconds));
        Assert.Equal([1, 2, 3, 4], runs.Select(run => run.Run));
        Assert.Equal((null, null, ""), (view.Error, view.DebugId, view.Message));
    }

    [Fact]
    public async Task Stopping_lets_handlers_end_and_takes_no_new_work()
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var journal = new Engine.Storage.MemoryJournal();
        bool wasTold = false;
        var host = await TestHost.StartAsync(
            async (_, token) =>
            {
                await go.Task;
                wasTold = token.IsCancellationRequested;
                return JobOutcome.Done;
            },
            options => options.MaxConcurrentRuns = 1,
            journal: journal);
        var id = await host.SubmitAsync("a");
        var waiting = await host.SubmitAsync("b");
        await host.AtWorkAsync(id);

        var stopping = host.StopAsync();
        Assert.Equal(EngineHealth.Stopping, host.Engine.Health);
        Assert.False(stopping.IsCompleted);
        go.SetResult();
        await stopping.WaitAsync(TestEngine.Guard);

        Assert.False(wasTold);
        Assert.Equal(EngineHealth.Stopped, host.Engine.Health);
        await using var second = await TestEngine.StartAsync(time: host.Time, journal: journal);
        Assert.Equal(JobState.Completed, (await second.ViewAsync(id)).State);
        Assert.Equal((JobState.Queued, 0), ((await second.ViewAsync(waiting)).State, (await second.ViewAsync(waiting)).Runs));
        await host.DisposeAsync();
    }

    [Fact]
    public async Task Stopping_at_once_interrupts_handlers_and_queues_their_jobs_again_at_no_cost()
    {
        var journal = new Engine.Storage.MemoryJournal();
        var host = await TestHost.StartAsync(
            async (_, token) =>
            {
                await Task.Delay(Timeout.Infinite, token);
                return JobOutcome.Done;
            },
            journal: journal);
        var id = await host.SubmitAsync();
        await host.AtWorkAsync(id);

        await host.StopAsync(new CancellationToken(canceled: true)).WaitAsync(TestEngine.Guard);

        await using var second = await TestEngine.StartAsync(time: host.Time, journal: journal);
        var view = await second.ViewAsync(id);
        Assert.Equal((JobState.Queued, "Interrupted, queued again", 1), (view.State, view.Message, view.Runs));
        await host.DisposeAsync();
    }

    [Fact]
    public async Task DA_16_a_stop_that_comes_before_the_pool_has_heard_of_the_run_still_reaches_its_handler()
    {
        // A job cancelled the moment it was claimed: the loop says stop while the claim's answer is on its way.
        await using var host = await TestHost.StartAsync(async (context, token) =>
        {
            await Task.Delay(context.Run == 1 ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, token);
            return JobOutcome.Done;
        });
        var id = JobId.New(host.Time);

        host.Engine.StopRun!(new RunLease(id, 1, Epoch: 1));
        await host.Engine.SubmitAsync(new JobRequest { Id = id, Type = "work", UserId = "u", Tier = "bootstrapper" });

        Assert.Equal(2, (await host.WhenAsync(id, JobState.Completed)).Runs);
    }

    [Fact]
    public async Task Stops_of_runs_that_are_not_the_pools_are_not_remembered_for_ever()
    {
        await using var host = await TestHost.StartAsync((_, _) => Task.FromResult(JobOutcome.Done));
        for (int i = 0; i < 100; i++)
        {
            host.Engine.StopRun!(new RunLease(JobId.New(host.Time), 1, Epoch: 1));
        }

        int before = host.Pool.EarlyStops;
        host.Time.Advance(TimeSpan.FromSeconds(60));

        Assert.Equal((100, 0), (before, host.Pool.EarlyStops));
    }

    [Fact]
    public async Task A_pool_that_claims_nothing_remembers_no_stops()
    {
        await using var host = await TestHost.StartAsync(
            (_, _) => Task.FromResult(JobOutcome.Done), options => options.MaxConcurrentRuns = 0);

        host.Engine.StopRun!(new RunLease(JobId.New(host.Time), 1, Epoch: 1));

        Assert.Equal(0, host.Pool.EarlyStops);
    }

    [Fact]
    public async Task DA_24_the_last_line_of_a_failed_run_is_in_its_log_before_its_job_has_ended()
    {
        // Whoever follows the log is told that there is no more as soon as the job has ended.
        var states = new List<JobState>();
        JobEngine? engine = null;
        await using var host = await TestHost.StartAsync(
            (_, _) => Task.FromResult<JobOutcome>(new JobOutcome.Failed("no such goal", Retryable: false)),
            build: builder => builder.UseRunLogs(_ => new TestLogs
            {
                Written = (id, text) => states.Add(engine!.GetAsync(id).AsTask().GetAwaiter().GetResult()!.State),
            }));
        engine = host.Engine;

        await host.WhenAsync(await host.SubmitAsync(), JobState.Failed);

        Assert.Equal([JobState.Running], states);
    }

    [Fact]
    public async Task Forgotten_jobs_lose_their_logs()
    {
        var deleted = new TaskCompletionSource<JobId>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await TestHost.StartAsync(
            (_, _) => Task.FromResult(JobOutcome.Done),
            options => options.RetentionCount = 0,
            build: engine => engine.UseRunLogs(_ => new TestLogs { Deleted = deleted }));

        var id = await host.SubmitAsync();

        Assert.Equal(id, await deleted.Task.WaitAsync(TestEngine.Guard));
    }

    private static async Task<(JobState State, int Runs)> StateAsync(TestHost host, JobId id)
    {
        var view = await host.Engine.GetAsync(id);
        return (view!.State, view.Runs);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int current;
        while ((current = Volatile.Read(ref target)) < value
            && Interlocked.CompareExchange(ref target, value, current) != current)
        {
        }
    }
}
