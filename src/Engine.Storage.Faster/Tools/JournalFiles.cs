using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Platform;

namespace Engine.Storage.Faster;

/// <summary>What the tools share: finding a journal, finding a frame in it, and telling damage from an engine at
/// work.</summary>
internal static class JournalFiles
{
    private const int MaxAttempts = 20;

    /// <summary>Reads the superblock of a journal that there must be.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="JournalDamagedException">It is damaged, or missing beside other files of a journal.</exception>
    internal static Superblock ReadSuperblock(FileSystemCalls files, string directory)
    {
        using var file = new SuperblockFile(files, directory);
        if (file.Read() is { } superblock)
        {
            return superblock;
        }

        LogOpening.RefuseOrphans(files, directory);
        throw new FileNotFoundException($"{directory} holds no journal: there is no file 'superblock' in it.");
    }

    internal static SegmentFiles Segments(FileSystemCalls files, string directory, Superblock superblock) =>
        new(files, directory, superblock.SegmentSizeBytes, superblock.JournalId);

    /// <summary>The first segment number that a log which ends at <paramref name="address"/> does not need.</summary>
    internal static long EndSegment(SegmentFiles segments, long address) =>
        segments.SegmentOf(address + segments.SizeBytes - 1);

    /// <summary>Walks to a frame.</summary>
    /// <returns>The position behind the frame, and the address behind its last byte; null when it cannot be
    /// reached.</returns>
    internal static (LogPosition Position, long End)? Find(
        Superblock superblock, SegmentFiles segments, long sequence, CancellationToken cancellationToken)
    {
        using var reader = new LogReader(segments, superblock.EndSegment * segments.SizeBytes);
        using var cursor = new LogCursor(reader, superblock.Begin);
        while (cursor.Position.Sequence < sequence)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!cursor.TryRead(out _))
            {
                return null;
            }
        }

        return cursor.Position.Sequence == sequence ? (cursor.Position, cursor.FrameEnd) : null;
    }

    /// <summary>Reads a journal that an engine may be writing to, until no more than its own damage is in the way.
    /// </summary>
    /// <remarks>
    /// A reader without the lock sees a log that moves: a commit half written, a segment that was made, or given back,
    /// after the superblock was read. Each of these looks like damage, and none does twice in the same place: a commit
    /// is written only when the one before is synced, so by the time that a later one could be seen, the one before is
    /// whole. So what fails twice for the same reason is damage.
    /// </remarks>
    internal static T Settled<T>(Func<T> read)
    {
        string? last = null;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return read();
            }
            catch (JournalDamagedException damage) when (damage.Message != last && attempt < MaxAttempts)
            {
                last = damage.Message;
            }
        }
    }
}
