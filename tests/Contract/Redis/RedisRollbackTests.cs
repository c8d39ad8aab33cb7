using Engine.Storage;
using Engine.Tests.Redis;
using Engine.Tests.Support;

namespace Engine.Tests;

/// <summary>The log is older than it was (F12): refused, never numbered anew.</summary>
[Collection(RedisTests.Name)]
public sealed class RedisRollbackTests
{
    [RedisTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task F12_A_backup_restored_under_an_owner_ends_him(bool restored)
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal();
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1", "2");
        server.Kill();
        using var directory = new TestDirectory();
        string backup = directory["backup"];
        Copy(server.DataDirectory, backup);
        await server.StartAsync();
        await writer.AppendAsync("3");

        server.Kill();
        Directory.Delete(server.DataDirectory, recursive: true);
        Directory.CreateDirectory(server.DataDirectory);
        if (restored)
        {
            Copy(backup, server.DataDirectory);
        }

        await server.StartAsync();
        var result = await writer.Start("4").AsTask().WaitAsync(RedisJournals.Patience);

        Assert.Equal(AppendStatus.Unknown, result.Status);
        Assert.Equal(AppendStatus.Unknown, (await writer.Start("5")).Status);
        var refused = await Assert.ThrowsAsync<JournalDamagedException>(() => journal.AcquireAsync().AsTask());
        Assert.Contains(restored ? "went back" : "is gone", refused.Message, StringComparison.Ordinal);
        Assert.Equal(restored ? ["1", "2"] : [], await server.ReadTextsAsync());
    }

    [RedisFact]
    public async Task F12_A_standby_that_saw_the_log_further_on_does_not_take_it_over_older()
    {
        await using var server = await RedisServer.StartAsync();
        await using var standby = server.OpenJournal();
        var owner = server.OpenJournal();
        var writer = await JournalWriter.AcquireAsync(owner);
        await writer.AppendAsync("1");
        string older = await DumpAsync(server);
        await writer.AppendAsync("2");
        await Assert.ThrowsAsync<JournalLockedException>(() => standby.AcquireAsync().AsTask());
        await owner.DisposeAsync();

        // The first frame alone, as a backup has it.
        await server.CommandAsync("XDEL", "{engine}:log", "2-0");
        await server.CommandAsync("HSET", "{engine}:meta", "sequence", "1", "checksum", older);

        var refused = await Assert.ThrowsAsync<JournalDamagedException>(() => standby.AcquireAsync().AsTask());
        Assert.Contains("went back", refused.Message, StringComparison.Ordinal);
        await using var fresh = server.OpenJournal();
        Assert.Equal(1, (await fresh.AcquireAsync()).LastSequence);
    }

    [RedisFact]
    public async Task F12_A_promoted_replica_that_lacks_the_end_ends_the_owner()
    {
        await using var primary = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync();
        await using var proxy = new FaultProxy(primary.Port);
        await using var journal = proxy.OpenJournal();
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");
        await ReplicateAsync(primary, replica);
        Assert.Equal("+OK", await replica.CommandAsync("REPLICAOF", "NO", "ONE"));

        // Acknowledged by a primary without replicas, and gone with it.
        await writer.AppendAsync("2");
        proxy.Target = replica.Port;
        primary.Kill();
        var result = await writer.Start("3").AsTask().WaitAsync(RedisJournals.Patience);

        Assert.Equal(AppendStatus.Unknown, result.Status);
        Assert.Contains("frames up to 2", result.Error, StringComparison.Ordinal);
        await Assert.ThrowsAsync<JournalDamagedException>(() => journal.AcquireAsync().AsTask());
        Assert.Equal(["1"], await replica.ReadTextsAsync());
    }

    [RedisFact]
    public async Task F12_A_promoted_replica_that_has_everything_is_gone_on_with()
    {
        await using var primary = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync();
        await using var proxy = new FaultProxy(primary.Port);
        await using var journal = proxy.OpenJournal(options =>
        {
            options.Durability = Durability.Replicated;
            options.Replicas = 1;
        });
        await ReplicateAsync(primary, replica);
        var load = await LedgerLoad.StartAsync(journal);
        await load.AdvanceAsync(50);

        // Killed in the middle: what was acknowledged is on the replica, and what was under way there or not.
        primary.Kill();
        proxy.Target = replica.Port;
        Assert.Equal("+OK", await replica.CommandAsync("REPLICAOF", "NO", "ONE"));
        await using var another = await RedisServer.StartAsync();
        await ReplicateAsync(replica, another);
        await load.AdvanceAsync(50);
        await load.StopAsync();

        Assert.Null(load.Failure);
        load.Check(await replica.ReadTextsAsync());
    }

    [RedisFact]
    public async Task Without_its_replica_nothing_is_acknowledged_and_with_it_again_everything_is()
    {
        await using var primary = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync();
        await using var journal = primary.OpenJournal(options =>
        {
            options.Durability = Durability.Replicated;
            options.Replicas = 1;
            options.CommandTimeout = TimeSpan.FromMilliseconds(600);
            options.OutageTimeout = TimeSpan.FromSeconds(3);
        });
        var alone = await Assert.ThrowsAnyAsync<JournalException>(() => journal.AcquireAsync().AsTask());
        Assert.Contains("0 of 1 replicas", alone.Message, StringComparison.Ordinal);

        await ReplicateAsync(primary, replica);
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");
        replica.Pause();
        var waiting = writer.Start("2").AsTask();
        await Task.WhenAny(waiting, Task.Delay(TimeSpan.FromMilliseconds(700)));
        Assert.False(waiting.IsCompleted);
        replica.Resume();
        Assert.Equal(AppendResult.Durable, await waiting.WaitAsync(RedisJournals.Patience));

        replica.Kill();
        var refused = await writer.Start("3").AsTask().WaitAsync(RedisJournals.Patience);
        Assert.Equal(AppendStatus.Unknown, refused.Status);
        Assert.Contains("0 of 1 replicas", refused.Error, StringComparison.Ordinal);
    }

    private static async Task ReplicateAsync(RedisServer primary, RedisServer replica)
    {
        Assert.Equal("+OK", await replica.CommandAsync("REPLICAOF", "127.0.0.1", $"{primary.Port}"));
        using var guard = new CancellationTokenSource(RedisJournals.Patience);
        while (!(await primary.InfoAsync("replication")).Contains("state=online", StringComparison.Ordinal))
        {
            guard.Token.ThrowIfCancellationRequested();
        }

        Assert.Equal("+OK", await primary.CommandAsync("SET", "probe", "1"));
        Assert.Equal(":1", await primary.CommandAsync("WAIT", "1", "20000"));
    }

    private static async Task<string> DumpAsync(RedisServer server) =>
        (await server.QueryAsync("HGET", "{engine}:meta", "checksum"))!;

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string directory in Directory.GetDirectories(from, "*", SearchOption.AllDirectories))
        {
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, directory)));
        }

        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
        }
    }
}
