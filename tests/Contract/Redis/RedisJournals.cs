using Engine.Storage.Redis;
using Engine.Tests.Redis;

namespace Engine.Tests;

/// <summary>Journals in Redis as the failure tests set them up: impatient.</summary>
internal static class RedisJournals
{
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    internal static RedisJournal Open(string address, Action<RedisJournalOptions>? configure = null)
    {
        var options = new RedisJournalOptions
        {
            Connection = address,
            CommandTimeout = TimeSpan.FromSeconds(1.5),
            LeaseDuration = TimeSpan.FromSeconds(2),
            OutageTimeout = TimeSpan.FromSeconds(25),
        };
        configure?.Invoke(options);
        return new RedisJournal(options, TimeProvider.System);
    }

    internal static RedisJournal OpenJournal(this RedisServer server, Action<RedisJournalOptions>? configure = null) =>
        Open(server.Address, configure);

    internal static RedisJournal OpenJournal(this FaultProxy proxy, Action<RedisJournalOptions>? configure = null) =>
        Open(proxy.Address, configure);

    /// <summary>What a server holds, read past every fault.</summary>
    internal static async Task<List<string>> ReadTextsAsync(this RedisServer server)
    {
        await using var journal = server.OpenJournal();
        return await Support.JournalReading.ReadTextsAsync(journal);
    }
}
