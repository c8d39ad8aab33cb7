using System.Globalization;
using System.Runtime.CompilerServices;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;

namespace Engine.Storage.Redis;

/// <summary>Reads the log page by page, and drops its beginning.</summary>
internal sealed class LogPages(SideConnection side, JournalKeys keys)
{
    /// <summary>Bytes that one page is meant to have.</summary>
    private const int PageBytes = 2 * 1024 * 1024;

    private const int FirstPageFrames = 16;
    private const int MaxPageFrames = 4_096;
    private const int TruncateStep = 10_000;

    /// <summary>The frames from <paramref name="from"/> to <paramref name="end"/>, each checked against the one
    /// before.</summary>
    /// <exception cref="JournalDamagedException">They do not follow one another, or do not reach the end.</exception>
    internal async IAsyncEnumerable<JournalFrame> ReadAsync(
        StoredJournal stored,
        long from,
        (long Sequence, uint Checksum) end,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // One frame earlier, if there is one: the first that counts is checked against it.
        long next = Math.Max(stored.First, from - 1);
        long epoch = 0;
        uint? checksum = next == stored.First ? stored.BaseChecksum : null;
        int count = FirstPageFrames;
        var loading = LoadAsync(next, end.Sequence, count, cancellationToken);
        while (next <= end.Sequence)
        {
            var page = await loading.ConfigureAwait(false);
            int frames = (page.Length - 2) / 2;
            if (frames == 0)
            {
                throw StoredJournal.Damage(keys, $"frame {next} is not in {keys.Log}");
            }

            // The next page is on its way while this one is looked at.
            long size = page.Skip(2).Sum(static part => (long)(part?.Length ?? 0));
            count = (int)Math.Clamp(PageBytes / Math.Max(1, size / frames), 1, MaxPageFrames);
            loading = next + frames <= end.Sequence
                ? LoadAsync(next + frames, end.Sequence, count, cancellationToken)
                : Task.FromResult(page);
            for (int i = 0; i < frames; i++, next++)
            {
                var frame = Check(page[2 + (2 * i)], page[3 + (2 * i)], next, epoch, ref checksum);
                epoch = frame.Epoch;
                if (next == end.Sequence && frame.Checksum != end.Checksum)
                {
                    throw StoredJournal.Damage(
                        keys, $"frame {next} has checksum {frame.Checksum:x8}, and {end.Checksum:x8} was stored");
                }

                if (next >= from)
                {
                    yield return frame;
                }
            }
        }
    }

    /// <summary>The checksum of a frame that is kept, or of the one before the first that is.</summary>
    internal async Task<uint> ChecksumAsync(StoredJournal stored, long sequence, CancellationToken cancellationToken)
    {
        if (sequence == stored.First - 1)
        {
            return stored.BaseChecksum;
        }

        var page = await LoadAsync(sequence, sequence, 1, cancellationToken).ConfigureAwait(false);
        uint? unknown = null;
        return page.Length == 4
            ? Check(page[2], page[3], sequence, 0, ref unknown).Checksum
            : throw StoredJournal.Damage(keys, $"frame {sequence} is not in {keys.Log}");
    }

    /// <summary>Drops the frames below <paramref name="below"/>, not all at once: others use the server, too.</summary>
    internal async Task TruncateAsync(
        OwnershipRecord record, long first, long below, CancellationToken cancellationToken)
    {
        while (first < below)
        {
            first = Math.Min(below, first + TruncateStep);
            byte[][] arguments = [.. record.Arguments, RedisText.Of(first), RedisText.Of(first - 1)];
            var answer = await side.UseAsync(
                connection => connection.EvaluateAsync(JournalScripts.Truncate, keys.MetaAndLog, arguments),
                cancellationToken).ConfigureAwait(false);
            switch (RedisText.Read(answer[0]))
            {
                case JournalScripts.Done:
                    break;
                case JournalScripts.Fenced:
                    throw new JournalFencedException(
                        $"Epoch {record.Epoch} is over; the owner's is {RedisText.Read(answer[1])}.");
                default:
                    throw StoredJournal.Damage(
                        keys, $"frames {first - 1} and {first} of {keys.Log} do not follow one another");
            }
        }
    }

    private async Task<byte[]?[]> LoadAsync(long first, long last, int count, CancellationToken cancellationToken)
    {
        byte[][] arguments = [RedisText.Of(first), RedisText.Of(last), RedisText.Of(count)];
        var page = await side.UseAsync(
            connection => connection.EvaluateAsync(JournalScripts.Read, keys.MetaAndLog, arguments),
            cancellationToken).ConfigureAwait(false);
        return page.Length >= 2 && page.Length % 2 == 0
            ? page
            : throw new JournalException($"Redis answered a read of {keys.Log} with {page.Length} fields.");
    }

    private JournalFrame Check(byte[]? id, byte[]? bytes, long sequence, long epoch, ref uint? checksum)
    {
        string expected = string.Create(CultureInfo.InvariantCulture, $"{sequence}-0");
        if (RedisText.Read(id) != expected)
        {
            throw StoredJournal.Damage(keys, $"{keys.Log} has entry {RedisText.Read(id)} where {expected} belongs");
        }

        if (!FrameCodec.TryRead(bytes, out var frame, out uint previous, out string? error)
            || bytes!.Length != FrameCodec.HeaderSize + frame.Payload.Length)
        {
            throw StoredJournal.Damage(keys, $"entry {expected} of {keys.Log} is no frame: {error ?? "bytes follow it"}");
        }

        if (FrameChain.Violation(frame, previous, sequence - 1, epoch, checksum ?? previous) is { } violation)
        {
            throw StoredJournal.Damage(keys, $"entry {expected} of {keys.Log}: {violation}");
        }

        checksum = frame.Checksum;
        return frame;
    }
}
