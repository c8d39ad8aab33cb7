using Engine.Storage.Faster;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash.Rigs;

/// <summary>What a rig must have met: where it never struck, it proves nothing.</summary>
internal static class Corners
{
    /// <summary>Where an engine with load writes to its disk.</summary>
    internal static IReadOnlyList<string> Writing { get; } =
    [
        "kill: busy",
        "kill: segment recorded",
        $"kill: {KillPlan.BeforeFirstBatch}",
        $"kill: {JournalPoint.CommitWritten}",
        $"kill: {JournalPoint.CommitSynced}",
        $"kill: {JournalPoint.SegmentCreated}",
        $"kill: {JournalPoint.SegmentSwitching}",
        $"kill: {JournalPoint.SnapshotWritten}",
        $"kill: {JournalPoint.SnapshotRenamed}",
        $"kill: {JournalPoint.TruncationRecorded}",
        "snapshots",
        "truncations",
    ];

    /// <summary>Where an engine starts, and what a death leaves behind.</summary>
    internal static IReadOnlyList<string> Dying { get; } =
    [
        "kill: any moment",
        "kill: right after start",
        $"kill: {ChildJournal.Replaying}",
        $"kill: {ChildJournal.Replayed}",
        $"kill: {JournalPoint.RecoveryScanned}",
        $"kill: {JournalPoint.RecoveryCut}",
        $"kill: {JournalPoint.SuperblockHalfWritten}",
        "lost runs",
        "unanswered, present",
        "unanswered, absent",
    ];
}
