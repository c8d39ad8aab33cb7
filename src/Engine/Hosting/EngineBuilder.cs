using System.Diagnostics.CodeAnalysis;
using Engine.Estimation;
using Engine.RunLogs;
using Engine.Runtime;
using Engine.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Engine.Hosting;

/// <summary>Says what an engine is made of; used inside <c>AddEngine</c>.</summary>
public sealed class EngineBuilder
{
    internal EngineBuilder(IServiceCollection services) => Services = services;

    /// <summary>Where the engine's parts are registered.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Keeps events where <paramref name="create"/> says; the last call wins.</summary>
    public EngineBuilder UseJournal(Func<IServiceProvider, IJournal> create)
    {
        Services.Replace(ServiceDescriptor.Singleton(create));
        return this;
    }

    /// <summary>Keeps events in memory only: nothing survives the process.</summary>
    public EngineBuilder UseMemoryJournal() => UseJournal(_ => new MemoryJournal(keepFrames: false));

    /// <summary>Keeps the output of runs where <paramref name="create"/> says; the last call wins.</summary>
    public EngineBuilder UseRunLogs(Func<IServiceProvider, IRunLogStore> create)
    {
        Services.Replace(ServiceDescriptor.Singleton(create));
        return this;
    }

    /// <summary>Estimates waits with <paramref name="create"/>'s answer instead of the documented formula.</summary>
    public EngineBuilder UseEstimator(Func<IServiceProvider, IWaitEstimator> create)
    {
        Services.Replace(ServiceDescriptor.Singleton(create));
        return this;
    }

    /// <summary>Starts the application even while another process owns the journal, and asks for the journal until it is
    /// given back or its owner's right runs out; <see cref="HostedEngine"/> says how far that has come. Without this the
    /// start fails with <see cref="JournalLockedException"/>.</summary>
    /// <remarks>The journal is asked for once the application has started. Until <see cref="HostedEngine.Serving"/> the
    /// engine must not be called.</remarks>
    public EngineBuilder StandBy()
    {
        Services.TryAddSingleton(new StandbyChoice());
        return this;
    }

    /// <summary>Does <paramref name="step"/> when this process has become the owner of the journal, before any job is
    /// worked on: what two processes must not do at a time. An exception ends the start.</summary>
    public EngineBuilder WhenOwned(Func<IServiceProvider, CancellationToken, Task> step)
    {
        ArgumentNullException.ThrowIfNull(step);
        Services.AddSingleton(provider => new OwnedStep(cancellationToken => step(provider, cancellationToken)));
        return this;
    }

    /// <summary>Changes settings.</summary>
    public EngineBuilder Configure(Action<JobEngineOptions> configure)
    {
        Services.Configure(configure);
        return this;
    }

    /// <summary>Replaces the plans.</summary>
    public EngineBuilder AddTiers(IEnumerable<Tier> tiers)
    {
        Tier[] copy = [.. tiers];
        return Configure(options => options.Tiers = [.. copy]);
    }

    /// <summary>Serves a job type with a handler from the container, and defines the type if it is not configured yet.</summary>
    public EngineBuilder AddHandler<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string type, Func<JobType, JobType>? define = null)
        where THandler : class, IJobHandler
    {
        Services.TryAddSingleton<THandler>();
        return AddHandler(type, provider => provider.GetRequiredService<THandler>(), define);
    }

    /// <summary>Serves a job type with the handler that <paramref name="create"/> makes once.</summary>
    public EngineBuilder AddHandler(
        string type, Func<IServiceProvider, IJobHandler> create, Func<JobType, JobType>? define = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(type);
        Services.AddSingleton(provider => new HandlerRegistration(type, create(provider)));
        return Configure(options =>
        {
            var known = options.Types.FirstOrDefault(candidate => candidate.Name == type);
            if (known is not null)
            {
                options.Types.Remove(known);
            }

            var basis = known ?? new JobType { Name = type };
            options.Types.Add(define is null ? basis : define(basis));
        });
    }
}
