namespace Engine.Storage.Faster;

/// <summary>Places in the journal where a crash would hurt most, named for the tests that crash there.</summary>
internal enum JournalPoint
{
    /// <summary>A commit is written, not synced.</summary>
    CommitWritten = 1,

    /// <summary>A commit is synced, not acknowledged.</summary>
    CommitSynced = 2,

    /// <summary>A new segment has its name, and the superblock does not know it yet.</summary>
    SegmentCreated = 3,

    /// <summary>The first write to a new segment is next.</summary>
    SegmentSwitching = 4,

    /// <summary>Recovery has read the log and changed nothing.</summary>
    RecoveryScanned = 5,

    /// <summary>Recovery has zeroed what lay behind the end of the log.</summary>
    RecoveryCut = 6,

    /// <summary>The new epoch is in the first copy of the superblock only.</summary>
    SuperblockHalfWritten = 7,

    /// <summary>A snapshot is written under its temporary name.</summary>
    SnapshotWritten = 8,

    /// <summary>A snapshot has its name.</summary>
    SnapshotRenamed = 9,

    /// <summary>The superblock says where the shortened log begins; the files below are still there.</summary>
    TruncationRecorded = 10,

    /// <summary>One of the files below is gone.</summary>
    TruncationHalfDone = 11,
}
