using System.CommandLine;
using System.Globalization;
using Engine.Host.Cli;
using Engine.Storage;
using Engine.Storage.Faster;
using static Engine.Host.JournalTools.JournalCommand;

namespace Engine.Host.JournalTools;

/// <summary><c>journal verify DIR</c>: reads all of a journal and says whether it is sound. Changes nothing.</summary>
internal static class VerifyCommand
{
    private static readonly Argument<string> Directory = DirectoryArgument();

    private static readonly Option<bool> Replay = new("--replay")
    {
        Description = "Also fold all frames into the engine's state, and compare it with every snapshot.",
    };

    internal static Command Create()
    {
        var command = new Command("verify", "Reads everything in a journal, and says what is damaged. Changes nothing.")
        {
            Directory, Replay,
        };
        command.SetAction((parsed, _) => RunAsync(
            stop => Verify(Find(parsed.GetRequiredValue(Directory)), parsed.GetValue(Replay), stop)));
        return command;
    }

    private static int Verify(string directory, bool replay, CancellationToken cancellationToken)
    {
        long start = TimeProvider.System.GetTimestamp();
        var scrub = FasterJournalTools.Verify(directory, cancellationToken);
        var elapsed = TimeProvider.System.GetElapsedTime(start);
        List<string> damage = [.. scrub.Damage];
        var hashes = LoadSnapshots(directory, scrub, damage, cancellationToken);
        string? state = replay && damage.Count == 0
            ? Fold(directory, scrub, hashes, damage, cancellationToken)
            : null;
        try
        {
            Tell(directory, scrub, damage.Count == 0, elapsed, state);
        }
        catch (OutputException e) when (damage.Count > 0)
        {
            // The damage weighs more.
            EngineCommand.Complain(e.Message);
        }

        TellDamage(scrub, damage);
        return damage.Count == 0 ? ExitCode.Success : ExitCode.JournalDamaged;
    }

    /// <summary>Puts every whole snapshot into an engine's state, as a start would.</summary>
    /// <returns>By their frame, the digests of the states.</returns>
    private static Dictionary<long, string> LoadSnapshots(
        string directory, JournalScrub scrub, List<string> damage, CancellationToken cancellationToken)
    {
        var hashes = new Dictionary<long, string>();
        if (scrub.Snapshots.Count == 0)
        {
            return hashes;
        }

        // Only those that the scrub saw: an engine may have saved others meanwhile.
        foreach (var snapshot in FasterJournalTools.Snapshots(directory).Where(s => scrub.Snapshots.Contains(s.Sequence)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var fold = new JournalFold();
                fold.Restore(snapshot);
                hashes[snapshot.Sequence] = fold.ComputeStateHash();
            }
            catch (JournalDamagedException e)
            {
                damage.Add($"The engine cannot start from the snapshot of frame {snapshot.Sequence}: {e.Message}");
            }
        }

        return hashes;
    }

    /// <summary>Folds every frame there is, from the beginning or else from the oldest snapshot.</summary>
    private static string? Fold(
        string directory,
        JournalScrub scrub,
        Dictionary<long, string> hashes,
        List<string> damage,
        CancellationToken cancellationToken)
    {
        var fold = new JournalFold();
        try
        {
            if (scrub.FirstSequence > 1)
            {
                fold.Restore(FasterJournalTools.Snapshots(directory).First(s => s.Sequence >= scrub.FirstSequence - 1));
            }

            foreach (var entry in FasterJournalTools.Read(directory, fold.Sequence + 1, cancellationToken))
            {
                fold.Apply(entry.Frame);
                if (hashes.TryGetValue(fold.Sequence, out string? expected) && fold.ComputeStateHash() != expected)
                {
                    damage.Add(
                        $"The frames up to {fold.Sequence} give a state with the digest {fold.ComputeStateHash()}, the " +
                        $"snapshot of that frame gives {expected}.");
                }

                if (fold.Sequence == scrub.LastSequence)
                {
                    break;
                }
            }
        }
        catch (JournalDamagedException e)
        {
            damage.Add(e.Message);
            return null;
        }

        return $"{Count(fold.EventCount, "event")}, {Count(fold.JobCount, "job")}, state {fold.ComputeStateHash()}";
    }

    private static void Tell(
        string directory, JournalScrub scrub, bool isSound, TimeSpan elapsed, string? state)
    {
        Print($"{directory}: {(isSound ? "sound" : "DAMAGED")}");
        Print(scrub.FrameCount == 0
            ? "  frames   none can be read"
            : $"  frames   {Number(scrub.FirstSequence)} to {Number(scrub.LastSequence)}: " +
                $"{Count(scrub.EventCount, "event")} in {Count(scrub.CommitCount, "commit")}, " +
                $"epochs {scrub.FirstEpoch} to {scrub.LastEpoch}");
        Print(scrub.SegmentCount == 0
            ? "  durable  unknown: the superblock cannot be read"
            : $"  durable  frames up to {Number(scrub.DurableSequence)}, by the superblock");
        Print(scrub.Snapshots.Count == 0
            ? "  snapshots none"
            : $"  snapshots of frames {string.Join(", ", scrub.Snapshots.Select(Number))}");
        double megabytes = scrub.BytesRead / 1_000_000.0;
        Print(string.Create(
            CultureInfo.InvariantCulture,
            $"  read     {megabytes:N1} MB of log and snapshots, {elapsed.TotalSeconds:N3} s, " +
            $"{megabytes / Math.Max(elapsed.TotalSeconds, 1e-6):N0} MB/s"));
        if (state is not null)
        {
            Print($"  replay   {state}");
        }

        foreach (string note in scrub.Notes)
        {
            Print($"  note: {note}");
        }
    }

    private static void TellDamage(JournalScrub scrub, List<string> damage)
    {
        damage.ForEach(found => EngineCommand.Complain($"damage: {found}"));
        if (scrub.Damage.Count > 0 && scrub.LastSequence > 0)
        {
            EngineCommand.Complain(
                $"Frames up to {scrub.LastSequence} can be read. Restore a backup, or see what " +
                $"'journal repair --at {scrub.LastSequence} --dry-run' says.");
        }
    }
}
