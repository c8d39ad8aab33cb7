using Engine.Storage.Faster;
using Engine.Tests.Crash.Child;

namespace Engine.Tests.Crash.Loop;

/// <summary>When a child is killed.</summary>
/// <param name="Name">The kind, for the counters.</param>
/// <param name="Point">The named point to stop at, or "" for a moment in time.</param>
/// <param name="PointAt">Which passage of the point.</param>
/// <param name="FromStart">Whether the delay counts from the start of the process, else from when it serves.</param>
/// <param name="DelayMs">The delay.</param>
/// <param name="Tears">Whether the commit that was not synced is torn afterwards, as the loss of power would.</param>
internal sealed record Kill(
    string Name, string Point = "", int PointAt = 0, bool FromStart = false, int DelayMs = 0, bool Tears = false);

/// <summary>Draws kills so that a few dozen cycles meet every kind.</summary>
internal static class KillPlan
{
    internal const string BeforeFirstBatch = "first batch";

    private static readonly Func<Dice, Kill>[] Errors =
    [
        dice => new Kill("busy", DelayMs: 10 + dice.Below(250)),
        dice => new Kill("busy", DelayMs: 10 + dice.Below(250)),
        dice => At(JournalPoint.CommitWritten, 2 + dice.Below(60)),
        dice => At(JournalPoint.CommitSynced, 2 + dice.Below(60)),
        _ => new Kill(BeforeFirstBatch, nameof(JournalPoint.CommitWritten), 1),
        dice => At(JournalPoint.SegmentSwitching, 1 + dice.Below(3)),
        dice => At(JournalPoint.SegmentCreated, 1 + dice.Below(3)),
        dice => At(JournalPoint.SuperblockHalfWritten, 3 + dice.Below(3)) with { Name = "segment recorded" },
    ];

    /// <summary>Named points of snapshots and truncation: each life may meet them a few times.</summary>
    private static readonly Func<Dice, Kill>[] Snapshots =
    [
        _ => At(JournalPoint.SnapshotWritten, 1),
        _ => At(JournalPoint.SnapshotRenamed, 1),
        _ => At(JournalPoint.TruncationRecorded, 1),
        _ => At(JournalPoint.TruncationHalfDone, 1),
    ];

    private static readonly Func<Dice, Kill>[] Kinds =
    [
        dice => new Kill("busy", DelayMs: 20 + dice.Below(400)),
        dice => new Kill("any moment", FromStart: true, DelayMs: dice.Below(900)),
        _ => new Kill("right after start"),
        dice => At(JournalPoint.CommitWritten, 2 + dice.Below(60)),
        dice => At(JournalPoint.CommitWritten, 2 + dice.Below(60)) with { Name = "torn commit", Tears = true },
        dice => At(JournalPoint.CommitSynced, 2 + dice.Below(60)),
        dice => new Kill("busy", DelayMs: 300 + dice.Below(1200)),
        _ => new Kill(BeforeFirstBatch, nameof(JournalPoint.CommitWritten), 1),
        dice => At(JournalPoint.SegmentSwitching, 1 + dice.Below(2)),
        dice => At(JournalPoint.SegmentCreated, 1 + dice.Below(2)),
        dice => At(JournalPoint.SuperblockHalfWritten, 3 + dice.Below(2)) with { Name = "segment recorded" },
        .. DuringRecovery,
    ];

    private static readonly Func<Dice, Kill>[] Cuts =
    [
        .. Errors,
        dice => new Kill("any moment", FromStart: true, DelayMs: dice.Below(900)),
        _ => new Kill("right after start"),
        .. DuringRecovery,
    ];

    /// <summary>Places before the first commit of a process: whatever happens there, the journal says what it said.</summary>
    internal static IReadOnlyList<Func<Dice, Kill>> DuringRecovery =>
    [
        _ => At(JournalPoint.RecoveryScanned, 1),
        _ => At(JournalPoint.RecoveryCut, 1),
        dice => At(JournalPoint.SuperblockHalfWritten, 1 + dice.Below(2)),
        dice => new Kill(ChildJournal.Replaying, ChildJournal.Replaying, 1 + dice.Below(200)),
        _ => new Kill(ChildJournal.Replayed, ChildJournal.Replayed, 1),
    ];

    /// <summary>For a recovery that has nothing to replay.</summary>
    internal static Kill InsteadOfReplay { get; } = At(JournalPoint.RecoveryCut, 1);

    /// <summary>The kills of one life: each kind in turn, in an order of its own.</summary>
    internal static IEnumerable<Kill> Draw(ulong seed, bool snapshots) => Draw(seed, Kinds, snapshots);

    /// <summary>The moments at which the power of one volume is cut: the disk itself does the tearing.</summary>
    internal static IEnumerable<Kill> DrawCuts(ulong seed, bool snapshots) => Draw(seed, Cuts, snapshots);

    /// <summary>The moments at which the disk of an engine dies that lives on.</summary>
    internal static IEnumerable<Kill> DrawErrors(ulong seed, bool snapshots) => Draw(seed, Errors, snapshots);

    private static IEnumerable<Kill> Draw(ulong seed, IReadOnlyList<Func<Dice, Kill>> kinds, bool snapshots)
    {
        var dice = Dice.For(seed, 77);
        int turn = (int)(seed % 2) * 2;

        // One cycle with load first: recovery of an empty journal is worth little.
        yield return new Kill("busy", DelayMs: 800);
        while (true)
        {
            // Two of them a round, in turn: a snapshot is waited for, and its journal grows meanwhile.
            var some = snapshots ? [Snapshots[turn % Snapshots.Length], Snapshots[(turn + 1) % Snapshots.Length]] : Array.Empty<Func<Dice, Kill>>();
            turn += 2;
            var round = kinds.Concat(some).ToList();
            while (round.Count > 0)
            {
                int index = dice.Below(round.Count);
                var inner = new Dice(dice.Next());
                yield return round[index](inner);
                round.RemoveAt(index);
            }
        }
    }

    private static Kill At(JournalPoint point, int at) => new(point.ToString(), point.ToString(), at);
}
