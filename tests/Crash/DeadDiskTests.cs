using Engine.Storage.Faster;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;
using Engine.Tests.Crash.Rigs;
using Xunit.Abstractions;

namespace Engine.Tests.Crash;

/// <summary>A disk that dies under an engine that lives on (F5, D5).</summary>
public sealed class DeadDiskTests(ITestOutputHelper output)
{
    private const int DeathsInCi = 200;
    private const int MaxDeathsForABug = 40;

    private static readonly string[] Corners =
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

    [VolumeFact]
    public async Task F5_an_engine_whose_disk_died_acknowledges_nothing_that_the_disk_has_not()
    {
        var findings = new Findings();

        await DeadDiskRig.RunAsync(seed: 5, DeathsInCi, findings);

        Figures.Report(output, findings.Figures("dead_disks", DeadDiskRig.Deaths));
        output.WriteLine($"{findings.Tally}");
        Assert.Empty(findings.Told);
        Assert.True(findings.Tally[DeadDiskRig.Deaths] >= DeathsInCi);
        Assert.Empty(findings.Tally.Missing(Corners));
    }

    [VolumeFact]
    public async Task D5_a_dead_disk_finds_an_engine_that_is_deaf_to_failed_syncs()
    {
        var findings = new Findings();

        await DeadDiskRig.RunAsync(seed: 6, MaxDeathsForABug, findings, Bug.DeafToFailedSyncs);

        Assert.Matches("^(D1|D3|W5): ", Assert.Single(findings.Told));
    }
}
