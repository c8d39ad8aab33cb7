using System.Collections.Concurrent;
using Engine.Hosting;
using Engine.RunLogs;
using Engine.Runtime;
using Engine.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Engine.Tests;

/// <summary>An engine with its worker pool, put together by <c>AddEngine</c>, on a manual clock.</summary>
internal sealed class TestHost : IAsyncDisposable
{
    /// <summary>A stop that nothing stands in the way of takes less.</summary>
    private static readonly TimeSpan Prompt = TimeSpan.FromSeconds(5);

    private readonly ServiceProvider _services;
    private readonly FuncHandler _handler;

    private TestHost(ServiceProvider services, FuncHandler handler) => (_services, _handler) = (services, handler);

    internal JobEngine Engine => _services.GetRequiredService<JobEngine>();

    internal ManualTimeProvider Time => (ManualTimeProvider)_services.GetRequiredService<TimeProvider>();

    internal WorkerPool Pool => _services.GetRequiredService<WorkerPool>();

    internal IRunLogStore Logs => _services.GetRequiredService<IRunLogStore>();

    internal LogList<WorkerPool> Log => (LogList<WorkerPool>)_services.GetRequiredService<ILogger<WorkerPool>>();

    /// <summary>Starts an engine that serves the type "work" with <paramref name="handler"/>.</summary>
    internal static async Task<TestHost> StartAsync(
        Func<JobContext, CancellationToken, Task<JobOutcome>> handler,
        Action<JobEngineOptions>? configure = null,
        Func<JobType, JobType>? define = null,
        Action<EngineBuilder>? build = null,
        IJournal? journal = null,
        ManualTimeProvider? time = null)
    {
        var work = new FuncHandler(handler);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(time ?? new ManualTimeProvider());
        services.AddSingleton<ILogger<WorkerPool>>(new LogList<WorkerPool>());
        services.AddEngine(engine =>
        {
            engine.AddHandler("work", _ => work, define);
            engine.Configure(options => configure?.Invoke(options));
            engine.UseJournal(_ => journal ?? new MemoryJournal());
            build?.Invoke(engine);
        });
        var host = new TestHost(services.BuildServiceProvider(), work);
        foreach (var hosted in host._services.GetServices<IHostedService>())
        {
            await hosted.StartAsync(CancellationToken.None);
        }

        return host;
    }

    internal async Task<JobId> SubmitAsync(string user = "u", string payload = "{}", string type = "work")
    {
        var result = await Engine.SubmitAsync(new JobRequest
        {
            Type = type,
            UserId = user,
            Tier = "bootstrapper",
            Payload = System.Text.Encoding.UTF8.GetBytes(payload),
        });
        Assert.Equal(SubmitOutcome.Queued, result.Outcome);
        return result.JobId;
    }

    /// <summary>The job when it has reached the state, by being told, not by asking again and again.</summary>
    internal async Task<JobView> WhenAsync(JobId id, JobState state) => await WhenAsync(id, view => view.State == state);

    internal async Task<JobView> WhenAsync(JobId id, Func<JobView, bool> condition)
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        using var watch = await Engine.WatchAsync(id) ?? throw new InvalidOperationException($"No job {id}.");
        if (condition(watch.Snapshot))
        {
            return watch.Snapshot;
        }

        await foreach (var _ in watch.ReadAllAsync(guard.Token))
        {
            if (await Engine.GetAsync(id) is { } view && condition(view))
            {
                return view;
            }
        }

        throw new InvalidOperationException($"The job ended as {await Engine.GetAsync(id)}.");
    }

    /// <summary>The job when its handler works on it. The state comes before: a job is running as soon as that is
    /// durable, and until the pool has heard of it nobody keeps its lease, so that no time may pass.</summary>
    internal async Task AtWorkAsync(JobId id)
    {
        await WhenAsync(id, JobState.Running);
        await _handler.BegunAsync(id).WaitAsync(TestEngine.Guard);
    }

    internal Task<HealthReport> HealthAsync() => _services.GetRequiredService<HealthCheckService>().CheckHealthAsync();

    internal async Task<List<string>> LinesAsync(JobId id) =>
        [.. (await Logs.ReadAsync(id, null, 100)).Lines.Select(line => line.Text)];

    /// <summary>Stops as an application does: handlers may end until <paramref name="cancellationToken"/> is set.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken = default)
    {
        foreach (var hosted in _services.GetServices<IHostedService>())
        {
            await hosted.StopAsync(cancellationToken);
        }
    }

    /// <summary>Lets time pass until something has happened. How much of it is needed depends on when timers are set,
    /// and on a busy machine that may be long after the clock has gone on.</summary>
    internal async Task PassUntilAsync(Task happened)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (!happened.IsCompleted && TimeProvider.System.GetElapsedTime(began) < TestEngine.Guard)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            await Engine.GetQueueAsync();
        }

        await happened.WaitAsync(TestEngine.Guard);
    }

    public async ValueTask DisposeAsync()
    {
        var stopped = StopAsync(new CancellationToken(canceled: true));
        await Task.WhenAny(stopped, Task.Delay(Prompt));

        // After an assertion that failed, a handler may be at work that ignores that it should stop. It is abandoned when
        // its time is up, so time must pass: an endless stop would hide what failed.
        long began = TimeProvider.System.GetTimestamp();
        while (!stopped.IsCompleted && TimeProvider.System.GetElapsedTime(began) < TestEngine.Guard)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        await stopped.WaitAsync(TestEngine.Guard);
        await _services.DisposeAsync();
    }

    private sealed class FuncHandler(Func<JobContext, CancellationToken, Task<JobOutcome>> run) : IJobHandler
    {
        private readonly ConcurrentDictionary<JobId, TaskCompletionSource> _begun = new();

        public Task<JobOutcome> RunAsync(JobContext context, CancellationToken cancellationToken)
        {
            Begun(context.JobId).TrySetResult();
            return run(context, cancellationToken);
        }

        internal Task BegunAsync(JobId id) => Begun(id).Task;

        private TaskCompletionSource Begun(JobId id) => _begun.GetOrAdd(
            id, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
    }
}
