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

    private const int Lanes = 6;
    private const int DeathsPerVolume = 17;

    /// <summary>Lets disks die <paramref name="deaths"/> times and notes what that broke.</summary>
    internal static async Task RunAsync(ulong seed, int deaths, Findings findings, Bug bug = Bug.None)
    {
        int sets = (deaths + (Lanes * DeathsPerVolume) - 1) / (Lanes * DeathsPerVolume);
        for (int set = 0; set < sets && findings.Told.Count == 0; set++)
        {
            int left = deaths - (int)findings.Tally[Deaths];
            int each = Math.Min(DeathsPerVolume, (left + Lanes - 1) / Lanes);
            var lanes = new List<PoweredLife>();
            try
            {
                for (int i = 0; i < Lanes; i++)
                {
                    ulong seedOfLife = Dice.For(seed, (ulong)((set * Lanes) + i)).Next();
                    lanes.Add(new PoweredLife(seedOfLife, findings, bug, takesSnapshots: i > 0));
                }

                await using var host = new ChildHost();
                await Parallel.ForEachAsync(lanes, async (lane, _) => await RunLaneAsync(host, lane, each, findings));
            }
            catch (FindingException finding)
            {
                findings.Note(finding, $"dead disks, seed {seed}, set {set}, kept {string.Join(", ", lanes.Select(lane => lane.Life.Directory))}");
            }
            finally
            {
                lanes.ForEach(lane => lane.Dispose());
            }
        }
    }

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
