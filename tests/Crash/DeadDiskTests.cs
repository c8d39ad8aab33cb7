using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Rigs;
using Xunit.Abstractions;

namespace Engine.Tests.Crash;

/// <summary>A disk that dies under an engine that lives on (F5, D5).</summary>
public sealed class DeadDiskTests(ITestOutputHelper output)
{
    private const int DeathsInCi = 200;
    private const int MaxDeathsForABug = 40;

    [VolumeFact]
    public async Task F5_an_engine_whose_disk_died_acknowledges_nothing_that_the_disk_has_not()
    {
        var findings = new Findings();

        await DeadDiskRig.RunAsync(seed: 5, DeathsInCi, findings);

        findings.AssertClean(output, "dead_disks", DeadDiskRig.Deaths, DeathsInCi, Corners.Writing);
    }

    [VolumeFact]
    public async Task D5_a_dead_disk_finds_an_engine_that_is_deaf_to_failed_syncs()
    {
        var findings = new Findings();

        await DeadDiskRig.RunAsync(seed: 6, MaxDeathsForABug, findings, Bug.DeafToFailedSyncs);

        findings.AssertFound("D1", "D3", "W5");
    }
}
