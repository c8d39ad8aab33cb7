using Engine.Tests.Crash.Checks;
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

    internal const int Lanes = 4;
    internal const int CutsPerVolume = 17;

    /// <summary>Makes <paramref name="cuts"/> cuts and notes what they broke.</summary>
    internal static async Task RunAsync(ulong seed, int cuts, Findings findings, Bug bug = Bug.None)
    {
        for (int set = 0; findings.Tally[Cuts] < cuts && findings.Told.Count == 0; set++)
        {
            var lanes = new List<PoweredLife>();
            try
            {
                for (int i = 0; i < Lanes; i++)
                {
                    ulong seedOfLife = Dice.For(seed, (ulong)((set * Lanes) + i)).Next();
                    lanes.Add(new PoweredLife(seedOfLife, findings, bug, takesSnapshots: i > 0));
                }

                int left = cuts - (int)findings.Tally[Cuts];
                await RunSetAsync(lanes, Math.Min(CutsPerVolume, (left + Lanes - 1) / Lanes), findings);
            }
            catch (FindingException finding)
            {
                findings.Note(finding, $"power cuts, seed {seed}, set {set}, kept {string.Join(", ", lanes.Select(lane => lane.Life.Directory))}");
            }
            finally
            {
                lanes.ForEach(lane => lane.Dispose());
            }
        }
    }

    private static async Task RunSetAsync(List<PoweredLife> lanes, int rounds, Findings findings)
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
                lanes.ForEach(lane => lane.Volume.CutPower());
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

/// <summary>A life whose journal is on a volume of its own.</summary>
internal sealed class PoweredLife : IDisposable
{
    private readonly Bug _bug;
    private readonly string _directory = Volume.CreateDirectory();

    internal PoweredLife(ulong seed, Findings findings, Bug bug, bool takesSnapshots)
    {
        (Seed, _bug) = (seed, bug);
        Volume = Volume.Create(_directory);
        Life = new Life(seed, findings.Tally, journalRoot: Volume.Root)
        {
            Bug = bug,
            SnapshotBytes = takesSnapshots ? LoopCommand.SmallSnapshots : 0,
        };
    }

    internal ulong Seed { get; }

    internal Volume Volume { get; }

    internal Life Life { get; }

    /// <summary>Gives the volume back. What was found is kept, unless the bug was planted.</summary>
    public void Dispose()
    {
        if (_bug != Bug.None)
        {
            Life.Forget();
        }

        if (Life.IsKept)
        {
            Life.KeepJournal();
        }

        Life.Dispose();
        Volume.Dispose();
        Directory.Delete(_directory);
    }
}
