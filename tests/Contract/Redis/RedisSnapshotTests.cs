using System.Text;
using Engine.Storage;
using Engine.Storage.Redis;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;

namespace Engine.Tests;

/// <summary>Snapshots in Redis that go bad, and what arrives too late for them.</summary>
[Collection(RedisTests.Name)]
public sealed class RedisSnapshotTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private readonly string _name = Guid.NewGuid().ToString("N");

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

    private RedisJournal Open() => redis.Server.OpenJournal(options => options.Namespace = _name);

    private static async Task<JournalOwnership> WriteAsync(RedisJournal journal, params int[] snapshots)
    {
        var ownership = await journal.AcquireAsync();
        uint checksum = 0;
        for (int i = 1; i <= 5; i++)
        {
            byte[] frame = new byte[FrameCodec.HeaderSize];
            checksum = FrameCodec.Seal(frame, i, ownership.Epoch, i, 1, checksum);
            Assert.Equal(AppendResult.Durable, await journal.AppendAsync(ownership.Epoch, i - 1, frame));
        }

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
        string newest = (await redis.Server.QueryAsync("HGET", $"{{{_name}}}:meta", "snapshot"))!;
        await redis.Server.CommandAsync("HSET", $"{{{_name}}}:snapshot:{newest[0]}", "0", "?");
    }

    private static (long, string) Show(JournalSnapshot? snapshot) =>
        (snapshot!.Sequence, Encoding.UTF8.GetString(snapshot.State.Span));
}
