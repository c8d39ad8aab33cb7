using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Engine.Hosting;
using Engine.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Engine.Tests.Hosting;

/// <summary>Standing by as the library offers it: without HTTP.</summary>
public sealed class StandbyTests : IAsyncDisposable
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(3);

    private readonly ManualTimeProvider _time = new();
    private readonly LeasedStore _store;
    private readonly LogList<HostedEngine> _log = new();
    private readonly ConcurrentQueue<string> _done = new();
    private readonly List<ServiceProvider> _hosts = [];

    public StandbyTests() => _store = new LeasedStore(_time, Lease);

    [Fact]
    public async Task What_only_an_owner_may_do_is_done_when_it_takes_over_and_before_any_job_is_worked_on()
    {
        var owner = Create("a");
        await StartAsync(owner);
        await Hosted(owner).Serving.WaitAsync(TestEngine.Guard);
        await SubmitAsync(owner);
        await UntilAsync(() => _done.Count == 2);
        var standby = Create("b");
        await StartAsync(standby);
        await UntilAsync(() => Hosted(standby).State == HostedEngineState.StandingBy);
        Assert.Equal(["a owns", "a works"], _done);
        await AssertHealthAsync(standby, HealthStatus.Unhealthy, "The engine stands by for a.");

        await StopAsync(owner);
        await TakeOverAsync(standby);
        await SubmitAsync(standby);
        await UntilAsync(() => _done.Count == 4);

        Assert.Equal(["a owns", "a works", "b owns", "b works"], _done);
        await AssertHealthAsync(standby, HealthStatus.Healthy, null);
    }

    [Fact]
    public async Task Standing_by_and_taking_over_are_logged_and_measured()
    {
        using var listener = new MeterListener();
        int standbys = 0;
        var durations = new ConcurrentQueue<double>();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "Engine")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<int>((instrument, value, _, _) =>
            Interlocked.Add(ref standbys, instrument.Name == "engine.standby" ? value : 0));
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) =>
        {
            if (instrument.Name == "engine.takeover.duration")
            {
                durations.Enqueue(value);
            }
        });
        listener.Start();
        var owner = Create("a");
        await StartAsync(owner);
        await Hosted(owner).Serving.WaitAsync(TestEngine.Guard);
        var standby = Create("b");
        await StartAsync(standby);
        await UntilAsync(() => _log.Of(1201).Count == 1);
        Assert.Equal(1, Volatile.Read(ref standbys));

        var stopped = _time.GetElapsedTime(0);
        await StopAsync(owner);
        await TakeOverAsync(standby);

        Assert.Equal(0, Volatile.Read(ref standbys));
        Assert.InRange(Assert.Single(durations), 0.001, (_time.GetElapsedTime(0) - stopped).TotalSeconds);
        Assert.StartsWith("Standing by: a owns the journal.", Assert.Single(_log.Of(1201)), StringComparison.Ordinal);
        Assert.StartsWith("Taking over from a after standing by for", Assert.Single(_log.Of(1202)), StringComparison.Ordinal);
        Assert.StartsWith("Took over: serving ", Assert.Single(_log.Of(1203)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_standing_by_a_locked_journal_fails_the_start()
    {
        await StartAsync(Create("a"));
        await UntilAsync(() => !_done.IsEmpty);
        var second = Create("b", standsBy: false);

        var refusal = await Assert.ThrowsAsync<JournalLockedException>(() => StartAsync(second));

        Assert.Equal("a", refusal.Owner);
        Assert.Equal(HostedEngineState.Failed, Hosted(second).State);
    }

    [Fact]
    public async Task Handlers_of_an_owner_that_was_replaced_are_told_to_stop_at_once()
    {
        var owner = Create("a", hangs: true);
        await StartAsync(owner);
        await Hosted(owner).Serving.WaitAsync(TestEngine.Guard);
        await SubmitAsync(owner);
        await UntilAsync(() => _done.Contains("a works"));
        Journal(owner).Pause();
        var standby = Create("b");
        await StartAsync(standby);
        await TakeOverAsync(standby);
        Journal(owner).Wake();
        await Assert.ThrowsAsync<JournalFencedException>(
            () => owner.GetRequiredService<JobEngine>().Stopped.WaitAsync(TestEngine.Guard));

        // Not set: a stop that has all the time in the world does not let the run end by itself.
        await Assert.ThrowsAsync<JournalFencedException>(() => StopAsync(owner).WaitAsync(TestEngine.Guard));

        Assert.Contains("a is told to stop", _done);
        _hosts.Remove(owner);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts.ToArray())
        {
            await StopAsync(host).WaitAsync(TestEngine.Guard);
        }
    }

    private static HostedEngine Hosted(ServiceProvider host) => host.GetRequiredService<HostedEngine>();

    private static LeasedJournal Journal(ServiceProvider host) =>
        (LeasedJournal)host.GetRequiredService<IJournal>();

    private static async Task StartAsync(ServiceProvider host)
    {
        foreach (var hosted in host.GetServices<IHostedService>())
        {
            await hosted.StartAsync(CancellationToken.None);
        }
    }

    private static async Task SubmitAsync(ServiceProvider host) =>
        await host.GetRequiredService<JobEngine>().SubmitAsync(
            new JobRequest { Type = "work", UserId = "u", Tier = "partner", Payload = "{}"u8.ToArray() });

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (!condition())
        {
            guard.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private static async Task AssertHealthAsync(ServiceProvider host, HealthStatus status, string? description)
    {
        var report = await host.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal((status, description), (report.Entries["engine"].Status, report.Entries["engine"].Description));
    }

    private async Task StopAsync(ServiceProvider host)
    {
        foreach (var hosted in host.GetServices<IHostedService>().Reverse())
        {
            await hosted.StopAsync(CancellationToken.None);
        }

        await host.DisposeAsync();
        _hosts.Remove(host);
    }

    // Small steps, each long enough for nobody's lease to end unrenewed.
    private async Task TakeOverAsync(ServiceProvider standby)
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (!Hosted(standby).Serving.IsCompleted)
        {
            guard.Token.ThrowIfCancellationRequested();
            _time.Advance(TimeSpan.FromMilliseconds(10));
            await Task.Yield();
        }
    }

    private ServiceProvider Create(string name, bool standsBy = true, bool hangs = false)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(_time);
        services.AddSingleton<ILogger<HostedEngine>>(_log);
        services.AddEngine(engine =>
        {
            engine.UseJournal(_ => _store.Open(() => name));
            engine.AddHandler("work", _ => new Handler(name, hangs, _done));
            engine.WhenOwned((_, _) =>
            {
                _done.Enqueue($"{name} owns");
                return Task.CompletedTask;
            });
            if (standsBy)
            {
                engine.StandBy();
            }
        });
        var host = services.BuildServiceProvider();
        _hosts.Add(host);
        return host;
    }

    private sealed class Handler(string name, bool hangs, ConcurrentQueue<string> done) : IJobHandler
    {
        public async Task<JobOutcome> RunAsync(JobContext context, CancellationToken cancellationToken)
        {
            done.Enqueue($"{name} works");
            if (hangs)
            {
                var stop = new TaskCompletionSource();
                using var registration = cancellationToken.Register(stop.SetResult);
                await stop.Task;
                done.Enqueue($"{name} is told to stop");
            }

            return JobOutcome.Done;
        }
    }
}
