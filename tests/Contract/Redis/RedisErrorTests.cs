using Engine.Storage;
using Engine.Storage.Redis;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;
using Engine.Tests.Redis;
using Engine.Tests.Support;

namespace Engine.Tests;

/// <summary>Redis answers with errors (F13): appends wait for it to come to, within the bound, and nothing is lost or
/// doubled.</summary>
[Collection(RedisTests.Name)]
public sealed class RedisErrorTests
{
    private static readonly string[] Small = ["CONFIG", "SET", "maxmemory", "1mb"];
    private static readonly string[] Large = ["CONFIG", "SET", "maxmemory", "0"];

    [RedisFact]
    public async Task F13_Out_of_memory() =>
        await RefusesUntilAsync(server => server.CommandAsync(Small), server => server.CommandAsync(Large));

    [RedisFact]
    public async Task F13_Too_few_replicas() => await RefusesUntilAsync(
        server => server.CommandAsync("CONFIG", "SET", "min-replicas-to-write", "1"),
        server => server.CommandAsync("CONFIG", "SET", "min-replicas-to-write", "0"));

    /// <summary>It takes connections, and renewals, and no append.</summary>
    [RedisFact]
    public async Task F13_A_server_that_refuses_is_asked_more_and_more_seldom()
    {
        await using var server = await RedisServer.StartAsync();
        var connector = new MeddlingConnector(
            new StackExchangeConnector(server.Address, RedisJournals.Patience, TimeProvider.System))
        {
            BeforeAsync = static script => script == JournalScripts.Append.Name
                ? Task.FromException(new RedisRefusedException("OOM command not allowed"))
                : Task.CompletedTask,
        };
        var options = new RedisJournalOptions { OutageTimeout = TimeSpan.FromSeconds(2) };
        await using var journal = new RedisJournal(options, connector, TimeProvider.System, null);
        var writer = await JournalWriter.AcquireAsync(journal);

        var result = await writer.Start("1").AsTask().WaitAsync(RedisJournals.Patience);

        // Pauses of 20, 40, 80, 160, 320 and then 500 ms: on a machine that is busy there are fewer.
        Assert.Equal(AppendStatus.Unknown, result.Status);
        Assert.InRange(connector.Connections, 2, 12);
    }

    [RedisFact]
    public async Task F13_Scripts_flushed()
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal();
        var load = await LedgerLoad.StartAsync(journal);
        for (int i = 0; i < 10; i++)
        {
            await load.AdvanceAsync(10);
            Assert.Equal("+OK", await server.CommandAsync("SCRIPT", "FLUSH"));
        }

        await load.AdvanceAsync(10);
        await load.StopAsync();

        Assert.Null(load.Failure);
        load.Check(await server.ReadTextsAsync());
    }

    [RedisFact]
    public async Task F13_Busy_with_somebody_elses_script() => await RefusesUntilAsync(
        async server =>
        {
            await server.CommandAsync("CONFIG", "SET", "busy-reply-threshold", "10");
            _ = server.CommandAsync("EVAL", "while true do end", "0");
            return await UntilAsync(server, "-BUSY", "GET", "x");
        },
        server => server.CommandAsync("SCRIPT", "KILL"));

    [RedisFact]
    public async Task F13_Cannot_dump() => await RefusesUntilAsync(
        async server =>
        {
            // A dump must be renamed to a name that a directory has.
            Directory.CreateDirectory(Path.Combine(server.DataDirectory, "dump.rdb", "x"));
            await server.CommandAsync("CONFIG", "SET", "save", "3600 1000000");
            await server.CommandAsync("BGSAVE");
            return await UntilAsync(server, "-MISCONF", "SET", "x", "1");
        },
        server => server.CommandAsync("CONFIG", "SET", "stop-writes-on-bgsave-error", "no"));

    [RedisFact]
    public async Task F13_Made_a_replica_and_a_primary_again()
    {
        // Of nobody: the primary that it is told of does not answer, so its data stay.
        int nobody = RedisServer.FreePort();
        await RefusesUntilAsync(
            server => server.CommandAsync("REPLICAOF", "127.0.0.1", $"{nobody}"),
            server => server.CommandAsync("REPLICAOF", "NO", "ONE"));
    }

    [RedisFact]
    public async Task F13_An_error_that_stays_is_unknown_for_good_and_says_which()
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal(options => options.OutageTimeout = TimeSpan.FromMilliseconds(500));
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");
        await server.CommandAsync(Small);

        var result = await writer.Start("2").AsTask().WaitAsync(RedisJournals.Patience);
        await server.CommandAsync(Large);

        Assert.Equal(AppendStatus.Unknown, result.Status);
        Assert.Contains("OOM", result.Error, StringComparison.Ordinal);
        Assert.Equal(AppendStatus.Unknown, (await writer.Start("3")).Status);
        Assert.Equal(["1"], await server.ReadTextsAsync());
    }

    [RedisFact]
    public async Task F13_After_the_bound_the_same_journal_can_be_acquired_again_and_goes_on_from_what_is_stored()
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal(options =>
        {
            options.OutageTimeout = TimeSpan.FromMilliseconds(500);
            options.LeaseDuration = TimeSpan.FromMinutes(1);
        });
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");
        await server.CommandAsync(Small);
        Assert.Equal(
            AppendStatus.Unknown, (await writer.Start("2").AsTask().WaitAsync(RedisJournals.Patience)).Status);
        await server.CommandAsync(Large);

        var again = await JournalWriter.AcquireAsync(journal);
        await again.AppendAsync("2");

        Assert.Equal((2, 2), (again.Epoch, again.Sequence));
        Assert.Equal(["1", "2"], await server.ReadTextsAsync());
    }

    private static async Task<string> UntilAsync(RedisServer server, string answer, params string[] command)
    {
        using var guard = new CancellationTokenSource(RedisJournals.Patience);
        while (!(await server.CommandAsync(command)).StartsWith(answer, StringComparison.Ordinal))
        {
            guard.Token.ThrowIfCancellationRequested();
        }

        return "";
    }

    private static async Task RefusesUntilAsync(
        Func<RedisServer, Task<string>> breakAsync, Func<RedisServer, Task<string>> mendAsync)
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal();
        var load = await LedgerLoad.StartAsync(journal);
        await load.AdvanceAsync(20);

        Assert.False((await breakAsync(server)).StartsWith('-'), "The server could not be broken.");
        await load.UntilNothingMovesAsync();
        Assert.Equal("+OK", await mendAsync(server));

        await load.AdvanceAsync(20);
        await load.StopAsync();
        Assert.Null(load.Failure);
        load.Check(await server.ReadTextsAsync());
    }
}
