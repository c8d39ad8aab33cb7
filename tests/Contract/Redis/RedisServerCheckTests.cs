using Engine.Storage;
using Engine.Storage.Redis;
using Engine.Tests.Redis;
using Engine.Tests.Support;

namespace Engine.Tests;

/// <summary>A Redis that would acknowledge what it does not keep is refused by the name of the setting.</summary>
[Collection(RedisTests.Name)]
public sealed class RedisServerCheckTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    [RedisTheory]
    [InlineData("appendonly", "no", Durability.Synced)]
    [InlineData("appendonly", "no", Durability.Logged)]
    [InlineData("appendfsync", "everysec", Durability.Synced)]
    [InlineData("appendfsync", "no", Durability.Synced)]
    [InlineData("no-appendfsync-on-rewrite", "yes", Durability.Synced)]
    [InlineData("maxmemory-policy", "allkeys-lru", Durability.Synced)]
    [InlineData("maxmemory-policy", "volatile-ttl", Durability.Logged)]
    public async Task A_setting_that_is_too_weak_is_refused_before_anything_is_written(
        string setting, string value, Durability durability)
    {
        string before = (await redis.Server.QueryListAsync("CONFIG", "GET", setting))[1];
        await redis.Server.CommandAsync("CONFIG", "SET", setting, value);
        string name = Guid.NewGuid().ToString("N");
        await using var journal = redis.Server.OpenJournal(options =>
        {
            options.Namespace = name;
            options.Durability = durability;
        });

        var refused = await Assert.ThrowsAnyAsync<JournalException>(() => journal.AcquireAsync().AsTask());

        await redis.Server.CommandAsync("CONFIG", "SET", setting, before);
        Assert.Contains($"has {setting} '{value}'", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"'{before}'", refused.Message, StringComparison.Ordinal);
        Assert.Equal(":0", await redis.Server.CommandAsync("EXISTS", $"{{{name}}}:meta"));
    }

    [RedisFact]
    public async Task A_weaker_promise_may_be_named()
    {
        await using var server = await RedisServer.StartAsync("--appendfsync", "everysec");
        await using var journal = server.OpenJournal(options => options.Durability = Durability.Logged);

        await (await JournalWriter.AcquireAsync(journal)).AppendAsync("1");

        Assert.Equal(Durability.Logged, journal.Durability);
    }

    [RedisFact]
    public async Task A_setting_that_became_too_weak_during_an_outage_ends_the_owner()
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal(options => options.OutageTimeout = TimeSpan.FromSeconds(1));
        var writer = await JournalWriter.AcquireAsync(journal);
        await server.CommandAsync("CONFIG", "SET", "appendfsync", "everysec");
        await server.CommandAsync("CLIENT", "KILL", "TYPE", "normal");

        var result = await writer.Start("1").AsTask().WaitAsync(RedisJournals.Patience);

        Assert.Equal(AppendStatus.Unknown, result.Status);
        Assert.Contains("appendfsync 'everysec'", result.Error, StringComparison.Ordinal);
    }

    [RedisFact]
    public async Task A_setting_that_became_too_weak_while_nothing_was_under_way_ends_the_owner()
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal(options =>
        {
            options.OutageTimeout = TimeSpan.FromSeconds(1);
            options.LeaseDuration = TimeSpan.FromMinutes(10);
        });
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");
        await server.CommandAsync("CONFIG", "SET", "appendfsync", "everysec");
        string before = await server.InfoAsync("clients");
        await server.CommandAsync("CLIENT", "KILL", "TYPE", "normal");

        // The client library connects again on its own; only then is anything asked of it.
        using var guard = new CancellationTokenSource(RedisJournals.Patience);
        while (Clients(await server.InfoAsync("clients")) < Clients(before))
        {
            guard.Token.ThrowIfCancellationRequested();
        }

        var result = await writer.Start("2").AsTask().WaitAsync(RedisJournals.Patience);

        Assert.Equal(AppendStatus.Unknown, result.Status);
        Assert.Contains("appendfsync 'everysec'", result.Error, StringComparison.Ordinal);

        static int Clients(string info) => int.Parse(
            info.Split("\r\n").Single(line => line.StartsWith("connected_clients:", StringComparison.Ordinal))[18..],
            System.Globalization.CultureInfo.InvariantCulture);
    }

    [RedisFact]
    public async Task A_replica_is_refused()
    {
        await using var replica = await RedisServer.StartAsync("--replicaof", $"127.0.0.1 {redis.Server.Port}");
        await using var journal = replica.OpenJournal(
            options => options.OutageTimeout = TimeSpan.FromMilliseconds(500));

        var refused = await Assert.ThrowsAnyAsync<JournalException>(() => journal.AcquireAsync().AsTask());

        Assert.Contains("the primary is needed", refused.Message, StringComparison.Ordinal);
    }

    [RedisFact]
    public async Task A_node_of_a_cluster_is_refused()
    {
        await using var node = await RedisServer.StartAsync("--cluster-enabled", "yes");
        await using var journal = node.OpenJournal(options => options.OutageTimeout = TimeSpan.FromMilliseconds(500));

        var refused = await Assert.ThrowsAnyAsync<JournalException>(() => journal.AcquireAsync().AsTask());

        Assert.Contains("cluster", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Connection", "")]
    [InlineData("Connection", "a:1,b:2")]
    [InlineData("Connection", "a:1,sesame=5")]
    [InlineData("Namespace", "a b")]
    [InlineData("Namespace", "{a}")]
    [InlineData("Durability", 1)]
    [InlineData("Durability", 4)]
    [InlineData("Replicas", 1)]
    [InlineData("LeaseDuration", 0.4)]
    [InlineData("CommandTimeout", 61)]
    [InlineData("OutageTimeout", 601)]
    [InlineData("MaxBatchBytes", 1000)]
    public void A_setting_out_of_its_range_is_refused_by_name(string setting, object value)
    {
        var options = new RedisJournalOptions { Connection = "localhost" };
        var property = typeof(RedisJournalOptions).GetProperty(setting)!;
        property.SetValue(options, value switch
        {
            double seconds => TimeSpan.FromSeconds(seconds),
            int number when property.PropertyType == typeof(Durability) => (Durability)number,
            int number when property.PropertyType == typeof(TimeSpan) => TimeSpan.FromSeconds(number),
            _ => value,
        });

        var refused = Assert.Throws<ArgumentException>(() => new RedisJournal(options, TimeProvider.System));

        string named = setting == "Durability" && value is 4 ? "Replicas" : setting;
        Assert.Contains($"RedisJournalOptions.{named}", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("sesame", refused.Message, StringComparison.Ordinal);
    }
}
