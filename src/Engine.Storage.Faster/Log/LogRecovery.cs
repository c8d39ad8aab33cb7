namespace Engine.Storage.Faster.Log;

/// <summary>What recovery found; nothing is changed yet.</summary>
/// <param name="End">Where the next commit belongs.</param>
/// <param name="FirstCommits">The first commit that starts in each segment.</param>
/// <param name="Leftovers">Blocks behind the end that are not zero, in ascending order.</param>
/// <param name="FrameCount">How many frames were read.</param>
/// <param name="Problem">Why the walk ended where it did.</param>
/// <param name="FramesEnd">The address behind the last byte of the last frame.</param>
internal sealed record RecoveredLog(
    LogPosition End,
    SortedDictionary<long, LogPosition> FirstCommits,
    IReadOnlyList<long> Leftovers,
    long FrameCount,
    string Problem,
    long FramesEnd);

/// <summary>Told what is read on the way. What is behind it may still turn out to be damage.</summary>
internal interface ILogObserver
{
    /// <summary>A commit starts at <paramref name="position"/>.</summary>
    void CommitStarts(LogPosition position);

    /// <summary>A frame was read and follows the one before; its payload is valid during the call.</summary>
    void FrameRead(in JournalFrame frame, long address);
}

/// <summary>Reads the whole log and decides: a log with a torn tail, which may be cut, or damage, which nobody may
/// touch.</summary>
internal static class LogRecovery
{
    /// <summary>Reads from the beginning to the end and then looks at everything behind it.</summary>
    /// <param name="superblock">What is known without the log.</param>
    /// <param name="segments">The log.</param>
    /// <param name="bootId">The present boot of the operating system.</param>
    /// <param name="cancellationToken">Gives up; nothing was changed.</param>
    /// <param name="observer">Told of every commit and frame on the way.</param>
    /// <exception cref="JournalDamagedException">The bytes behind the last whole frame are not a torn tail.</exception>
    internal static RecoveredLog Run(
        Superblock superblock,
        SegmentFiles segments,
        Guid bootId,
        CancellationToken cancellationToken,
        ILogObserver? observer = null)
    {
        var firstCommits = new SortedDictionary<long, LogPosition>();
        using var reader = new LogReader(segments, superblock.EndSegment * segments.SizeBytes);
        using var cursor = new LogCursor(reader, superblock.Begin)
        {
            CommitStarts = position =>
            {
                firstCommits.TryAdd(segments.SegmentOf(position.Address), position);
                observer?.CommitStarts(position);
            },
        };

        long count = 0;
        while (cursor.TryRead(out var frame))
        {
            observer?.FrameRead(frame, cursor.FrameAddress);
            count++;
            if (count % 1024 == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }
        }

        var end = cursor.Position;
        if (end.Sequence < superblock.DurableSequence)
        {
            throw Damage(
                segments,
                cursor,
                $"frames up to {superblock.DurableSequence} were durable, and only {end.Sequence} can be read");
        }

        var leftovers = Behind(superblock, reader, cursor, bootId, cancellationToken);
        return new RecoveredLog(end, firstCommits, leftovers, count, cursor.Problem, cursor.FrameEnd);
    }

    private static List<long> Behind(
        Superblock superblock, LogReader reader, LogCursor cursor, Guid bootId, CancellationToken cancellationToken)
    {
        // Without a sync, only the page cache kept the order of writes: it is gone after another boot.
        bool ordered = superblock.Durability != Durability.Logged ||
            (bootId != Guid.Empty && bootId == superblock.BootId);
        var leftovers = new List<long>();

        // From the last frame on: its block may end in what a disk has put there, and the block that broke off may lie
        // before the end, too.
        long start = Math.Min(cursor.FrameEnd, cursor.ProblemAddress) & ~(long)(Block.Size - 1);
        for (long address = start; address < reader.EndAddress; address += Block.Size)
        {
            Look(reader, cursor, superblock, address, ordered, cancellationToken);
            if (address >= cursor.Position.Address &&
                reader.Window(address)[..Block.Size].ContainsAnyExcept((byte)0))
            {
                leftovers.Add(address);
            }
        }

        // And in front of the log's beginning, where its segment holds what was truncated.
        long begin = Math.Min(superblock.Begin.Address, reader.EndAddress);
        for (long address = begin / reader.Segments.SizeBytes * reader.Segments.SizeBytes;
            address < begin;
            address += Block.Size)
        {
            Look(reader, cursor, superblock, address, ordered, cancellationToken);
        }

        return leftovers;
    }

    /// <summary>Looks for proof, in one block outside of the frames that were read, that there was more.</summary>
    private static void Look(
        LogReader reader,
        LogCursor cursor,
        Superblock superblock,
        long address,
        bool ordered,
        CancellationToken cancellationToken)
    {
        if (address % (1024 * 1024) == 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        var block = reader.Window(address)[..Block.Size];
        for (int sector = 0; sector < Block.Size; sector += Block.SectorSize)
        {
            bool wasRead = address >= superblock.Begin.Address && address + sector < cursor.FrameEnd;
            if (!wasRead && IsOfLastOwner(block[sector..], superblock, out var mark) &&
                Evidence(mark, address + sector, cursor.Position.Sequence, ordered) is { } evidence)
            {
                throw Damage(reader.Segments, cursor, $"{evidence}, is at {reader.Segments.Place(address + sector)}");
            }
        }
    }

    /// <summary>What a mark outside of the frames that were read proves, or null when a crash may have left it
    /// there.</summary>
    private static string? Evidence(in CommitMark mark, long address, long lastSequence, bool ordered)
    {
        if (mark.FirstSequence > lastSequence + 1 && (ordered || mark.DurableSequence > lastSequence))
        {
            return $"a later commit, from frame {mark.FirstSequence} on";
        }

        // The next commit itself: it may be torn. But a crash leaves pieces only where it was being written; what was
        // synced before, such as the rest of the last whole block, and what is free behind it stay as they are. So a
        // disk that puts a write in a wrong place, over the commit before or behind the end, does not pass for a crash.
        return ordered && mark.FirstSequence > lastSequence && !mark.Covers(address)
            ? $"the next commit, from frame {mark.FirstSequence} on, which was written for address {mark.Address}"
            : null;
    }

    private static bool IsOfLastOwner(ReadOnlySpan<byte> block, Superblock superblock, out CommitMark mark)
    {
        // What earlier owners wrote is all below the durable sequence; a leftover of theirs proves nothing. A mark of
        // the last one proves that its commit was written even where the disk has put it in a wrong place.
        return CommitMark.TryRead(block, out mark, out _) &&
            mark.Epoch >= superblock.Epoch && mark.Nonce == superblock.Nonce;
    }

    private static JournalDamagedException Damage(SegmentFiles segments, LogCursor cursor, string evidence) => new(
        $"{segments.Place(cursor.ProblemAddress)}: {cursor.Problem}; but {evidence}. This is damage, not the end " +
        "of the log. Nothing was changed. Restore the directory from a backup, or repair the disk and try again.");
}
