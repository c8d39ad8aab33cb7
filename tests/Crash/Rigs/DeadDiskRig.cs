using Engine.Tests.Crash.Checks;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash.Rigs;

/// <summary>Lets the disk die under engines that live on: from one moment every write and every sync gives EIO (F5).</summary>
/// <remarks>An engine must acknowledge nothing more, say that it failed, let go of every file, and start again on what the
/// disk kept. All in one process, as nothing of the failed engine may stand in the way of the next.</remarks>
internal static class DeadDiskRig
{
    /// <summary>The counter of deaths.</summary>
    internal const string Deaths = "deaths";

    /// <summary>Lets disks die <paramref name="deaths"/> times and notes what that broke.</summary>
    internal static Task RunAsync(ulong seed, int deaths, Findings findings, Bug bug = Bug.None) =>
        new PoweredLanes("dead disks", Deaths, Count: 6, StrikesPerVolume: 17).RunAsync(
            seed, deaths, findings, bug, async (lanes, each) =>
            {
                await using var host = new ChildHost();
                await Parallel.ForEachAsync(lanes, async (lane, _) => await RunLaneAsync(host, lane, each, findings));
            });

    private static async Task RunLaneAsync(ChildHost host, PoweredLife lane, int deaths, Findings findings)
    {
        var life = lane.Life;
        foreach (var planned in KillPlan.DrawErrors(lane.Seed, life.SnapshotBytes > 0).Take(deaths))
        {
            var kill = planned;
            var child = await life.StartAsync(host, life.NextOptions(ref kill) with { Mode = ChildMode.Endure });
            life.Count(kill, await life.MeetAsync(child, kill, Guards.SharedPoint));
            lane.Volume.CutPower();
            findings.Tally.Add(Deaths);
            await child.SayAsync("go");
            var down = child.HearAsync("down", Guards.Long);
            await Task.WhenAny(down, child.HearAsync("failed", Guards.Long));
            bool latched = await child.HearAsync("latched", TimeSpan.Zero) is not null;
            if (!latched || !down.IsCompletedSuccessfully || await down is null)
            {
                throw life.Keep(new FindingException(
                    "D5", $"the engine did not fail and stop when its disk died ({kill}): {child.Complaint}"));
            }

            lane.Volume.Remount();
            await life.CheckAsync();
        }

        await life.DrainAsync();
    }
}
