using System.Globalization;
using Engine.Storage.Redis.Connections;

namespace Engine.Storage.Redis.Owning;

/// <summary>What <see cref="JournalScripts.Look"/> found, checked: a journal that holds together at both ends, or
/// none.</summary>
internal sealed record StoredJournal
{
    private const int FixedFields = 8;
    private const string Version = "1";

    /// <summary>The version of a journal that has, or had, a snapshot of more bytes than an array can have: builds that
    /// know version 1 only do not read those.</summary>
    internal const string LargeSnapshotsVersion = "2";

    internal required string Id { get; init; }

    internal required long Epoch { get; init; }

    /// <summary>The owner's, or empty when there is none.</summary>
    internal required string Nonce { get; init; }

    internal required string Owner { get; init; }

    /// <summary>How long the owner's lease lasts; zero when it is over.</summary>
    internal required TimeSpan LeaseLeft { get; init; }

    /// <summary>The lease ends later than any lease does: the server's clock went back.</summary>
    internal required bool LeaseIsTooLong { get; init; }

    internal required long Sequence { get; init; }

    internal required uint Checksum { get; init; }

    /// <summary>The first frame that is kept.</summary>
    internal required long First { get; init; }

    /// <summary>The checksum of the frame before <see cref="First"/>.</summary>
    internal required uint BaseChecksum { get; init; }

    internal required string Snapshot { get; init; }

    internal required string PreviousSnapshot { get; init; }

    internal bool IsOwned => Nonce.Length > 0 && LeaseLeft > TimeSpan.Zero;

    /// <summary>Reads the journal as it is stored now; null when there is none.</summary>
    /// <exception cref="JournalDamagedException">What is stored does not fit together.</exception>
    internal static async Task<StoredJournal?> ReadAsync(IRedisConnection connection, JournalKeys keys) =>
        Parse(await connection.EvaluateAsync(JournalScripts.Look, keys.MetaAndLog, []).ConfigureAwait(false), keys);

    private static StoredJournal? Parse(byte[]?[] answer, JournalKeys keys)
    {
        var text = Array.ConvertAll(answer, RedisText.Read);
        if (text.Length != FixedFields + 13)
        {
            throw new JournalException($"Redis answered a look at {keys.Meta} with {text.Length} fields.");
        }

        long length = Number(answer[3], "the length of the log", keys);
        if (text[2] == "0")
        {
            return length == 0
                ? null
                : throw Damage(keys, $"{keys.Log} holds {length} frames, but {keys.Meta} is missing");
        }

        string[] meta = text[FixedFields..];
        if (meta[0] is not (Version or LargeSnapshotsVersion))
        {
            throw Damage(
                keys,
                $"its version is '{meta[0]}', and this build knows versions {Version} and {LargeSnapshotsVersion}");
        }

        long leaseMs = Number(answer[FixedFields + 5], "lease", keys);
        long leftMs = Number(answer[FixedFields + 6], "until", keys) - Number(answer[1], "the time", keys);
        var stored = new StoredJournal
        {
            Id = meta[1],
            Epoch = Number(answer[FixedFields + 2], "epoch", keys),
            Nonce = meta[3],
            Owner = meta[4],
            LeaseLeft = TimeSpan.FromMilliseconds(Math.Clamp(leftMs, 0, leaseMs)),
            LeaseIsTooLong = leftMs > leaseMs,
            Sequence = Number(answer[FixedFields + 7], "sequence", keys),
            Checksum = HexOf(meta[8], "checksum", keys),
            First = Number(answer[FixedFields + 9], "first", keys),
            BaseChecksum = HexOf(meta[10], "base", keys),
            Snapshot = meta[11],
            PreviousSnapshot = meta[12],
        };
        stored.CheckEnds(length, (text[4], answer[5]!), (text[6], answer[7]!), keys);
        return stored;
    }

    private void CheckEnds(long length, (string Id, byte[] Head) first, (string Id, byte[] Head) last, JournalKeys keys)
    {
        if (Id.Length == 0 || Epoch < 1 || First < 1 || Sequence < First - 1)
        {
            throw Damage(
                keys, $"{keys.Meta} says id '{Id}', epoch {Epoch}, first frame {First}, last frame {Sequence}");
        }

        if (length != Sequence - First + 1)
        {
            throw Damage(
                keys,
                $"frames {First} to {Sequence} are {Sequence - First + 1}, but {keys.Log} holds {length}");
        }

        if (length == 0)
        {
            if (Checksum != BaseChecksum)
            {
                throw Damage(keys, $"{keys.Meta} gives two checksums for frame {Sequence}");
            }

            return;
        }

        RequireEntry(first.Id, First, keys);
        RequireEntry(last.Id, Sequence, keys);
        var firstHead = FrameHead.Read(first.Head) ?? throw Damage(keys, $"entry {first.Id} is no frame");
        var lastHead = FrameHead.Read(last.Head) ?? throw Damage(keys, $"entry {last.Id} is no frame");
        if (firstHead.Sequence != First || firstHead.PreviousChecksum != BaseChecksum)
        {
            throw Damage(
                keys,
                $"entry {first.Id} is frame {firstHead.Sequence} behind checksum {firstHead.PreviousChecksum:x8}, not " +
                $"frame {First} behind {BaseChecksum:x8}");
        }

        if (lastHead.Sequence != Sequence || lastHead.Checksum != Checksum || lastHead.Epoch > Epoch)
        {
            throw Damage(
                keys,
                $"entry {last.Id} is frame {lastHead.Sequence} of epoch {lastHead.Epoch} with checksum " +
                $"{lastHead.Checksum:x8}, not frame {Sequence} of epoch {Epoch} or before with {Checksum:x8}");
        }
    }

    internal static JournalDamagedException Damage(JournalKeys keys, string problem) =>
        new($"The journal in {keys.Meta} does not hold together: {problem}. Nothing was changed.");

    private static void RequireEntry(string id, long sequence, JournalKeys keys)
    {
        string expected = string.Create(CultureInfo.InvariantCulture, $"{sequence}-0");
        if (id != expected)
        {
            throw Damage(keys, $"{keys.Log} has entry {id} where {expected} belongs");
        }
    }

    private static long Number(byte[]? value, string field, JournalKeys keys) =>
        RedisText.TryRead(value, out long number) && number >= 0
            ? number
            : throw Damage(keys, $"'{field}' is '{RedisText.Read(value)}', which is no number");

    private static uint HexOf(string value, string field, JournalKeys keys) =>
        RedisText.TryReadHex(value, out uint checksum)
            ? checksum
            : throw Damage(keys, $"'{field}' is '{value}', which is no checksum");
}
