using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Platform;
using Engine.Storage.Faster.Snapshots;

namespace Engine.Storage.Faster;

/// <summary>Reads frames one by one, without the lock and without believing that the log ends where reading
/// does.</summary>
internal static class EntryReader
{
    internal static IEnumerable<JournalEntry> Read(
        FileSystemCalls files, string directory, long fromSequence, CancellationToken cancellationToken)
    {
        var superblock = JournalFiles.Settled(() => JournalFiles.ReadSuperblock(files, directory));
        var segments = JournalFiles.Segments(files, directory, superblock);
        using var reader = new LogReader(segments, superblock.EndSegment * segments.SizeBytes);
        using var cursor = new LogCursor(reader, superblock.Begin);
        while (TryRead(files, directory, cursor, out var frame))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (frame.Sequence >= fromSequence)
            {
                yield return new JournalEntry(
                    frame,
                    segments.PathOf(segments.SegmentOf(cursor.FrameAddress)),
                    segments.OffsetOf(cursor.FrameAddress));
            }
        }

        // Whether the end is one, or damage, can only be told by what lies behind it.
        JournalFiles.Settled(() => LogRecovery.Run(
            JournalFiles.ReadSuperblock(files, directory), segments, files.BootId, cancellationToken));
    }

    internal static IEnumerable<JournalSnapshot> Snapshots(FileSystemCalls files, string directory)
    {
        var superblock = JournalFiles.Settled(() => JournalFiles.ReadSuperblock(files, directory));
        var store = new SnapshotStore(files, directory, superblock.JournalId);
        foreach (long sequence in SnapshotStore.List(files, directory).Reverse())
        {
            if (store.TryLoad(sequence, out _) is { } snapshot)
            {
                yield return snapshot;
            }
        }
    }

    /// <summary>Reads the next frame, and tells a log that lost its beginning to truncation from one that is
    /// damaged.</summary>
    private static bool TryRead(FileSystemCalls files, string directory, LogCursor cursor, out JournalFrame frame)
    {
        try
        {
            return cursor.TryRead(out frame);
        }
        catch (JournalDamagedException)
        {
            long begin = JournalFiles.Settled(() => JournalFiles.ReadSuperblock(files, directory)).Begin.Sequence;
            if (begin <= cursor.Position.Sequence)
            {
                throw;
            }

            throw new JournalException(
                $"Frames up to {begin} were truncated by the journal's owner while they were read: begin with frame " +
                $"{begin + 1}.");
        }
    }
}
