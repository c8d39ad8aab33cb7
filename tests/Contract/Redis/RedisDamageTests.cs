using System.Text;
using Engine.Storage;
using Engine.Storage.Redis;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;
using Engine.Tests.Support;
using Xunit.Abstractions;

namespace Engine.Tests;

/// <summary>Stored bytes change (F8): what is read is what was written, or nothing.</summary>
[Collection(RedisTests.Name)]
public sealed class RedisDamageTests(RedisFixture redis, ITestOutputHelper output) : IClassFixture<RedisFixture>
{
    private const int JournalBytes = 64 * 1024;
    private readonly string _name = Guid.NewGuid().ToString("N");

    [RedisFact]
    public async Task F8_Every_bit_sector_and_length_of_exported_frames()
    {
        var stored = await ExportAsync();
        byte[] original = [.. stored.Log.SelectMany(static entry => entry.Frame)];
        var whole = await ReadAsync(stored);
        byte[] image = [.. original];

        // The bytes of the frames lie one behind the other here; entries end where they ended in Redis.
        DamageOutcome Judge(int length)
        {
            var damaged = stored.Copy();
            int at = 0;
            damaged.Log.Clear();
            foreach (var (id, frame) in stored.Log.TakeWhile(_ => at < length))
            {
                var bytes = image.AsSpan(at, Math.Min(length - at, frame.Length));
                damaged.Log.Add((id, bytes.SequenceEqual(frame) ? frame : bytes.ToArray()));
                at += frame.Length;
            }

            return Compare(whole, damaged);
        }

        foreach (var (what, cases) in new[]
        {
            ("bit flips", DamageCase.BitFlips(0, original.Length)),
            ("damaged sectors", DamageCase.Sectors(0, original.Length, 64)),
            ("damaged sectors of 512", DamageCase.Sectors(0, original.Length, 512)),
            ("lengths", DamageCase.Truncations(original.Length)),
        })
        {
            var tally = DamageTally.Run(original, image, cases, Judge);
            Figures.Report(output, tally.Line($"{what} of frames in Redis"));
            Assert.True(tally.Different == 0, tally.Examples);
            Assert.Equal((0, tally.Count), (tally.Identical + tally.TornTails, tally.Refused));
        }
    }

    [RedisFact]
    public async Task F8_Every_bit_of_the_hash()
    {
        var stored = await ExportAsync();
        var whole = await ReadAsync(stored);
        string[] harmless = ["id", "epoch", "nonce", "owner", "lease", "until", "draft", "snapshot", "previous"];
        foreach (var (field, value) in stored.Meta)
        {
            var damaged = stored.Copy();
            byte[] image = [.. value];
            damaged.Meta[field] = image;
            var tally = DamageTally.Run(
                value, image, DamageCase.BitFlips(0, value.Length), _ => Compare(whole, damaged));

            output.WriteLine(tally.Line(field));
            Assert.True(tally.Different == 0, $"{field}: {tally.Examples}");
            Assert.True(tally.Identical == 0 || harmless.Contains(field), $"{field} changed and nobody noticed.");
        }

        foreach (string field in (string[])["version", "id", "epoch", "sequence", "checksum", "first", "base"])
        {
            var damaged = stored.Copy();
            damaged.Meta.Remove(field);
            Assert.Equal(DamageOutcome.Refused, Compare(whole, damaged));
        }
    }

    [RedisFact]
    public async Task F8_Entries_that_are_missing_doubled_or_in_each_others_place()
    {
        var stored = await ExportAsync();
        var whole = await ReadAsync(stored);
        for (int i = 0; i < stored.Log.Count; i++)
        {
            int next = (i + 1) % stored.Log.Count;
            var missing = stored.Copy();
            missing.Log.RemoveAt(i);
            var doubled = stored.Copy();
            doubled.Log[next] = (doubled.Log[next].Id, doubled.Log[i].Frame);
            var swapped = stored.Copy();
            (swapped.Log[i], swapped.Log[next]) =
                ((swapped.Log[i].Id, swapped.Log[next].Frame), (swapped.Log[next].Id, swapped.Log[i].Frame));

            Assert.Equal(DamageOutcome.Refused, Compare(whole, missing));
            Assert.Equal(DamageOutcome.Refused, Compare(whole, doubled));
            Assert.Equal(DamageOutcome.Refused, Compare(whole, swapped));
        }
    }

    [RedisFact]
    public async Task F8_The_hash_or_the_log_alone_is_refused_and_left_as_it_is()
    {
        await using (var journal = Open())
        {
            await (await JournalWriter.AcquireAsync(journal)).AppendAsync("1", "2", "3");
        }

        await redis.Server.CommandAsync("RENAME", Key("meta"), Key("away"));
        await using var other = Open();
        var noMeta = await Assert.ThrowsAsync<JournalDamagedException>(() => other.AcquireAsync().AsTask());
        await redis.Server.CommandAsync("RENAME", Key("away"), Key("meta"));
        await redis.Server.CommandAsync("RENAME", Key("log"), Key("away"));
        var noLog = await Assert.ThrowsAsync<JournalDamagedException>(() => other.AcquireAsync().AsTask());
        await redis.Server.CommandAsync("RENAME", Key("away"), Key("log"));
        await redis.Server.CommandAsync("XDEL", Key("log"), "2-0");
        var noMiddle = await Assert.ThrowsAsync<JournalDamagedException>(() => other.AcquireAsync().AsTask());

        Assert.Contains("is missing", noMeta.Message, StringComparison.Ordinal);
        Assert.Contains("holds 0", noLog.Message, StringComparison.Ordinal);
        Assert.Contains("holds 2", noMiddle.Message, StringComparison.Ordinal);
        Assert.Equal(":2", await redis.Server.CommandAsync("XLEN", Key("log")));
    }

    [RedisFact]
    public async Task F8_A_damaged_snapshot_is_replaced_by_the_one_before_it_and_two_are_refused_when_they_are_needed()
    {
        await using (var first = Open())
        {
            var writer = await JournalWriter.AcquireAsync(first);
            await writer.AppendAsync("1", "2", "3", "4");
            for (int i = 1; i <= 4; i++)
            {
                await first.SaveSnapshotAsync(writer.Epoch, i, Encoding.UTF8.GetBytes($"state {i}"));
            }
        }

        string slot = (await redis.Server.QueryAsync("HGET", Key("meta"), "snapshot"))![..1];
        string before = (await redis.Server.QueryAsync("HGET", Key("meta"), "previous"))![..1];
        Assert.NotEqual(slot, before);
        await using var journal = Open();
        long epoch = (await journal.AcquireAsync()).Epoch;
        Assert.Equal(4, (await journal.LoadSnapshotAsync())!.Sequence);

        await redis.Server.CommandAsync("HSET", Key($"snapshot:{slot}"), "0", "state 5");
        Assert.Equal(3, (await journal.LoadSnapshotAsync())!.Sequence);
        await Assert.ThrowsAsync<JournalDamagedException>(() => journal.TruncateAsync(epoch, 3).AsTask());

        await redis.Server.CommandAsync("DEL", Key($"snapshot:{before}"));
        Assert.Null(await journal.LoadSnapshotAsync());
        await redis.Server.CommandAsync("HSET", Key($"snapshot:{slot}"), "0", "state 4");
        await journal.TruncateAsync(epoch, 3);
        await redis.Server.CommandAsync("DEL", Key($"snapshot:{slot}"));
        await Assert.ThrowsAsync<JournalDamagedException>(() => journal.LoadSnapshotAsync().AsTask());
    }

    private static DamageOutcome Compare(List<JournalFrame> whole, StoredJournalDouble damaged)
    {
        try
        {
            var read = ReadAsync(damaged).GetAwaiter().GetResult();
            bool isSame = read.Count == whole.Count && read.Zip(whole).All(static pair =>
                (pair.First.Sequence, pair.First.Epoch) == (pair.Second.Sequence, pair.Second.Epoch)
                && pair.First.Payload.Span.SequenceEqual(pair.Second.Payload.Span));
            return isSame ? DamageOutcome.Identical : DamageOutcome.Different;
        }
        catch (JournalDamagedException)
        {
            return DamageOutcome.Refused;
        }
    }

    private static async Task<List<JournalFrame>> ReadAsync(StoredJournalDouble stored)
    {
        await using var journal = new RedisJournal(
            new RedisJournalOptions { Connection = "unused" }, stored, TimeProvider.System, logger: null);
        var frames = new List<JournalFrame>();
        await foreach (var frame in journal.ReadAsync(1))
        {
            frames.Add(frame with { Payload = frame.Payload.ToArray() });
        }

        return frames;
    }

    /// <summary>Some lives of a journal, as Redis holds them afterwards.</summary>
    private async Task<StoredJournalDouble> ExportAsync()
    {
        var random = new Random(8);
        for (int life = 0, bytes = 0; life < 3; life++)
        {
            await using var journal = Open();
            var writer = await JournalWriter.AcquireAsync(journal);
            for (; bytes < JournalBytes * (life + 1) / 3; bytes += 48 + (bytes % 500))
            {
                // Without repetition: otherwise sectors are alike, and putting one in another's place is no damage.
                byte[] payload = new byte[bytes % 500];
                random.NextBytes(payload);
                Assert.Equal(AppendResult.Durable, await writer.Start(payload));
            }
        }

        var meta = await redis.Server.QueryListAsync("HGETALL", Key("meta"));
        var stored = new StoredJournalDouble();
        for (int i = 0; i + 1 < meta.Length; i += 2)
        {
            stored.Meta[meta[i]] = Encoding.UTF8.GetBytes(meta[i + 1]);
        }

        // By the journal's own script: it is the only way to get bytes out unchanged that the tests have.
        using var connection = await new StackExchangeConnector(
            redis.Server.Address, RedisJournals.Patience, TimeProvider.System).ConnectAsync();
        var entries = await connection.EvaluateAsync(
            JournalScripts.Read,
            [Key("meta"), Key("log")],
            [RedisText.Of(1), RedisText.Of(1_000_000), RedisText.Of(1_000_000)]);
        for (int i = 2; i < entries.Length; i += 2)
        {
            stored.Log.Add((RedisText.Read(entries[i]), entries[i + 1]!));
        }

        return stored;
    }

    private string Key(string name) => $"{{{_name}}}:{name}";

    private RedisJournal Open() => redis.Server.OpenJournal(options => options.Namespace = _name);
}
