using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash.Rigs;

/// <summary>Cuts the power of volumes on which engines work, mounts them again, and looks (F2, F3).</summary>
/// <remarks>
/// Some engines share a process, each with a volume of its own, so that one start of a runtime serves several cuts. The
/// process is stopped before the power goes and killed after it: nothing that it could learn from the dead disk leaves
/// it. What it said before is with the test.
/// </remarks>
internal static class PowerCutRig
{
    /// <summary>The counter of cuts.</summary>
    internal const string Cuts = "cuts";

    /// <summary>Makes <paramref name="cuts"/> cuts and notes what they broke.</summary>
    internal static Task RunAsync(ulong seed, int cuts, Findings findings, Bug bug = Bug.None) =>
        new PoweredLanes("power cuts", Cuts, Count: 4, StrikesPerVolume: 17).RunAsync(
            seed, cuts, findings, bug, (lanes, rounds) => RunSetAsync(lanes, rounds, findings));

    private static async Task RunSetAsync(IReadOnlyList<PoweredLife> lanes, int rounds, Findings findings)
    {
        var plans = lanes.Select(lane => KillPlan.DrawCuts(lane.Seed, lane.Life.SnapshotBytes > 0).GetEnumerator()).ToList();
        var host = new ChildHost();
        try
        {
            for (int round = 0; round < rounds; round++)
            {
                await Task.WhenAll(lanes.Select(async (lane, i) =>
                {
                    plans[i].MoveNext();
                    var kill = plans[i].Current;
                    var child = await lane.Life.StartAsync(host, lane.Life.NextOptions(ref kill));
                    bool met = await lane.Life.MeetAsync(child, kill, Guards.SharedPoint);
                    lane.Life.Count(kill, met);
                }));
                host.Freeze();
                foreach (var lane in lanes)
                {
                    lane.Volume.CutPower();
                }

                await host.KillAsync();
                await host.DisposeAsync();
                findings.Tally.Add(Cuts, lanes.Count);

                // The next process starts while the volumes are looked at.
                host = new ChildHost();
                await Parallel.ForEachAsync(lanes, async (lane, _) =>
                {
                    lane.Volume.Remount();
                    await lane.Life.CheckAsync();
                });
            }
        }
        finally
        {
            await host.DisposeAsync();
        }

        await Parallel.ForEachAsync(lanes, async (lane, _) => await lane.Life.DrainAsync());
    }
}
