using Engine.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds an engine to an application.</summary>
public static class EngineServiceCollectionExtensions
{
    /// <summary>Adds a <see cref="Engine.JobEngine"/> that starts and stops with the application.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Says what the engine is made of; by default it keeps its events in memory.</param>
    public static IServiceCollection AddEngine(this IServiceCollection services, Action<EngineBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        configure(new EngineBuilder(services));
        return services;
    }
}
