using Engine.Tests.Crash.Checks;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash.Rigs;

/// <summary>Lives side by side, each with its journal on a volume of its own; others when those are worn.</summary>
/// <param name="Name">What is done to them.</param>
/// <param name="Counter">The counter of strikes.</param>
/// <param name="Count">How many live at a time.</param>
/// <param name="StrikesPerVolume">How often one volume is struck at most.</param>
internal sealed record PoweredLanes(string Name, string Counter, int Count, int StrikesPerVolume)
{
    /// <summary>Strikes so often, or until something is found, and notes that.</summary>
    /// <param name="seed">Fixes the lives.</param>
    /// <param name="strikes">How often, in all.</param>
    /// <param name="findings">Counts the strikes, and told what was found.</param>
    /// <param name="bug">Planted in the children.</param>
    /// <param name="strike">Strikes each of the lives so often, counts that, and looks.</param>
    internal async Task RunAsync(
        ulong seed, int strikes, Findings findings, Bug bug, Func<IReadOnlyList<PoweredLife>, int, Task> strike)
    {
        for (int set = 0; findings.Tally[Counter] < strikes && findings.Told.Count == 0; set++)
        {
            var lanes = new List<PoweredLife>();
            try
            {
                for (int i = 0; i < Count; i++)
                {
                    ulong seedOfLife = Dice.For(seed, (ulong)((set * Count) + i)).Next();
                    lanes.Add(new PoweredLife(seedOfLife, findings, bug, takesSnapshots: i > 0));
                }

                int left = strikes - (int)findings.Tally[Counter];
                await strike(lanes, Math.Min(StrikesPerVolume, (left + Count - 1) / Count));
            }
            catch (FindingException finding)
            {
                string kept = string.Join(", ", lanes.Select(lane => lane.Life.Directory));
                findings.Note(finding, $"{Name}, seed {seed}, set {set}, kept {kept}");
            }
            finally
            {
                lanes.ForEach(lane => lane.Dispose());
            }
        }
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
