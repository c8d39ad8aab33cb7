using Engine.Runtime;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Engine.Hosting;

/// <summary>Starts the engine and its workers with the application, and lets them end with it.</summary>
internal sealed class EngineHostedService(JobEngine engine, WorkerPool workers) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await engine.StartAsync(cancellationToken).ConfigureAwait(false);
        workers.Start();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await engine.DrainAsync(CancellationToken.None).ConfigureAwait(false);
        await workers.StopAsync(cancellationToken).ConfigureAwait(false);
        await engine.StopAsync(CancellationToken.None, giveUpSnapshot: cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>Healthy while the engine decides.</summary>
internal sealed class EngineHealthCheck(JobEngine engine) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var health = engine.Health;
        return Task.FromResult(health == EngineHealth.Running
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy($"The engine is {health}."));
    }
}
