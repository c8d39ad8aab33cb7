using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Platform;
using Engine.Storage.Faster.Snapshots;

namespace Engine.Storage.Faster;

/// <summary>Copies a journal up to an exact frame, without its lock.</summary>
/// <remarks>
/// The superblock is read first, then the snapshots that it can name, then the log up to the frame: the log only grows,
/// so what lies before a frame is the same whenever it is copied. What may go away meanwhile is the log's beginning; then
/// all is done again. The copy gets a superblock of its own, which knows every frame of it to be durable, so that a
/// backup that loses one is refused and not believed.
/// </remarks>
internal sealed class BackupWriter(FileSystemCalls files, string directory, string target)
{
    private const int ChunkBytes = 1024 * 1024;

    private readonly string _partial = target + ".partial";

    internal JournalBackup Run(long? atSequence, CancellationToken cancellationToken)
    {
        CheckTarget();
        var backup = JournalFiles.Settled(() =>
        {
            try
            {
                return Once(atSequence, cancellationToken);
            }
            catch
            {
                DeletePartial();
                throw;
            }
        });

        // An empty directory of that name may be there; a directory cannot be renamed over it everywhere.
        if (Directory.Exists(target))
        {
            Directory.Delete(target);
        }

        Directory.Move(_partial, target);
        files.SyncDirectory(Path.GetDirectoryName(target)!);
        return backup;
    }

    private void CheckTarget()
    {
        if (Path.GetDirectoryName(target) is null ||
            (target + Path.DirectorySeparatorChar).StartsWith(
                directory + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new ArgumentException($"{target} is in the journal's own directory. Choose one outside of it.");
        }

        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
        {
            throw new ArgumentException($"{target} is not empty. A backup makes a directory of its own.");
        }

        if (Path.Exists(_partial))
        {
            throw new ArgumentException(
                $"{_partial} is there: another backup is being made, or one was interrupted. Delete it, or choose " +
                "another target.");
        }
    }

    private JournalBackup Once(long? atSequence, CancellationToken cancellationToken)
    {
        var superblock = JournalFiles.ReadSuperblock(files, directory);
        var source = JournalFiles.Segments(files, directory, superblock);
        var (end, framesEnd) = FindEnd(superblock, source, atSequence, cancellationToken);
        files.CreateDurableDirectory(_partial);
        var copied = superblock with
        {
            Generation = superblock.Generation + 1,
            Epoch = Math.Max(superblock.Epoch, end.Epoch),
            DurableSequence = end.Sequence,
            EndSegment = JournalFiles.EndSegment(source, framesEnd),
        };
        var (snapshots, snapshotBytes, hasPieces) = CopySnapshots(superblock, end.Sequence, cancellationToken);
        copied = copied with
        {
            SnapshotSequence = snapshots is [.., var newest] ? newest : 0,
            HasPieces = copied.HasPieces || hasPieces,
        };
        CopyLog(source, superblock.Begin.Address, framesEnd, cancellationToken);
        using (var file = new SuperblockFile(files, _partial))
        {
            file.Write(copied, null);
        }

        Check(end, framesEnd, cancellationToken);
        return new JournalBackup(
            target,
            end.Sequence,
            superblock.Begin.Sequence + 1,
            copied.Epoch,
            framesEnd - superblock.Begin.Address + snapshotBytes,
            snapshots);
    }

    private (LogPosition Position, long FramesEnd) FindEnd(
        Superblock superblock, SegmentFiles source, long? atSequence, CancellationToken cancellationToken)
    {
        // The whole log, even if only a part is wanted: a damaged journal is repaired first, not copied around.
        var log = LogRecovery.Run(superblock, source, files.BootId, cancellationToken);
        if (atSequence is not { } sequence || sequence == log.End.Sequence)
        {
            return (log.End, log.FramesEnd);
        }

        if (sequence > log.End.Sequence || sequence < superblock.Begin.Sequence)
        {
            throw new ArgumentException(
                $"The journal holds frames {superblock.Begin.Sequence + 1} to {log.End.Sequence}: a backup cannot end " +
                $"with frame {sequence}.");
        }

        return JournalFiles.Find(superblock, source, sequence, cancellationToken)
            ?? throw new JournalDamagedException($"{directory}: frame {sequence} was there and is not any more.");
    }

    private (List<long> Snapshots, long Bytes, bool HasPieces) CopySnapshots(
        Superblock superblock, long lastSequence, CancellationToken cancellationToken)
    {
        var from = new SnapshotStore(files, directory, superblock.JournalId);
        var to = new SnapshotStore(files, _partial, superblock.JournalId);
        var copied = new List<long>();
        long bytes = 0;
        bool hasPieces = false;
        foreach (long sequence in SnapshotStore.List(files, directory).Reverse())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (sequence >= superblock.Begin.Sequence && sequence <= lastSequence &&
                from.TryLoad(sequence, out _) is { } snapshot)
            {
                to.Save(sequence, snapshot.Checksum, snapshot.State, null, CancellationToken.None);
                copied.Add(sequence);
                bytes += snapshot.State.Length;
                hasPieces |= to.NeedsPieces(snapshot.State.Length);
            }
        }

        if (superblock.Begin.Sequence > 0 && copied.Count == 0)
        {
            throw NoState(superblock, lastSequence);
        }

        return (copied, bytes, hasPieces);
    }

    /// <summary>Without a snapshot, frames from the middle of a log lead nowhere.</summary>
    private Exception NoState(Superblock superblock, long lastSequence)
    {
        long first = SnapshotStore.List(files, directory)
            .Where(sequence => sequence >= superblock.Begin.Sequence)
            .DefaultIfEmpty(-1)
            .Min();
        return first > lastSequence
            ? new ArgumentException(
                $"The state before frame {superblock.Begin.Sequence + 1} is in no snapshot up to frame {lastSequence}: " +
                $"a backup can end with frame {first} or a later one.")
            : new JournalDamagedException(
                $"{directory}: the log begins only with frame {superblock.Begin.Sequence + 1}, and no whole snapshot " +
                "holds the state before it.");
    }

    private void CopyLog(SegmentFiles source, long begin, long end, CancellationToken cancellationToken)
    {
        var copy = new SegmentFiles(files, _partial, source.SizeBytes, source.JournalId);
        byte[] chunk = new byte[ChunkBytes];
        long last = JournalFiles.EndSegment(source, end);
        for (long segment = source.SegmentOf(begin); segment < last; segment++)
        {
            copy.Create(segment);
            using var from = source.Open(segment, forWriting: false);
            using var to = copy.Open(segment, forWriting: true);
            long segmentEnd = Math.Min((segment + 1) * source.SizeBytes, end);
            for (long address = Math.Max(begin, segment * source.SizeBytes); address < segmentEnd;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var piece = chunk.AsSpan(0, (int)Math.Min(ChunkBytes, segmentEnd - address));
                if (files.Read(from, piece, source.OffsetOf(address)) != piece.Length)
                {
                    throw new JournalDamagedException($"{source.Place(address)}: the file ends there.");
                }

                files.Write(to, piece, copy.OffsetOf(address));
                address += piece.Length;
            }

            files.SyncData(to);
        }

        files.SyncDirectory(_partial);
    }

    /// <summary>Reads the copy as opening it will.</summary>
    private void Check(LogPosition end, long framesEnd, CancellationToken cancellationToken)
    {
        var superblock = JournalFiles.ReadSuperblock(files, _partial);
        var (_, log, strays) = LogOpening.Examine(superblock, files, _partial, cancellationToken);
        if (log.End != end || log.FramesEnd != framesEnd || log.Leftovers.Count > 0 || strays.Count > 0)
        {
            throw new JournalDamagedException(
                $"{_partial}: the copy ends with frame {log.End.Sequence}, where frame {end.Sequence} was copied last. " +
                "The journal's own files were not changed.");
        }
    }

    private void DeletePartial()
    {
        if (Directory.Exists(_partial))
        {
            Directory.Delete(_partial, recursive: true);
        }
    }
}
