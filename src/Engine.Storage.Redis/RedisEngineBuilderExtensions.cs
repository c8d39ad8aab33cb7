using Engine.Hosting;
using Engine.Storage.Redis;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the journal in Redis.</summary>
public static class RedisEngineBuilderExtensions
{
    /// <summary>Keeps events in a Redis that syncs before it answers, owned by one engine at a time.</summary>
    /// <param name="builder">The engine under construction.</param>
    /// <param name="connection">Which Redis: see <see cref="RedisJournalOptions.Connection"/>.</param>
    /// <param name="configure">Changes other settings.</param>
    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    public static EngineBuilder UseRedisJournal(
        this EngineBuilder builder, string connection, Action<RedisJournalOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = new RedisJournalOptions { Connection = connection };
        configure?.Invoke(options);

        // Here and not at the first use: a wrong setting stops the start.
        RedisJournal.Check(options);
        return builder.UseJournal(provider => new RedisJournal(
            options, provider.GetRequiredService<TimeProvider>(), provider.GetService<ILogger<RedisJournal>>()));
    }
}
