using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Rigs;
using Xunit.Abstractions;

namespace Engine.Tests.Crash;

/// <summary>The loss of power on a real file system, at any moment and at every named point (F2, F3).</summary>
public sealed class PowerCutTests(ITestOutputHelper output)
{
    private const int CutsInCi = 200;
    private const int MaxCutsForABug = 40;

    [VolumeFact]
    public async Task F2_power_cuts_lose_nothing_acknowledged_and_leave_no_hole_and_no_ghost()
    {
        var findings = new Findings();

        await PowerCutRig.RunAsync(seed: 2, CutsInCi, findings);

        findings.AssertClean(output, "power_cuts", PowerCutRig.Cuts, CutsInCi, [.. Corners.Writing, .. Corners.Dying]);
    }

    [VolumeFact]
    public Task D1_a_power_cut_finds_acknowledgements_that_come_before_the_sync() => AssertFindsAsync(Bug.NeverSyncs);

    [VolumeFact]
    public Task D6_a_power_cut_finds_new_files_whose_names_are_not_synced() => AssertFindsAsync(Bug.NeverSyncsNames);

    private static async Task AssertFindsAsync(Bug bug)
    {
        var findings = new Findings();

        await PowerCutRig.RunAsync(seed: 3, MaxCutsForABug, findings, bug);

        findings.AssertFound("D1", "D3", "D6", "W5");
    }
}
