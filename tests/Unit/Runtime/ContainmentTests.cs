using System.Text;

namespace Engine.Tests.Runtime;

/// <summary>Whatever a handler does, it costs its own run and nothing else, and it is reported.</summary>
public sealed class ContainmentTests
{
    private const int RunFailed = 1101;
    private const int RunAbandoned = 1102;
    private const int RunTimedOut = 1103;
    private const int CallbackFailed = 1106;

    [Fact]
    public async Task A_handler_that_throws_fails_its_run_with_a_debug_id_and_no_secrets()
    {
        await using var host = await TestHost.StartAsync(async (_, _) =>
        {
            await Task.Yield();
            throw new InvalidOperationException("Cannot connect with password=hunter2!");
        });

        var id = await host.SubmitAsync();

        var view = await host.WhenAsync(id, JobState.Failed);
        Assert.DoesNotContain("hunter2", view.Error + view.Message, StringComparison.Ordinal);
        Assert.StartsWith("Cannot connect", view.Error, StringComparison.Ordinal);
        Assert.StartsWith($"Job failed - debug_id: {view.DebugId}. Cannot connect", view.Message, StringComparison.Ordinal);
        Assert.Contains(view.DebugId!, Assert.Single(host.Log.Of(RunFailed)), StringComparison.Ordinal);
        await AssertServesAsync(host);
    }

    [Fact]
    public async Task A_handler_that_throws_before_its_first_await_fails_its_run()
    {
        await using var host = await TestHost.StartAsync((_, _) => throw new NotSupportedException("Not today."));

        Assert.Equal("Not today.", (await host.WhenAsync(await host.SubmitAsync(), JobState.Failed)).Error);
    }

    [Fact]
    public async Task A_handler_that_gives_no_task_or_no_outcome_fails_its_run()
    {
        await using var host = await TestHost.StartAsync((context, _) => Text(context) switch
        {
            "no task" => null!,
            "no outcome" => Task.FromResult<JobOutcome>(null!),
            _ => Task.FromResult<JobOutcome>(new JobOutcome.Failed(null!)),
        });

        Assert.Equal("The handler gave up.", (await host.WhenAsync(await host.SubmitAsync(payload: "no task"), JobState.Failed)).Error);
        Assert.Equal(
            "The handler gave no outcome.",
            (await host.WhenAsync(await host.SubmitAsync(payload: "no outcome"), JobState.Failed)).Error);
        Assert.Equal(
            "The handler gave no reason.",
            (await host.WhenAsync(await host.SubmitAsync(payload: "no reason"), JobState.Failed)).Error);
    }

    [Fact]
    public async Task A_handler_that_says_cancelled_without_being_asked_fails_its_run()
    {
        await using var host = await TestHost.StartAsync((_, _) => throw new OperationCanceledException());

        var view = await host.WhenAsync(await host.SubmitAsync(), JobState.Failed);

        Assert.Equal("The handler gave up.", view.Error);
        Assert.NotNull(view.DebugId);
    }

    [Fact]
    public async Task A_handler_that_hangs_is_told_to_stop_when_its_time_is_up_and_its_run_fails()
    {
        // The time of a run begins with its handler, not with the state that the engine shows.
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await TestHost.StartAsync(
            async (context, token) =>
            {
                if (context.UserId == "u")
                {
                    started.SetResult();
                    await Task.Delay(Timeout.Infinite, token);
                }

                return JobOutcome.Done;
            },
            define: type => type with { Timeout = TimeSpan.FromMinutes(5) });
        var id = await host.SubmitAsync();
        await started.Task.WaitAsync(TestEngine.Guard);

        await PassAsync(host, TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        Assert.Equal(JobState.Running, (await host.Engine.GetAsync(id))!.State);
        await PassAsync(host, TimeSpan.FromSeconds(1));

        var view = await host.WhenAsync(id, JobState.Failed);
        Assert.Equal("Timed out after 00:05:00.", view.Error);
        Assert.Single(host.Log.Of(RunTimedOut));
        Assert.Empty(host.Log.Of(RunAbandoned));
        await AssertServesAsync(host);
    }

    [Fact]
    public async Task A_handler_that_ignores_its_time_out_is_abandoned_after_the_grace_and_its_slot_freed()
    {
        var never = new TaskCompletionSource<JobOutcome>();
        await using var host = await TestHost.StartAsync(
            (context, _) => context.UserId == "u" ? never.Task : Task.FromResult(JobOutcome.Done),
            options => options.MaxConcurrentRuns = 1,
            type => type with { Timeout = TimeSpan.FromMinutes(1) });
        var id = await host.SubmitAsync();
        await host.AtWorkAsync(id);
        var abandoned = host.Log.NextAsync(RunAbandoned);

        await host.PassUntilAsync(abandoned);

        var view = await host.WhenAsync(id, JobState.Failed);
        Assert.Equal("Timed out after 00:01:00.", view.Error);
        Assert.Contains("The handler did not stop in time and was abandoned.", await host.LinesAsync(id));
        Assert.Equal(
            $"Job {id} run 1 does not stop 00:00:30 after it was told to: it is abandoned and may still be working",
            Assert.Single(host.Log.Of(RunAbandoned)));

        // There is one worker: it serves others now. What the abandoned handler says later changes nothing.
        await AssertServesAsync(host);
        never.SetResult(new JobOutcome.Completed("late"u8.ToArray()));
        await AssertServesAsync(host);
        Assert.True((await host.Engine.GetAsync(id))!.Result.IsEmpty);
    }

    [Fact]
    public async Task A_handler_that_ignores_its_cancellation_is_abandoned_and_the_job_is_cancelled()
    {
        var never = new TaskCompletionSource<JobOutcome>();
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await TestHost.StartAsync((_, token) =>
        {
            token.Register(told.SetResult);
            return never.Task;
        });
        var id = await host.SubmitAsync();
        await host.AtWorkAsync(id);

        Assert.Equal(CancelOutcome.Requested, (await host.Engine.CancelAsync(id)).Outcome);
        await told.Task.WaitAsync(TestEngine.Guard);
        Assert.Equal(JobState.Running, (await host.Engine.GetAsync(id))!.State);
        await host.PassUntilAsync(host.Log.NextAsync(RunAbandoned));

        await host.WhenAsync(id, JobState.Cancelled);
        never.SetException(new InvalidOperationException("nobody looks"));
    }

    [Fact]
    public async Task A_handler_that_blocks_its_thread_blocks_nobody_else()
    {
        using var go = new ManualResetEventSlim();
        await using var host = await TestHost.StartAsync((context, _) =>
        {
            if (context.UserId == "u")
            {
                go.Wait(TestEngine.Guard, CancellationToken.None);
            }

            return Task.FromResult(JobOutcome.Done);
        });
        var id = await host.SubmitAsync();
        await host.AtWorkAsync(id);

        await AssertServesAsync(host);
        Assert.Equal(JobState.Running, (await host.Engine.GetAsync(id))!.State);
        go.Set();
        await host.WhenAsync(id, JobState.Completed);
    }

    [Fact]
    public async Task A_handler_that_stops_on_request_ends_its_job_cancelled()
    {
        await using var host = await TestHost.StartAsync(async (_, token) =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return JobOutcome.Done;
        });
        var id = await host.SubmitAsync();
        await host.AtWorkAsync(id);

        await host.Engine.CancelAsync(id);

        Assert.Equal("Cancelled by user", (await host.WhenAsync(id, JobState.Cancelled)).Message);
        Assert.Empty(host.Log.Of(RunFailed));
    }

    [Fact]
    public async Task DA_16_a_handler_that_completes_although_cancelled_does_not_complete_its_job()
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await TestHost.StartAsync(async (context, token) =>
        {
            token.Register(told.SetResult);
            await told.Task;
            await Assert.ThrowsAsync<OperationCanceledException>(async () => await context.ReportProgressAsync(1));
            await Assert.ThrowsAsync<OperationCanceledException>(async () => await context.BeginIterationAsync());
            await Assert.ThrowsAsync<OperationCanceledException>(async () => await context.HeartbeatAsync());
            return new JobOutcome.Completed("{}"u8.ToArray());
        });
        var id = await host.SubmitAsync();
        await host.AtWorkAsync(id);

        await host.Engine.CancelAsync(id);

        Assert.True((await host.WhenAsync(id, JobState.Cancelled)).Result.IsEmpty);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_a_handler_registers_on_its_token_may_throw_or_block(bool throws)
    {
        // On the thread that cancels it would take the process down, or hold up the abandoning for ever.
        using var go = new ManualResetEventSlim();
        var never = new TaskCompletionSource<JobOutcome>();
        var registered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await TestHost.StartAsync((context, token) =>
        {
            if (context.UserId != "u")
            {
                return Task.FromResult(JobOutcome.Done);
            }

            token.Register(() =>
            {
                if (throws)
                {
                    throw new InvalidOperationException("from a callback");
                }

                go.Wait(TestEngine.Guard, CancellationToken.None);
            });
            registered.SetResult();
            return never.Task;
        });
        var id = await host.SubmitAsync();
        await registered.Task.WaitAsync(TestEngine.Guard);
        var failed = host.Log.NextAsync(CallbackFailed);

        await host.Engine.CancelAsync(id);
        await host.PassUntilAsync(host.Log.NextAsync(RunAbandoned));

        await host.WhenAsync(id, JobState.Cancelled);
        if (throws)
        {
            await failed.WaitAsync(TestEngine.Guard);
        }

        go.Set();
        await AssertServesAsync(host);
    }

    [Fact]
    public async Task A_handler_that_completes_before_the_last_stage_fails_its_run()
    {
        await using var host = await TestHost.StartAsync(
            async (context, _) =>
            {
                await context.MoveToAsync("scaffold");
                return JobOutcome.Done;
            },
            define: type => type with { Pipeline = Pipeline.Build, MaxRetries = 5 });

        var view = await host.WhenAsync(await host.SubmitAsync(), JobState.Failed);

        Assert.Equal("The handler completed before the last stage of the pipeline.", view.Error);
        Assert.Equal(1, view.Runs);
    }

    [Fact]
    public async Task A_handler_that_suspends_with_iterations_left_fails_its_run()
    {
        await using var host = await TestHost.StartAsync(
            (_, _) => Task.FromResult<JobOutcome>(new JobOutcome.Suspended(default)));

        Assert.Equal(
            "The handler suspended although iterations were left.",
            (await host.WhenAsync(await host.SubmitAsync(), JobState.Failed)).Error);
    }

    [Theory]
    [InlineData("result")]
    [InlineData("checkpoint")]
    public async Task A_result_or_checkpoint_that_is_too_large_fails_its_run(string what)
    {
        await using var host = await TestHost.StartAsync(
            async (context, _) =>
            {
                if (what == "result")
                {
                    return new JobOutcome.Completed(new byte[1001]);
                }

                while (await context.BeginIterationAsync() == IterationAnswer.Granted)
                {
                }

                return new JobOutcome.Suspended(new byte[1001]);
            },
            options => options.MaxPayloadBytes = 1000);

        Assert.Equal(
            $"The {what} of 1001 bytes is larger than allowed.",
            (await host.WhenAsync(await host.SubmitAsync(), JobState.Failed)).Error);
    }

    [Fact]
    public async Task A_very_long_error_is_cut()
    {
        await using var host = await TestHost.StartAsync(
            (_, _) => throw new InvalidOperationException(string.Concat(Enumerable.Repeat("word ", 100_000))));

        var view = await host.WhenAsync(await host.SubmitAsync(), JobState.Failed);

        Assert.InRange(view.Error!.Length, 1, 2000);
    }

    [Fact]
    public async Task A_run_whose_log_cannot_be_opened_is_failed_and_reported()
    {
        var logs = new TestLogs { FailsToOpen = true };
        await using var host = await TestHost.StartAsync(
            (_, _) => Task.FromResult(JobOutcome.Done),
            define: type => type with { MaxRetries = 1 },
            build: engine => engine.UseRunLogs(_ => logs));
        var id = await host.SubmitAsync();

        var view = await host.WhenAsync(id, JobState.Scheduled);
        Assert.Equal("The run could not be carried out.", view.Error);
        Assert.Single(host.Log.Of(RunFailed));
        logs.FailsToOpen = false;
        host.Time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(2, (await host.WhenAsync(id, JobState.Completed)).Runs);
    }

    [Fact]
    public async Task A_log_that_cannot_be_closed_does_not_undo_what_the_run_did()
    {
        await using var host = await TestHost.StartAsync(
            (_, _) => Task.FromResult(JobOutcome.Done),
            build: engine => engine.UseRunLogs(_ => new TestLogs { FailsToClose = true }));

        await host.WhenAsync(await host.SubmitAsync(), JobState.Completed);
        await AssertServesAsync(host);
    }

    [Fact]
    public async Task A_run_whose_lease_is_lost_is_stopped_and_what_it_says_is_not_heard()
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await TestHost.StartAsync(
            async (context, token) =>
            {
                if (context.Run == 1)
                {
                    await Record.ExceptionAsync(() => Task.Delay(Timeout.Infinite, token));
                    stopped.SetResult();
                    return new JobOutcome.Completed("first"u8.ToArray());
                }

                return new JobOutcome.Completed("second"u8.ToArray());
            });
        var id = await host.SubmitAsync();
        await host.AtWorkAsync(id);

        // As after a long pause of the process: the first thing that happens is that the lease is found to be over.
        await host.Engine.AskAsync(
            loop =>
            {
                Engine.Core.Rules.Finishing.Lose(loop.Core, loop.Core.Find(id, null)!);
                return true;
            },
            default);

        await stopped.Task.WaitAsync(TestEngine.Guard);
        var view = await host.WhenAsync(id, JobState.Completed);
        Assert.Equal((2, "second"), (view.Runs, Encoding.UTF8.GetString(view.Result.Span)));
    }

    [Fact]
    public async Task When_the_storage_fails_the_pool_ends_and_says_so_once()
    {
        var journal = new GatedJournal();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var host = await TestHost.StartAsync(
            async (_, _) =>
            {
                await go.Task;
                return JobOutcome.Done;
            },
            journal: journal);
        var id = await host.SubmitAsync();
        await host.AtWorkAsync(id);
        journal.FailWith(() => new Engine.Storage.AppendResult(Engine.Storage.AppendStatus.Unknown, "gone"));
        go.SetResult();

        await Assert.ThrowsAnyAsync<Exception>(() => host.Engine.Stopped.WaitAsync(TestEngine.Guard));
        Assert.Equal(EngineHealth.Failed, host.Engine.Health);

        // The application that stops now is told why.
        await Assert.ThrowsAnyAsync<IOException>(() => host.StopAsync().WaitAsync(TestEngine.Guard));
        Assert.Equal(0, host.Pool.ActiveCount);
    }

    private static string Text(JobContext context) => Encoding.UTF8.GetString(context.Payload.Span);

    private static async Task AssertServesAsync(TestHost host)
    {
        var id = await host.SubmitAsync("another");
        await host.WhenAsync(id, view => view.State.IsFinal);
    }

    /// <summary>Lets time pass in steps shorter than a heartbeat, so that leases are kept as they would be.</summary>
    private static async Task PassAsync(TestHost host, TimeSpan time)
    {
        for (var left = time; left > TimeSpan.Zero; left -= TimeSpan.FromSeconds(10))
        {
            host.Time.Advance(left < TimeSpan.FromSeconds(10) ? left : TimeSpan.FromSeconds(10));
            await host.Engine.GetQueueAsync();
        }
    }
}
