using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Platform;
using Engine.Storage.Faster.Snapshots;

namespace Engine.Storage.Faster;

/// <summary>The way from a directory to an owned log. Nothing on disk changes before the whole log was read and found
/// good; every change after that can be interrupted and done again.</summary>
internal static class LogOpening
{
    internal static OwnedLog Open(
        FasterJournalOptions options,
        Action<string>? warn,
        Action<RecoveredLog>? recovered,
        CancellationToken cancellationToken)
    {
        var files = options.Files;
        files.CreateDurableDirectory(options.Directory);
        var ownerLock = OwnerLock.Take(files, options.Directory);
        var superblockFile = new SuperblockFile(files, options.Directory);
        try
        {
            var superblock = superblockFile.ReadDurable() ?? Create(options, superblockFile);
            var last = new LastCommit(superblock);
            var (segments, log, strays) = Examine(superblock, files, options.Directory, cancellationToken, last);
            if (!IsOnDisk(segments, last.Position, log, superblock))
            {
                (segments, log, strays) = Examine(superblock, files, options.Directory, cancellationToken);
            }

            options.Reached?.Invoke(JournalPoint.RecoveryScanned);

            // From here on it is only completed what an interrupted owner may have left half done.
            DeleteStrays(options, strays);
            Cut(segments, superblock, log);
            options.Reached?.Invoke(JournalPoint.RecoveryCut);
            superblock = MakeRoom(superblock, segments, superblockFile, log, options);
            recovered?.Invoke(log);
            return new OwnedLog(options, ownerLock, superblockFile, superblock, segments, log, warn);
        }
        catch
        {
            superblockFile.Dispose();
            ownerLock.Dispose();
            throw;
        }
    }

    /// <summary>Everything that opening decides, without a change: the log with a tail that may be cut, and files that
    /// nobody needs.</summary>
    /// <exception cref="JournalDamagedException">This is not a log that may be opened; the message says
    /// why.</exception>
    internal static (SegmentFiles Segments, RecoveredLog Log, List<string> Strays) Examine(
        Superblock superblock,
        FileSystemCalls files,
        string directory,
        CancellationToken cancellationToken,
        ILogObserver? observer = null)
    {
        var segments = new SegmentFiles(files, directory, superblock.SegmentSizeBytes, superblock.JournalId);
        var log = LogRecovery.Run(superblock, segments, files.BootId, cancellationToken, observer);
        return (segments, log, Strays(superblock, segments));
    }

    /// <summary>Throws when a directory without a superblock holds a journal's files.</summary>
    /// <exception cref="JournalDamagedException">A new journal here would write over an old one.</exception>
    internal static void RefuseOrphans(FileSystemCalls files, string directory)
    {
        string? orphan = SegmentFiles.List(files, directory).Select(found => found.Path).FirstOrDefault();
        if (orphan is null && SnapshotStore.List(files, directory) is [var newest, ..])
        {
            orphan = $"a snapshot of frame {newest}";
        }

        if (orphan is not null)
        {
            throw new JournalDamagedException(
                $"{directory} holds {orphan}, and no superblock. It is not an empty directory, and without its " +
                "superblock not a journal. Nothing was changed. Restore the superblock from a backup of the same " +
                "journal, or choose another directory.");
        }
    }

    private static Superblock Create(FasterJournalOptions options, SuperblockFile file)
    {
        RefuseOrphans(options.Files, options.Directory);
        SyncName(options.Files, options.Directory);
        var superblock = new Superblock(
            Generation: 1,
            options.Runtime.NewNonce(),
            Epoch: 0,
            Guid.Empty,
            options.Files.BootId,
            options.SegmentSizeBytes,
            LogPosition.Start,
            DurableSequence: 0,
            EndSegment: 0,
            SnapshotSequence: 0,
            options.Durability);
        file.Write(superblock, options.Reached);
        return superblock;
    }

    /// <summary>Makes the directory's own name durable, and those of all above it: an owner that was killed while it
    /// made them may have left any of them in the page cache only.</summary>
    private static void SyncName(FileSystemCalls files, string directory)
    {
        for (string? parent = Path.GetDirectoryName(directory);
            !string.IsNullOrEmpty(parent);
            parent = Path.GetDirectoryName(parent))
        {
            try
            {
                files.SyncDirectory(parent);
            }
            catch (IOException error) when (FileSystemCalls.CannotHoldNewNames(error))
            {
                // Nobody has made a name there a moment ago: who may not open it, or where nothing can be written.
            }
        }
    }

    /// <summary>Reads again, from the disk, what an owner that was killed may have left in the page cache only: whether
    /// the log still ends where it did.</summary>
    /// <remarks>A commit whose sync failed is the last one, and may be there as long as the system runs.</remarks>
    private static bool IsOnDisk(SegmentFiles segments, LogPosition from, RecoveredLog log, Superblock superblock)
    {
        if (log.End.Sequence == from.Sequence)
        {
            return true;
        }

        for (long segment = segments.SegmentOf(from.Address);
            segment <= segments.SegmentOf(log.End.Address - 1);
            segment++)
        {
            using var file = segments.Open(segment, forWriting: true);
            segments.Calls.SyncData(file);
            segments.Calls.DropCache(file);
        }

        using var reader = new LogReader(segments, superblock.EndSegment * segments.SizeBytes);
        using var cursor = new LogCursor(reader, from);
        while (cursor.Position.Sequence < log.End.Sequence && cursor.TryRead(out _))
        {
        }

        return cursor.Position == log.End;
    }

    /// <summary>Files of an interrupted owner: segments that were never recorded, or are no longer; temporary
    /// ones.</summary>
    private static List<string> Strays(Superblock superblock, SegmentFiles segments)
    {
        var strays = segments.Calls.List(segments.Directory)
            .Where(path => path.EndsWith(".tmp", StringComparison.Ordinal))
            .ToList();
        foreach (var (segment, path) in SegmentFiles.List(segments.Calls, segments.Directory))
        {
            if (segment >= superblock.EndSegment)
            {
                // Recorded before it is used: so it must be as empty as it was made.
                RefuseUnlessEmpty(segments, segment, superblock.EndSegment);
                strays.Add(path);
            }
            else if (segment < segments.SegmentOf(superblock.Begin.Address))
            {
                strays.Add(path);
            }
        }

        return strays;
    }

    private static void RefuseUnlessEmpty(SegmentFiles segments, long segment, long endSegment)
    {
        using var reader = new LogReader(segments, (segment + 1) * segments.SizeBytes);
        for (long address = segment * segments.SizeBytes; address < reader.EndAddress;)
        {
            var window = reader.Window(address);
            if (window.ContainsAnyExcept((byte)0))
            {
                throw new JournalDamagedException(
                    $"{segments.Place(address)}: there is data, though the superblock knows no segment from " +
                    $"{endSegment} on: the superblock is older than the log. Nothing was changed.");
            }

            address += window.Length;
        }
    }

    private static void DeleteStrays(FasterJournalOptions options, List<string> strays)
    {
        strays.ForEach(options.Files.Delete);
        if (strays.Count > 0)
        {
            options.Files.SyncDirectory(options.Directory);
        }
    }

    /// <summary>Zeroes everything behind the log's end and makes everything before it durable: a process that was
    /// killed may have left both in the page cache only.</summary>
    private static void Cut(SegmentFiles segments, Superblock superblock, RecoveredLog log)
    {
        byte[] zeros = new byte[Block.Size];
        var leftovers = log.Leftovers.ToLookup(segments.SegmentOf);
        long first = segments.SegmentOf(superblock.Begin.Address);
        for (long segment = superblock.EndSegment - 1; segment >= first; segment--)
        {
            using var file = segments.Open(segment, forWriting: true);

            // The last first, so that an interrupted cut never leaves a whole commit behind a hole.
            foreach (long address in leftovers[segment].Reverse())
            {
                segments.Calls.Write(file, zeros, segments.OffsetOf(address));
            }

            segments.Calls.SyncData(file);
        }
    }

    private static Superblock MakeRoom(
        Superblock superblock,
        SegmentFiles segments,
        SuperblockFile file,
        RecoveredLog log,
        FasterJournalOptions options)
    {
        long needed = segments.SegmentOf(log.End.Address);
        if (needed >= superblock.EndSegment)
        {
            segments.Create(needed);
            options.Reached?.Invoke(JournalPoint.SegmentCreated);
            superblock = superblock with { EndSegment = needed + 1 };
        }

        // The last owner's epoch may be in frames only, if its superblock was restored from before.
        superblock = superblock with
        {
            Generation = superblock.Generation + 1,
            Epoch = Math.Max(superblock.Epoch, log.End.Epoch),
            DurableSequence = log.End.Sequence,
        };
        file.Write(superblock, options.Reached);
        return superblock;
    }

    /// <summary>Notes from where on frames may be in the page cache only.</summary>
    private sealed class LastCommit(Superblock superblock) : ILogObserver
    {
        internal LogPosition Position { get; private set; } = superblock.Begin;

        public void CommitStarts(LogPosition position)
        {
            // Each commit waits for the sync of the one before, unless commits are not synced at all.
            if (superblock.Durability == Durability.Synced || position.Sequence <= superblock.DurableSequence)
            {
                Position = position;
            }
        }

        public void FrameRead(in JournalFrame frame, long address)
        {
        }
    }
}
