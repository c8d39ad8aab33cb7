using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Platform;
using Engine.Storage.Faster.Snapshots;

namespace Engine.Storage.Faster;

/// <summary>Cuts a journal behind a frame that somebody chose.</summary>
/// <remarks>
/// The order makes an interrupted repair harmless: first everything that will go is copied and synced; then snapshots,
/// whole segments and the rest of the last segment go, the bytes right behind the frame first, so that a log with a hole
/// is refused and never taken for a shorter one; the superblock, which says that the journal ends here, comes last.
/// </remarks>
internal sealed class Repairer(FileSystemCalls files, string directory)
{
    private const int ChunkBytes = 1024 * 1024;
    private const string LostName = "unreadable.txt";

    // Places that the disk cannot read end what can be kept, and are copied as zeros; what an engine makes of the journal,
    // before and after, is asked without that.
    private readonly SalvagingCalls _salvage = new(files);

    internal JournalRepair Run(long atSequence, bool dryRun, CancellationToken cancellationToken)
    {
        var superblock = JournalFiles.ReadSuperblock(files, directory);
        using var ownerLock = OwnerLock.Take(files, directory);

        // Again, as its owner may have written it until a moment ago.
        superblock = JournalFiles.ReadSuperblock(files, directory);
        var segments = JournalFiles.Segments(_salvage, directory, superblock);
        var readable = ReadToTheEnd(superblock, segments, cancellationToken);
        var (position, end) = CutBehind(atSequence, superblock, segments, readable, cancellationToken);
        var dropped = SnapshotStore.List(files, directory).Where(sequence => sequence > atSequence).Reverse().ToList();
        var (blocks, highest, epoch) = LookBehind(superblock, segments, readable, end, cancellationToken);
        blocks += _salvage.LostBlocks;
        LookInFront(superblock, segments, heal: false);
        var repair = new JournalRepair
        {
            Sequence = atSequence,
            FirstSequence = superblock.Begin.Sequence + 1,
            LastReadable = readable.Position.Sequence,
            UnreadableBlocks = blocks,
            HighestSequenceSeen = highest,
            Problem = readable.Problem,
            Damage = Refusal(superblock, cancellationToken),
            DroppedSnapshots = dropped,
            LostPlaces = _salvage.Lost(),
        };
        if (dryRun || repair.IsNeedless)
        {
            return repair;
        }

        string evidence = Keep(segments, atSequence, end, dropped, cancellationToken);
        Cut(segments, end, dropped, superblock with
        {
            Generation = superblock.Generation + 1,
            Epoch = Math.Max(superblock.Epoch, epoch),

            // Nobody's: what the last owner left elsewhere, in front of the log's beginning too, proves nothing any more.
            Nonce = Guid.Empty,
            DurableSequence = atSequence,
            EndSegment = JournalFiles.EndSegment(segments, end),
            SnapshotSequence = NewestKept(superblock, atSequence),
        });
        Check(position);
        return repair with { Evidence = evidence, LostPlaces = _salvage.Lost() };
    }

    private string? Refusal(Superblock superblock, CancellationToken cancellationToken)
    {
        try
        {
            LogOpening.Examine(superblock, files, directory, cancellationToken);
            return null;
        }
        catch (IOException damage)
        {
            // Damage, or a place that cannot be read.
            return damage.Message;
        }
    }

    private static (LogPosition Position, string Problem) ReadToTheEnd(
        Superblock superblock, SegmentFiles segments, CancellationToken cancellationToken)
    {
        using var reader = new LogReader(segments, superblock.EndSegment * segments.SizeBytes);
        using var cursor = new LogCursor(reader, superblock.Begin);
        try
        {
            while (cursor.TryRead(out _))
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            return (cursor.Position, $"{segments.Place(cursor.ProblemAddress)}: {cursor.Problem}");
        }
        catch (JournalDamagedException damage)
        {
            // A segment that is missing or short ends what can be read, like anything else.
            return (cursor.Position, damage.Message);
        }
    }

    private (LogPosition Position, long End) CutBehind(
        long atSequence,
        Superblock superblock,
        SegmentFiles segments,
        (LogPosition Position, string Problem) readable,
        CancellationToken cancellationToken)
    {
        long first = superblock.Begin.Sequence + 1;
        if (atSequence > readable.Position.Sequence || atSequence < superblock.Begin.Sequence)
        {
            throw new ArgumentException(
                $"Frames {first} to {readable.Position.Sequence} can be read ({readable.Problem}): the journal cannot " +
                $"end with frame {atSequence}.");
        }

        if (first > 1 && NewestKept(superblock, atSequence) == 0)
        {
            throw new ArgumentException(
                $"The frames before {first} were truncated, and no whole snapshot up to frame {atSequence} holds the " +
                $"state they led to: the journal cannot end with frame {atSequence}. Whole snapshots: " +
                $"{Listed(WholeSnapshots(superblock))}.");
        }

        return JournalFiles.Find(superblock, segments, atSequence, cancellationToken)
            ?? throw new JournalDamagedException($"{directory}: frame {atSequence} could be read, and cannot any more.");
    }

    /// <summary>The newest snapshot that the cut journal can start from, 0 when there is none.</summary>
    private long NewestKept(Superblock superblock, long atSequence) =>
        WholeSnapshots(superblock).Where(sequence => sequence <= atSequence).DefaultIfEmpty(0).Max();

    private List<long> WholeSnapshots(Superblock superblock)
    {
        var store = new SnapshotStore(files, directory, superblock.JournalId);
        return SnapshotStore.List(files, directory)
            .Where(sequence => sequence >= superblock.Begin.Sequence && store.TryCheck(sequence, out _) is not null)
            .ToList();
    }

    private static string Listed(List<long> snapshots) => snapshots.Count == 0
        ? "none"
        : string.Join(", ", snapshots.Order().Select(sequence => $"of frame {sequence}"));

    /// <summary>What can be said about the bytes that will be cut off.</summary>
    private static (long Blocks, long HighestSequence, long HighestEpoch) LookBehind(
        Superblock superblock,
        SegmentFiles segments,
        (LogPosition Position, string Problem) readable,
        long cut,
        CancellationToken cancellationToken)
    {
        (long blocks, long highest, long epoch) = (0, 0, readable.Position.Epoch);
        for (long segment = segments.SegmentOf(cut); segment < superblock.EndSegment; segment++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long end = (segment + 1) * segments.SizeBytes;
            try
            {
                using var reader = new LogReader(segments, end);
                long from = Math.Max(cut & ~(long)(Block.Size - 1), segment * segments.SizeBytes);
                for (long at = from; at < end; at += Block.Size)
                {
                    var block = reader.Window(at)[..Block.Size];
                    bool isLost = at >= readable.Position.Address && block.ContainsAnyExcept((byte)0);
                    for (int sector = 0; sector < Block.Size; sector += Block.SectorSize)
                    {
                        // What stands in a wrong place counts only with the last owner's nonce, as for an opening.
                        if (at + sector >= cut && TryReadMark(block[sector..], out var mark) &&
                            (mark.Address == at + sector || mark.Nonce == superblock.Nonce))
                        {
                            (highest, epoch) = (Math.Max(highest, mark.FirstSequence), Math.Max(epoch, mark.Epoch));
                            isLost |= mark.FirstSequence > readable.Position.Sequence;
                        }
                    }

                    blocks += isLost ? 1 : 0;
                }
            }
            catch (JournalDamagedException)
            {
                // Not readable at all: it is kept as it is, and nothing can be said about it but its size.
                blocks += segments.SizeBytes / Block.Size;
            }
        }

        return (blocks, highest, epoch);
    }

    private static bool TryReadMark(ReadOnlySpan<byte> block, out CommitMark mark)
    {
        try
        {
            return CommitMark.TryRead(block, out mark, out _);
        }
        catch (JournalDamagedException)
        {
            // A later version's mark says nothing that this build understands.
            mark = default;
            return false;
        }
    }

    /// <summary>Copies everything that will change or go, and waits until the copies survive the loss of
    /// power.</summary>
    private string Keep(
        SegmentFiles segments,
        long atSequence,
        long end,
        List<long> dropped,
        CancellationToken cancellationToken)
    {
        string name = $"{directory}.cut-at-{atSequence}";
        string evidence = name;
        for (int i = 2; Path.Exists(evidence); i++)
        {
            evidence = $"{name}-{i}";
        }

        files.CreateDirectory(evidence);
        var store = new SnapshotStore(files, directory, segments.JournalId);
        var paths = SegmentFiles.List(files, directory)
            .Where(found => found.Segment >= segments.SegmentOf(end))
            .Select(found => found.Path)
            .Concat(dropped.Select(store.PathOf))
            .Append(Path.Combine(directory, "superblock"));
        foreach (string path in paths)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Copy(path, Path.Combine(evidence, Path.GetFileName(path)));
        }

        if (_salvage.Lost() is { Count: > 0 } lost)
        {
            // Zeros in the copies stand for these, and nobody can tell them from zeros that were there.
            using var list = files.Open(Path.Combine(evidence, LostName), FileMode.CreateNew);
            files.Write(list, System.Text.Encoding.UTF8.GetBytes(string.Join('\n', lost) + "\n"), 0);
            files.SyncData(list);
        }

        files.SyncDirectory(evidence);
        files.SyncDirectory(Path.GetDirectoryName(directory)!);
        return evidence;
    }

    private void Copy(string from, string to)
    {
        using var source = _salvage.OpenRead(from);
        using var target = files.Open(to, FileMode.CreateNew);
        byte[] chunk = new byte[ChunkBytes];
        for (long offset = 0; ;)
        {
            int count = _salvage.Read(source, chunk, offset);
            files.Write(target, chunk.AsSpan(0, count), offset);
            offset += count;
            if (count < chunk.Length)
            {
                break;
            }
        }

        files.SyncData(target);
    }

    private void Cut(SegmentFiles segments, long end, List<long> dropped, Superblock result)
    {
        var store = new SnapshotStore(files, directory, result.JournalId);
        dropped.ForEach(sequence => files.Delete(store.PathOf(sequence)));
        foreach (var (segment, path) in SegmentFiles.List(files, directory).ToList())
        {
            if (segment >= result.EndSegment)
            {
                files.Delete(path);
            }
        }

        files.SyncDirectory(directory);
        if (end < result.EndSegment * segments.SizeBytes)
        {
            try
            {
                Zero(segments, end, result.EndSegment - 1);
            }
            catch (JournalDamagedException) when (result.DurableSequence == result.Begin.Sequence)
            {
                // Its header is gone, and no frame is kept in it: it is as good as a new one.
                segments.Create(result.EndSegment - 1);
            }
        }

        LookInFront(result, segments, heal: true);

        // Read first, so that the copy which counts is not the one to be written over first.
        using var file = new SuperblockFile(files, directory);
        file.Read();
        file.Write(result, null);
    }

    /// <summary>In front of the log's beginning lies nothing that anybody needs, and an opening looks at it all the same. What
    /// cannot be read there becomes zeros.</summary>
    private void LookInFront(Superblock superblock, SegmentFiles segments, bool heal)
    {
        long end = superblock.Begin.Address & ~(long)(Block.Size - 1);
        long segment = segments.SegmentOf(end);
        if (end == segment * segments.SizeBytes || segment >= superblock.EndSegment)
        {
            return;
        }

        string path = segments.PathOf(segment);
        if (!files.Exists(path))
        {
            return;
        }

        byte[] block = new byte[Block.Size];
        using var file = heal ? files.Open(path, FileMode.Open) : _salvage.OpenRead(path);
        for (long address = segment * segments.SizeBytes; address < end; address += Block.Size)
        {
            long offset = segments.OffsetOf(address);
            if (!heal)
            {
                _salvage.Read(file, block, offset);
            }
            else if (_salvage.HasLost(path, offset))
            {
                files.Write(file, block, offset);
                files.SyncData(file);
            }
        }
    }

    private void Zero(SegmentFiles segments, long end, long segment)
    {
        byte[] zeros = new byte[ChunkBytes];
        using var file = segments.Open(segment, forWriting: true);
        long segmentEnd = (segment + 1) * segments.SizeBytes;
        for (long address = end; address < segmentEnd;)
        {
            // Whole blocks, but for the first: of a block that cannot be read, a part cannot be written.
            long length = address == Block.AlignUp(address) ? ChunkBytes : Block.AlignUp(address) - address;
            var piece = zeros.AsSpan(0, (int)Math.Min(length, segmentEnd - address));
            files.Write(file, piece, segments.OffsetOf(address));
            address += piece.Length;
        }

        files.SyncData(file);
    }

    private void Check(LogPosition expected)
    {
        var superblock = JournalFiles.ReadSuperblock(files, directory);
        var (_, log, _) = LogOpening.Examine(superblock, files, directory, CancellationToken.None);
        if (log.End != expected || log.Leftovers.Count > 0)
        {
            throw new JournalException(
                $"{directory} was cut and ends with frame {log.End.Sequence}, not {expected.Sequence}. What was cut off " +
                "is in the directory beside it.");
        }
    }
}
