using Engine.Storage.Faster;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;
using Engine.Tests.Crash.Rigs;
using Xunit.Abstractions;

namespace Engine.Tests.Crash;

/// <summary>The loss of power on a real file system, at any moment and at every named point (F2, F3).</summary>
public sealed class PowerCutTests(ITestOutputHelper output)
{
    private const int CutsInCi = 200;
    private const int MaxCutsForABug = 40;

    private static readonly string[] Corners =
    [
        "kill: busy",
        "kill: any moment",
        "kill: right after start",
        "kill: segment recorded",
        $"kill: {KillPlan.BeforeFirstBatch}",
        $"kill: {ChildJournal.Replaying}",
        $"kill: {ChildJournal.Replayed}",
        $"kill: {JournalPoint.CommitWritten}",
        $"kill: {JournalPoint.CommitSynced}",
        $"kill: {JournalPoint.SegmentCreated}",
        $"kill: {JournalPoint.SegmentSwitching}",
        $"kill: {JournalPoint.SnapshotWritten}",
        $"kill: {JournalPoint.SnapshotRenamed}",
        $"kill: {JournalPoint.TruncationRecorded}",
        "snapshots",
        "truncations",
        $"kill: {JournalPoint.RecoveryScanned}",
        $"kill: {JournalPoint.RecoveryCut}",
        $"kill: {JournalPoint.SuperblockHalfWritten}",
        "lost runs",
        "unanswered, present",
        "unanswered, absent",
    ];

    [VolumeFact]
    public async Task F2_power_cuts_lose_nothing_acknowledged_and_leave_no_hole_and_no_ghost()
    {
        var findings = new Findings();

        await PowerCutRig.RunAsync(seed: 2, CutsInCi, findings);

        Figures.Report(output, findings.Figures("power_cuts", PowerCutRig.Cuts));
        output.WriteLine($"{findings.Tally}");
        Assert.Empty(findings.Told);
        Assert.True(findings.Tally[PowerCutRig.Cuts] >= CutsInCi);
        Assert.Empty(findings.Tally.Missing(Corners));
    }

    [VolumeFact]
    public async Task D1_a_power_cut_finds_acknowledgements_that_come_before_the_sync()
    {
        var finding = await FindAsync(Bug.NeverSyncs);

        Assert.Matches("^(D1|D3|D6|W5): ", finding);
    }

    [VolumeFact]
    public async Task D6_a_power_cut_finds_new_files_whose_names_are_not_synced()
    {
        var finding = await FindAsync(Bug.NeverSyncsNames);

        Assert.Matches("^(D1|D3|D6|W5): ", finding);
    }

    private static async Task<string> FindAsync(Bug bug)
    {
        var findings = new Findings();

        await PowerCutRig.RunAsync(seed: 3, MaxCutsForABug, findings, bug);

        return Assert.Single(findings.Told);
    }
}
