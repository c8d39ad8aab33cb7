using Engine;
using Engine.Estimation;
using Engine.Hosting;
using Engine.RunLogs;
using Engine.Runtime;
using Engine.Storage;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds an engine to an application.</summary>
public static class EngineServiceCollectionExtensions
{
    /// <summary>Adds a <see cref="JobEngine"/> that starts and stops with the application, with workers for the handlers
    /// that are added, and a health check "engine".</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Says what the engine is made of. By default it keeps its events and the output of its
    /// runs in memory (about 256 MiB of it, the oldest goes first), and has the plans of <see cref="Tiers.CoFounder"/>.</param>
    public static IServiceCollection AddEngine(this IServiceCollection services, Action<EngineBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);

#pragma warning disable RS0030 // The default of a composition root that names no clock of its own.
        services.TryAddSingleton(TimeProvider.System);
#pragma warning restore RS0030
        services.AddLogging();
        services.AddOptions<JobEngineOptions>().ValidateOnStart();
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<JobEngineOptions>, JobEngineOptionsValidator>());

        var builder = new EngineBuilder(services);
        builder.UseMemoryJournal();
        builder.UseRunLogs(static provider => new MemoryRunLogStore(provider.GetRequiredService<TimeProvider>()));
        builder.UseEstimator(static _ => new MovingAverageEstimator());
        services.TryAddSingleton(CreateEngine);
        services.TryAddSingleton(static provider => new WorkerPool(
            provider.GetRequiredService<JobEngine>(),
            provider.GetServices<HandlerRegistration>(),
            provider.GetRequiredService<IRunLogStore>(),
            LoggerOf<WorkerPool>(provider)));
        services.TryAddSingleton(static provider => new HostedEngine(
            provider.GetRequiredService<JobEngine>().Metrics,
            provider.GetRequiredService<TimeProvider>(),
            LoggerOf<HostedEngine>(provider)));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, EngineHostedService>(
            static provider => new EngineHostedService(
                provider.GetRequiredService<JobEngine>(),
                provider.GetRequiredService<WorkerPool>(),
                provider.GetRequiredService<HostedEngine>(),
                provider.GetServices<OwnedStep>(),
                provider.GetService<StandbyChoice>() is not null,
                provider.GetService<IHostApplicationLifetime>(),
                LoggerOf<HostedEngine>(provider))));
        services.AddHealthChecks().AddCheck<EngineHealthCheck>("engine");
        configure(builder);
        return services;
    }

    private static JobEngine CreateEngine(IServiceProvider provider)
    {
        var logs = provider.GetRequiredService<IRunLogStore>();
        var logger = LoggerOf<JobEngine>(provider);
        return new JobEngine(
            provider.GetRequiredService<IOptions<JobEngineOptions>>().Value,
            provider.GetRequiredService<IJournal>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<IWaitEstimator>(),
            logger)
        {
            Forget = new LogRetention(logs, logger).Forget,
        };
    }

    private static ILogger<T> LoggerOf<T>(IServiceProvider provider) =>
        provider.GetService<ILogger<T>>() ?? NullLogger<T>.Instance;
}
