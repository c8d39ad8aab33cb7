using Engine.Host.Configuration;
using Engine.Host.Processes;
using Engine.Host.Rehearsal;
using Engine.Hosting;
using Engine.Storage;
using Engine.Storage.Redis;

namespace Engine.Host.Serve;

/// <summary>Builds the engine that the settings describe. Shared by every command that needs one.</summary>
internal static class EngineSetup
{
    /// <summary>Adds the engine with its journal, run logs and job types.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="settings">What was set.</param>
    /// <param name="address">Where callers reach it, for the journal to publish; null when nobody can.</param>
    /// <param name="more">Further wishes.</param>
    internal static IServiceCollection AddConfiguredEngine(
        this IServiceCollection services,
        HostSettings settings,
        AdvertisedAddress? address = null,
        Action<EngineBuilder>? more = null) =>
        services.AddEngine(engine =>
        {
            engine.Configure(options => Copy(settings.Engine, options));
            UseJournal(engine, settings, address);
            engine.UseRunStorage(settings);
            if (ServedTypes(settings).Any(type => type.Handler == HandlerKind.Process))
            {
                engine.UseProcesses(settings);
            }

            foreach (var type in ServedTypes(settings))
            {
                engine.AddHandler(type.Type.Name, provider => CreateHandler(provider, settings, type), _ => type.Type);
            }

            more?.Invoke(engine);
        });

    /// <summary>The types that something serves: the others do not exist for submitters.</summary>
    internal static IEnumerable<JobTypeSettings> ServedTypes(HostSettings settings)
    {
        foreach (var type in settings.JobTypes.Values)
        {
            var handler = type.Handler
                ?? (settings.IsDevelopment && type.Type.Name == "build" ? HandlerKind.Rehearsal : null);
            if (handler is not null)
            {
                yield return type with { Handler = handler };
            }
        }
    }

    /// <summary>Puts a job type in the place of the one with its name.</summary>
    internal static void ReplaceType(JobEngineOptions options, JobType type)
    {
        if (options.Types.FirstOrDefault(known => known.Name == type.Name) is { } known)
        {
            options.Types[options.Types.IndexOf(known)] = type;
        }
    }

    private static void UseJournal(EngineBuilder engine, HostSettings settings, AdvertisedAddress? address)
    {
        switch (settings.Journal)
        {
            case JournalKind.Memory:
                engine.UseMemoryJournal();
                break;
            case JournalKind.Faster:
                engine.UseFasterJournal(Path.Combine(settings.DataDirectory, "journal"), options =>
                {
                    options.Durability = settings.JournalDurability == JournalDurability.Synced
                        ? Durability.Synced
                        : Durability.Logged;
                    options.SegmentSizeBytes = settings.JournalSegmentBytes;
                    options.OwnerAddress = () => address?.Value;
                });
                break;
            case JournalKind.Redis:
                engine.UseRedisJournal(settings.Redis.Connection, options => Copy(settings, address, options));
                break;
        }
    }

    private static IJobHandler CreateHandler(IServiceProvider provider, HostSettings settings, JobTypeSettings type) =>
        type.Handler switch
        {
            HandlerKind.Rehearsal => new RehearsalHandler(
                type.Type.Pipeline, settings.RehearsalStageDuration, provider.GetRequiredService<TimeProvider>()),
            HandlerKind.Process => ProcessSetup.CreateHandler(provider, settings),
            null => throw new InvalidOperationException($"Nothing serves '{type.Type.Name}'."),
        };

    private static void Copy(HostSettings from, AdvertisedAddress? address, RedisJournalOptions to)
    {
        to.Namespace = from.Redis.Namespace;
        to.LeaseDuration = from.Redis.LeaseDuration;
        to.CommandTimeout = from.Redis.CommandTimeout;
        to.OutageTimeout = from.Redis.OutageTimeout;
        to.Replicas = from.Redis.Replicas;
        to.OwnerAddress = () => address?.Value;
        to.Durability = from.JournalDurability switch
        {
            JournalDurability.Synced => Durability.Synced,
            JournalDurability.Logged => Durability.Logged,
            JournalDurability.Replicated => Durability.Replicated,
        };
    }

    private static void Copy(JobEngineOptions from, JobEngineOptions to)
    {
        to.GlobalCap = from.GlobalCap;
        to.MaxConcurrentRuns = from.MaxConcurrentRuns;
        to.Tiers = [.. from.Tiers];
        to.FallbackTier = from.FallbackTier;
        to.Resources = new Dictionary<string, int>(from.Resources, StringComparer.Ordinal);
        to.Ordering = from.Ordering;
        to.HeadStartPerBoost = from.HeadStartPerBoost;
        to.LeaseDuration = from.LeaseDuration;
        to.CancelGrace = from.CancelGrace;
        to.ConfirmationTimeout = from.ConfirmationTimeout;
        to.MaxDaysAhead = from.MaxDaysAhead;
        to.ReleaseJitter = from.ReleaseJitter;
        to.IdempotencyWindow = from.IdempotencyWindow;
        to.RetentionTime = from.RetentionTime;
        to.RetentionCount = from.RetentionCount;
        to.RetentionBytes = from.RetentionBytes;
        to.StaleAfter = from.StaleAfter;
        to.MaxPayloadBytes = from.MaxPayloadBytes;
        to.SharedProjects = from.SharedProjects;
        to.InboxCapacity = from.InboxCapacity;
        to.SnapshotJournalBytes = from.SnapshotJournalBytes;
    }
}
