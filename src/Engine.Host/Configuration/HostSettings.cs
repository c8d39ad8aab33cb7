using Engine.Host.Processes;
using Engine.Storage.Redis;

namespace Engine.Host.Configuration;

/// <summary>Everything that can be set, with the values that hold when nothing is.</summary>
internal sealed class HostSettings
{
    /// <summary>The environment that the settings were read for.</summary>
    internal required string Environment { get; init; }

    internal bool IsDevelopment =>
        string.Equals(Environment, Environments.Development, StringComparison.OrdinalIgnoreCase);

    internal bool IsProduction =>
        string.Equals(Environment, Environments.Production, StringComparison.OrdinalIgnoreCase);

    internal string DataDirectory { get; set; } = "data";

    internal JournalKind Journal { get; set; } = JournalKind.Faster;

    internal JournalDurability JournalDurability { get; set; } = JournalDurability.Synced;

    internal int JournalSegmentBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>The journal in Redis, but for its durability: see <see cref="JournalDurability"/>.</summary>
    internal RedisJournalOptions Redis { get; } = new();

    /// <summary>Whether to wait for a journal that another process owns.</summary>
    internal bool Standby { get; set; }

    /// <summary>The engine's own options. <see cref="JobEngineOptions.Types"/> stays empty here: see
    /// <see cref="JobTypes"/>.</summary>
    /// <remarks>The host's tiers always hold the preset's, so that its lowest can be what an unknown tier gets.</remarks>
    internal JobEngineOptions Engine { get; } = new() { FallbackTier = "bootstrapper" };

    /// <summary>The job types by name; names differ by more than case.</summary>
    internal SortedDictionary<string, JobTypeSettings> JobTypes { get; } = new(StringComparer.OrdinalIgnoreCase)
    {
        ["build"] = new JobTypeSettings { Type = new JobType { Name = "build", Pipeline = Pipeline.Build } },
    };

    internal TimeSpan RehearsalStageDuration { get; set; } = TimeSpan.FromSeconds(2);

    internal ProcessSettings Processes { get; } = new();

    internal HttpSettings Http { get; } = new();

    internal AuthenticationSettings Authentication { get; } = new();

    /// <summary>Changes a tier of the preset, or adds one.</summary>
    internal void ChangeTier(string name, Func<Tier, Tier> change)
    {
        for (int i = 0; i < Engine.Tiers.Count; i++)
        {
            if (string.Equals(Engine.Tiers[i].Name, name, StringComparison.OrdinalIgnoreCase))
            {
                Engine.Tiers[i] = change(Engine.Tiers[i]);
                return;
            }
        }

        Engine.Tiers.Add(change(new Tier { Name = name }));
    }

    /// <summary>Changes a job type, or adds one.</summary>
    internal void ChangeType(string name, Func<JobTypeSettings, JobTypeSettings> change)
    {
        var known = JobTypes.GetValueOrDefault(name) ?? new JobTypeSettings { Type = new JobType { Name = name } };
        JobTypes[known.Type.Name] = change(known);
    }
}

/// <summary>Where the engine keeps its events.</summary>
internal enum JournalKind
{
    /// <summary>On disk under the data directory, synced before anything is acknowledged.</summary>
    Faster,

    /// <summary>Nowhere: gone with the process.</summary>
    Memory,

    /// <summary>In a Redis that syncs before it answers.</summary>
    Redis,
}

/// <summary>What an acknowledgement of the journal survives.</summary>
internal enum JournalDurability
{
    /// <summary>The loss of power.</summary>
    Synced,

    /// <summary>The end of the process, not the loss of power.</summary>
    Logged,

    /// <summary>The loss of the machine, as far as the replicas survive; in Redis only.</summary>
    Replicated,
}

/// <summary>What serves a job type.</summary>
internal enum HandlerKind
{
    /// <summary>Walks the stages and does nothing: for trying the API.</summary>
    Rehearsal,

    /// <summary>Runs an allow-listed program.</summary>
    Process,
}

/// <summary>A job type and what serves it.</summary>
internal sealed record JobTypeSettings
{
    internal required JobType Type { get; init; }

    /// <summary>What serves it, or null when nothing does.</summary>
    internal HandlerKind? Handler { get; init; }
}

/// <summary>How HTTP is served.</summary>
internal sealed class HttpSettings
{
    internal string Listen { get; set; } = "http://127.0.0.1:5080";

    /// <summary>Where callers reach this host, when that is not where it listens.</summary>
    internal string? AdvertisedAddress { get; set; }

    internal int MaxRequestBytes { get; set; } = 256 * 1024;

    internal long MaxRequestBytesInFlight { get; set; } = 64L << 20;

    internal int MaxStreamsPerUser { get; set; } = 20;

    internal bool RequireSubscription { get; set; }

    internal TimeSpan CancelWait { get; set; } = TimeSpan.FromSeconds(10);

    internal TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(30);
}

/// <summary>Who may call.</summary>
internal sealed class AuthenticationSettings
{
    internal AuthenticationMode? Mode { get; set; }

    internal string? Authority { get; set; }

    internal string? SigningKey { get; set; }

    internal string? Issuer { get; set; }

    internal string? Audience { get; set; }

    internal List<string> Algorithms { get; } = [];

    internal TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    internal string UserClaim { get; set; } = "sub";

    internal string TierClaim { get; set; } = "tier";

    internal string SubscriptionClaim { get; set; } = "subscription";

    internal string AdminClaim { get; set; } = "admin";
}

/// <summary>How callers are told apart.</summary>
internal enum AuthenticationMode
{
    /// <summary>Anybody is who they say: <c>Bearer dev:USER:TIER</c>, on loopback only.</summary>
    Development,

    /// <summary>Signed bearer tokens.</summary>
    Jwt,
}
