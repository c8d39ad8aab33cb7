using System.Buffers;
using System.Globalization;
using System.Text;
using Engine.Storage;
using Engine.Storage.Redis;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;
using Engine.Tests.Redis;

namespace Engine.Tests;

/// <summary>Snapshots in Redis that go bad, and what arrives too late for them.</summary>
[Collection(RedisTests.Name)]
public sealed class RedisSnapshotTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private readonly string _name = Guid.NewGuid().ToString("N");
    private uint _lastChecksum;

    [RedisFact]
    public async Task F11_A_snapshots_beginning_that_arrives_after_its_end_empties_nothing()
    {
        await using var journal = Open();
        var ownership = await WriteAsync(journal, 1, 2);
        using var late = await new StackExchangeConnector(
            redis.Server.Address, RedisJournals.Patience, TimeProvider.System).ConnectAsync();
        var keys = new JournalKeys(_name);
        byte[][] owner = [RedisText.Of(ownership.Epoch), RedisText.Of(ownership.Nonce.ToString("N"))];

        var answers = new List<string>();
        for (int slot = 0; slot < JournalKeys.SnapshotSlots; slot++)
        {
            var answer = await late.EvaluateAsync(
                JournalScripts.BeginSnapshot,
                keys.MetaAndSnapshot(slot),
                [.. owner, "the draft's token"u8.ToArray(), RedisText.Of(slot)]);
            answers.Add(RedisText.Read(answer[0]));
        }

        // Two places hold snapshots, the third is where the next draft goes.
        Assert.Equal([JournalScripts.Changed, JournalScripts.Changed, JournalScripts.Done], answers.Order());
        Assert.Equal((2, "state 2"), Show(await journal.LoadSnapshotAsync()));
        await SpoilNewestAsync();
        Assert.Equal((1, "state 1"), Show(await journal.LoadSnapshotAsync()));
    }

    [RedisFact]
    public async Task F11_A_snapshots_beginning_that_arrives_again_before_its_end_empties_nothing()
    {
        await using var journal = Open();
        var ownership = await WriteAsync(journal);
        using var connection = await new StackExchangeConnector(
            redis.Server.Address, RedisJournals.Patience, TimeProvider.System).ConnectAsync();
        string[] keys = new JournalKeys(_name).MetaAndSnapshot(0);
        byte[][] head =
        [
            RedisText.Of(ownership.Epoch), RedisText.Of(ownership.Nonce.ToString("N")), "token"u8.ToArray(),
        ];

        await connection.EvaluateAsync(JournalScripts.BeginSnapshot, keys, [.. head, RedisText.Of(0)]);
        await connection.EvaluateAsync(JournalScripts.PutSnapshotPart, keys, [.. head, RedisText.Of(0), "x"u8.ToArray()]);
        await connection.EvaluateAsync(JournalScripts.BeginSnapshot, keys, [.. head, RedisText.Of(0)]);

        Assert.Equal("x", await redis.Server.QueryAsync("HGET", keys[1], "0"));
    }

    /// <summary>The one that is whole stays until there are two newer ones that are.</summary>
    [RedisFact]
    public async Task F8_A_bad_snapshot_does_not_push_a_whole_one_out()
    {
        await using var journal = Open();
        var ownership = await WriteAsync(journal, 1, 2);
        await journal.TruncateAsync(ownership.Epoch, 2);
        await SpoilNewestAsync();
        Assert.Equal((1, "state 1"), Show(await journal.LoadSnapshotAsync()));

        await SaveAsync(journal, ownership.Epoch, 3);
        await SpoilNewestAsync();

        Assert.Equal((1, "state 1"), Show(await journal.LoadSnapshotAsync()));
        await SaveAsync(journal, ownership.Epoch, 4);
        await SaveAsync(journal, ownership.Epoch, 5);
        Assert.Equal((5, "state 5"), Show(await journal.LoadSnapshotAsync()));
        await SpoilNewestAsync();
        Assert.Equal((4, "state 4"), Show(await journal.LoadSnapshotAsync()));
    }

    /// <summary>With a small number in place of two thousand million bytes.</summary>
    [RedisFact]
    public async Task F29_A_large_snapshot_makes_the_journal_one_of_version_2_and_comes_back()
    {
        byte[] large = new byte[1_200_000];
        new Random(4).NextBytes(large);
        await using (var journal = Open(options => options.MaxPlainSnapshotBytes = 1_000_000))
        {
            var ownership = await WriteAsync(journal, 1);
            Assert.Equal("1", await VersionAsync());
            await journal.SaveSnapshotAsync(ownership.Epoch, 2, large.InPieces(77_777));
            Assert.Equal("2", await VersionAsync());
        }

        await using (var journal = Open())
        {
            var ownership = await journal.AcquireAsync();
            var found = await journal.LoadSnapshotAsync();
            Assert.Equal(2, found!.Sequence);
            Assert.Equal(large, found.State.ToArray());

            // A part in the middle that is another, shorter or gone: the one before is used.
            string key = $"{{{_name}}}:snapshot:{(await NewestAsync())[0]}";
            foreach (string spoil in new[] { new string('?', 512 * 1024), "?", "" })
            {
                await redis.Server.CommandAsync("HSET", key, "1", spoil);
                Assert.Equal((1, "state 1"), Show(await journal.LoadSnapshotAsync()));
            }

            await redis.Server.CommandAsync("HDEL", key, "1");
            Assert.Equal((1, "state 1"), Show(await journal.LoadSnapshotAsync()));
            await Assert.ThrowsAsync<JournalDamagedException>(() => journal.TruncateAsync(ownership.Epoch, 3).AsTask());

            // It stays: an older build never comes upon what is left of one.
            await SaveAsync(journal, ownership.Epoch, 4);
            Assert.Equal("2", await VersionAsync());
        }

        await redis.Server.CommandAsync("HSET", $"{{{_name}}}:meta", "version", "3");
        await using var later = Open();
        var refusal = await Assert.ThrowsAsync<JournalDamagedException>(() => later.AcquireAsync().AsTask());
        Assert.Contains(
            "its version is '3', and this build knows versions 1 and 2", refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>Half a snapshot would take the memory that the log needs.</summary>
    [RedisFact]
    public async Task F13_Out_of_memory_in_the_middle_of_a_snapshot_gives_back_what_it_took()
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal(options => options.Namespace = _name);
        var ownership = await WriteAsync(journal, 1);
        byte[] large = new byte[8_000_000];
        long used = await UsedMemoryAsync(server);
        await server.CommandAsync("CONFIG", "SET", "maxmemory", $"{used + 3_000_000}");

        for (int attempt = 0; attempt < 2; attempt++)
        {
            var refusal = await Assert.ThrowsAnyAsync<JournalException>(
                () => journal.SaveSnapshotAsync(ownership.Epoch, 2, large).AsTask().WaitAsync(RedisJournals.Patience));
            Assert.Contains("three snapshots must fit beside the log", refusal.Message, StringComparison.Ordinal);
        }

        // Only the one that is whole is there.
        for (int slot = 0; slot < JournalKeys.SnapshotSlots; slot++)
        {
            string? there = await server.QueryAsync(
                "EVAL", "return tostring(redis.call('EXISTS', KEYS[1]))", "1", $"{{{_name}}}:snapshot:{slot}");
            Assert.Equal(slot == 0 ? "1" : "0", there);
        }

        Assert.Equal((1, "state 1"), Show(await journal.LoadSnapshotAsync()));
        byte[] frame = new byte[FrameCodec.HeaderSize];
        FrameCodec.Seal(frame, 6, ownership.Epoch, 6, 1, _lastChecksum);
        Assert.Equal(AppendResult.Durable, await journal.AppendAsync(ownership.Epoch, 5, frame));

        await server.CommandAsync("CONFIG", "SET", "maxmemory", "0");
        await journal.SaveSnapshotAsync(ownership.Epoch, 2, large);
        Assert.Equal(2, (await journal.LoadSnapshotAsync())!.Sequence);
    }

    private RedisJournal Open(Action<RedisJournalOptions>? configure = null) => redis.Server.OpenJournal(options =>
    {
        options.Namespace = _name;
        configure?.Invoke(options);
    });

    private async Task<JournalOwnership> WriteAsync(RedisJournal journal, params int[] snapshots)
    {
        var ownership = await journal.AcquireAsync();
        uint checksum = 0;
        for (int i = 1; i <= 5; i++)
        {
            byte[] frame = new byte[FrameCodec.HeaderSize];
            checksum = FrameCodec.Seal(frame, i, ownership.Epoch, i, 1, checksum);
            Assert.Equal(AppendResult.Durable, await journal.AppendAsync(ownership.Epoch, i - 1, frame));
        }

        _lastChecksum = checksum;
        foreach (int sequence in snapshots)
        {
            await SaveAsync(journal, ownership.Epoch, sequence);
        }

        return ownership;
    }

    private static async Task SaveAsync(RedisJournal journal, long epoch, int sequence) =>
        await journal.SaveSnapshotAsync(epoch, sequence, Encoding.UTF8.GetBytes($"state {sequence}"));

    private async Task SpoilNewestAsync()
    {
        string newest = await NewestAsync();
        await redis.Server.CommandAsync("HSET", $"{{{_name}}}:snapshot:{newest[0]}", "0", "?");
    }

    private async Task<string> NewestAsync() =>
        (await redis.Server.QueryAsync("HGET", $"{{{_name}}}:meta", "snapshot"))!;

    private async Task<string?> VersionAsync() =>
        await redis.Server.QueryAsync("HGET", $"{{{_name}}}:meta", "version");

    private static async Task<long> UsedMemoryAsync(RedisServer server) => long.Parse(
        (await server.QueryAsync("EVAL", "return redis.call('INFO', 'memory'):match('used_memory:(%d+)')", "0"))!,
        CultureInfo.InvariantCulture);

    private static (long, string) Show(JournalSnapshot? snapshot) =>
        (snapshot!.Sequence, Encoding.UTF8.GetString(snapshot.State));
}
