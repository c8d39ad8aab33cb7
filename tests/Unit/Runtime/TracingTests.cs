using System.Collections.Concurrent;
using System.Diagnostics;
using Engine.Diagnostics;

namespace Engine.Tests.Runtime;

/// <summary>The activities of runs, as a tracing library sees them.</summary>
public sealed class TracingTests : IDisposable
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource<Activity>> _ended = new();
    private ActivityListener? _listener;

    public void Dispose() => _listener?.Dispose();

    [Fact]
    public async Task A_run_that_completes_is_an_activity_around_its_handler()
    {
        Listen();
        using var outside = new Activity("somebody's").Start();
        Activity? seen = null;
        await using var host = await TestHost.StartAsync((_, _) =>
        {
            seen = Activity.Current;
            return Task.FromResult(JobOutcome.Done);
        });

        var id = await host.SubmitAsync(payload: """{"secret":"hunter2"}""");

        var activity = await EndedAsync(id);
        Assert.Same(activity, seen);
        Assert.Equal(
            ("job.run", "job.run work", ActivityKind.Consumer, ActivityStatusCode.Unset),
            (activity.OperationName, activity.DisplayName, activity.Kind, activity.Status));
        Assert.Null(activity.ParentId);
        Assert.Equal(
            [
                ("engine.job.id", id.ToString()), ("engine.job.tier", "bootstrapper"), ("engine.job.type", "work"),
                ("engine.run.number", "1"), ("engine.run.outcome", "completed"),
            ],
            activity.TagObjects.Select(tag => (tag.Key, tag.Value?.ToString() ?? "")).Order());
    }

    [Fact]
    public async Task A_run_that_fails_says_what_kind_of_failure_and_the_id_but_not_the_words()
    {
        Listen();
        await using var host = await TestHost.StartAsync((context, _) => context.UserId == "u"
            ? throw new InvalidOperationException("Cannot greet Ada Lovelace.")
            : Task.FromResult<JobOutcome>(new JobOutcome.Failed("Cannot greet Ada Lovelace.", Retryable: false)));

        foreach (var (user, type) in ((string, string)[])[("u", "System.InvalidOperationException"), ("v", "failed")])
        {
            var id = await host.SubmitAsync(user);
            var view = await host.WhenAsync(id, JobState.Failed);
            var activity = await EndedAsync(id);
            Assert.Equal((ActivityStatusCode.Error, $"debug id {view.DebugId}"), (activity.Status, activity.StatusDescription));
            Assert.Equal(
                ("failed", type, view.DebugId),
                (activity.GetTagItem("engine.run.outcome"), activity.GetTagItem("error.type"), activity.GetTagItem("engine.run.debug_id")));
            Assert.DoesNotContain(activity.TagObjects, tag => $"{tag.Value}".Contains("Ada", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_run_that_is_cancelled_or_suspended_is_no_failure()
    {
        Listen();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await TestHost.StartAsync(async (context, token) =>
        {
            if (context.UserId == "u")
            {
                started.SetResult();
                await Task.Delay(Timeout.Infinite, token);
            }

            while (await context.BeginIterationAsync() == IterationAnswer.Granted)
            {
                // As many as there are.
            }

            return new JobOutcome.Suspended(default);
        });

        var cancelled = await host.SubmitAsync();
        await started.Task.WaitAsync(TestEngine.Guard);
        await host.Engine.CancelAsync(cancelled);
        var suspended = await host.SubmitAsync("v");

        foreach (var (id, outcome) in ((JobId, string)[])[(cancelled, "cancelled"), (suspended, "suspended")])
        {
            var activity = await EndedAsync(id);
            Assert.Equal((outcome, ActivityStatusCode.Unset), (activity.GetTagItem("engine.run.outcome"), activity.Status));
        }
    }

    [Fact]
    public async Task A_run_that_could_not_be_worked_on_is_a_failure()
    {
        Listen();
        var logs = new TestLogs { FailsToOpen = true };
        await using var host = await TestHost.StartAsync(
            (_, _) => Task.FromResult(JobOutcome.Done), build: engine => engine.UseRunLogs(_ => logs));

        var activity = await EndedAsync(await host.SubmitAsync());

        Assert.Equal(
            ("failed", "System.IO.IOException", ActivityStatusCode.Error),
            (activity.GetTagItem("engine.run.outcome"), activity.GetTagItem("error.type"), activity.Status));
    }

    [Fact]
    public void Without_a_listener_nothing_is_allocated()
    {
        var run = new ClaimedRun { Lease = new RunLease(JobId.New(1, 0, 1), 1, 1), Type = "work", UserId = "u", Tier = "t" };
        Assert.Null(EngineTracing.BeginRun(run));

        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 1_000; i++)
            {
                EngineTracing.BeginRun(run)?.Dispose();
            }
        }));
    }

    // The tests of one class run one after the other: nobody else in this process listens.
    private void Listen()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Engine",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => EndOf($"{activity.GetTagItem("engine.job.id")}").TrySetResult(activity),
        };
        ActivitySource.AddActivityListener(_listener);
    }

    private Task<Activity> EndedAsync(JobId id) => EndOf(id.ToString()).Task.WaitAsync(TestEngine.Guard);

    private TaskCompletionSource<Activity> EndOf(string id) => _ended.GetOrAdd(
        id, static _ => new TaskCompletionSource<Activity>(TaskCreationOptions.RunContinuationsAsynchronously));
}
