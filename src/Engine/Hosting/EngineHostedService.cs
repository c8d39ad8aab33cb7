using Engine.Diagnostics;
using Engine.Runtime;
using Engine.Storage;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Engine.Hosting;

/// <summary>Starts the engine and its workers with the application, and lets them end with it.</summary>
/// <remarks>An application that stands by is started first, so that it listens and knows its own address, and asks for
/// the journal afterwards, until it gets it.</remarks>
internal sealed class EngineHostedService : IHostedService, IDisposable
{
    private readonly JobEngine _engine;
    private readonly WorkerPool _workers;
    private readonly HostedEngine _hosted;
    private readonly OwnedStep[] _steps;
    private readonly bool _standsBy;
    private readonly IHostApplicationLifetime? _lifetime;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private Task _standingBy = Task.CompletedTask;

    internal EngineHostedService(
        JobEngine engine,
        WorkerPool workers,
        HostedEngine hosted,
        IEnumerable<OwnedStep> steps,
        bool standsBy,
        IHostApplicationLifetime? lifetime,
        ILogger logger)
    {
        (_engine, _workers, _hosted, _steps) = (engine, workers, hosted, [.. steps]);
        (_standsBy, _lifetime, _logger) = (standsBy, lifetime, logger);
        engine.Acquired = hosted.Acquired;
    }

    /// <summary>How often the journal is asked for at least, in case its owner gives it back.</summary>
    internal static TimeSpan MaxWait { get; } = TimeSpan.FromMilliseconds(250);

    /// <summary>A right that is about to run out is not asked for more often than this.</summary>
    internal static TimeSpan MinWait { get; } = TimeSpan.FromMilliseconds(10);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_standsBy)
        {
            _standingBy = StandByAsync(_stop.Token);
            return;
        }

        try
        {
            await ServeAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            _hosted.Fails(e);
            throw;
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _standingBy.ConfigureAwait(false);
        if (!_engine.HasStarted)
        {
            return;
        }

        await _engine.DrainAsync(CancellationToken.None).ConfigureAwait(false);

        // Of a failed engine nothing that a run reports is kept, and another owner may be running it again by now.
        var enough = _engine.Health == EngineHealth.Failed ? new CancellationToken(canceled: true) : cancellationToken;
        await _workers.StopAsync(enough).ConfigureAwait(false);
        await _engine.StopAsync(CancellationToken.None, giveUpSnapshot: enough).ConfigureAwait(false);
    }

    public void Dispose() => _stop.Dispose();

    private async Task StandByAsync(CancellationToken stopping)
    {
        try
        {
            await ApplicationStartedAsync(stopping).ConfigureAwait(false);
            while (!await TryServeAsync(stopping).ConfigureAwait(false))
            {
                var wait = _hosted.RetryAfter is { } lease && lease < MaxWait ? lease : MaxWait;
                await Task.Delay(wait > MinWait ? wait : MinWait, _engine.Time, stopping).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The application stops, and has not served.
        }
        catch (Exception e)
        {
            _hosted.Fails(e);
            _logger.CannotServe(e);
            _lifetime?.StopApplication();
        }
    }

    private async Task<bool> TryServeAsync(CancellationToken stopping)
    {
        try
        {
            await ServeAsync(stopping).ConfigureAwait(false);
            return true;
        }
        catch (JournalLockedException e) when (!_engine.HasStarted)
        {
            _hosted.Refused(e);
            return false;
        }
    }

    private async Task ServeAsync(CancellationToken cancellationToken)
    {
        await _engine.StartAsync(cancellationToken).ConfigureAwait(false);
        foreach (var step in _steps)
        {
            await step.RunAsync(cancellationToken).ConfigureAwait(false);
        }

        _workers.Start();
        _hosted.Serves();
    }

    private async Task ApplicationStartedAsync(CancellationToken stopping)
    {
        // Asked from a thread of its own in any case: the application's start must not wait for the journal.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (_lifetime is null)
        {
            return;
        }

        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = _lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stopping).ConfigureAwait(false);
    }
}

/// <summary>Something that only the owner of the journal may do, done before its workers start.</summary>
internal sealed record OwnedStep(Func<CancellationToken, Task> RunAsync);

/// <summary>Whether the application stands by while another process owns the journal.</summary>
internal sealed record StandbyChoice;

/// <summary>Healthy while the engine decides.</summary>
internal sealed class EngineHealthCheck(JobEngine engine, HostedEngine hosted) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var health = engine.Health;
        return Task.FromResult((hosted.State, health) switch
        {
            (HostedEngineState.StandingBy, _) => HealthCheckResult.Unhealthy(
                $"The engine stands by for {hosted.Owner ?? "another process"}."),
            (_, EngineHealth.Running)
                when engine.HoldsJournal && engine.JournalDelay.TotalMilliseconds > JournalDelay.ToleratedMs =>
                HealthCheckResult.Unhealthy($"The journal has not answered for {engine.JournalDelay:c}."),
            (_, EngineHealth.Running) when engine.HoldsJournal && engine.ClockLead > ClockLead.Tolerated =>
                HealthCheckResult.Degraded(
                    $"The engine's clock stands still: the wall clock is {engine.ClockLead:c} behind it."),
            (_, EngineHealth.Running) when engine.HoldsJournal => HealthCheckResult.Healthy(),
            (_, EngineHealth.Running) => HealthCheckResult.Unhealthy(
                "The right to the journal has run out and was not renewed."),
            _ => HealthCheckResult.Unhealthy($"The engine is {health}."),
        });
    }
}
