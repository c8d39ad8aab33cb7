using Engine.Storage.Faster;
using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Platform;

namespace Engine.Tests.Crash.Loop;

/// <summary>Does to the last commit what the loss of power does to one that was not synced.</summary>
internal static class TornTail
{
    /// <summary>Zeroes some blocks of the journal's last commit, all of them or a part. Returns whether there was one.</summary>
    internal static bool Tear(string directory, Dice dice, bool whole = false)
    {
        var files = FileSystemCalls.Current;
        using var superblockFile = new SuperblockFile(files, directory);
        if (superblockFile.Read() is not { } superblock)
        {
            return false;
        }

        var segments = new SegmentFiles(files, directory, superblock.SegmentSizeBytes, superblock.JournalId);
        if (LastCommit(superblock, segments) is not var (first, end))
        {
            return false;
        }

        int blocks = (int)((end - first) / Block.Size);
        int chosen = dice.Below(blocks);
        for (int i = 0; i < blocks; i++)
        {
            long address = first + ((long)i * Block.Size);
            if (whole || i == chosen || dice.Chance(50))
            {
                using var file = segments.Open(segments.SegmentOf(address), forWriting: true);
                files.Write(file, new byte[Block.Size], segments.OffsetOf(address));
            }
        }

        return true;
    }

    private static (long First, long End)? LastCommit(Superblock superblock, SegmentFiles segments)
    {
        long last = -1;
        using var reader = new LogReader(segments, superblock.EndSegment * segments.SizeBytes);
        using var cursor = new LogCursor(reader, superblock.Begin) { CommitStarts = position => last = position.Address };
        while (cursor.TryRead(out _))
        {
        }

        // A commit that was never whole is no frame of the log: then the last whole one may have been acknowledged.
        return last >= 0 && cursor.Position.Address > last ? (last, cursor.Position.Address) : null;
    }
}
