using System.CommandLine;
using Engine.Host.Cli;
using Engine.Storage.Faster;
using static Engine.Host.JournalTools.JournalCommand;

namespace Engine.Host.JournalTools;

/// <summary><c>journal repair --at SEQ DIR</c>: the cut that nothing but this command makes.</summary>
internal static class RepairCommand
{
    private static readonly Argument<string> Directory = DirectoryArgument();

    private static readonly Option<long> At = new("--at")
    {
        Description = "The last frame to keep. Everything behind it goes into a directory beside the journal.",
        HelpName = "SEQ",
        Required = true,
    };

    private static readonly Option<bool> DryRun = new("--dry-run")
    {
        Description = "Only say what would be lost.",
    };

    internal static Command Create()
    {
        var command = new Command("repair", "Cuts a journal behind a frame, and keeps what it cuts off.")
        {
            Directory, At, DryRun,
        };
        command.SetAction((parsed, _) => RunAsync(stop => Repair(
            Find(parsed.GetRequiredValue(Directory)), parsed.GetValue(At), parsed.GetValue(DryRun), stop)));
        return command;
    }

    private static int Repair(string directory, long at, bool dryRun, CancellationToken cancellationToken)
    {
        if (at < 0)
        {
            throw new ArgumentException($"--at must be 0 or more; found {at}.");
        }

        var repair = FasterJournalTools.Repair(directory, at, dryRun, cancellationToken);
        Print($"{directory}: frames {repair.FirstSequence} to {repair.LastReadable} can be read");
        Print($"  then     {repair.Problem}");
        foreach (string place in repair.LostPlaces)
        {
            Print($"  the disk cannot read {place}");
        }

        if (repair.IsNeedless)
        {
            Print($"Nothing lies behind frame {at}.");
            return ExitCode.Success;
        }

        if (repair.Damage is not null)
        {
            Print($"  refused  {repair.Damage}");
        }

        Print($"  {(dryRun ? "to lose" : "cut off")}  {Losses(repair)}");
        Print(repair.Evidence is null
            ? "Nothing was changed."
            : $"The journal ends with frame {at} now. What was cut off is in {repair.Evidence}.");
        return ExitCode.Success;
    }

    private static string Losses(JournalRepair repair)
    {
        var losses = new List<string>();
        if (repair.DroppedFrames > 0)
        {
            losses.Add(
                $"{Count(repair.DroppedFrames, "frame")} that can be read ({repair.Sequence + 1} to {repair.LastReadable})");
        }

        if (repair.UnreadableBlocks > 0)
        {
            losses.Add($"{Count(repair.UnreadableBlocks, "block")} of 4 KiB that cannot be read in order");
        }

        if (repair.HighestSequenceSeen > repair.LastReadable)
        {
            losses.Add($"among them frame {repair.HighestSequenceSeen}, at least");
        }

        if (repair.DroppedSnapshots.Count > 0)
        {
            losses.Add($"snapshots of frames {string.Join(", ", repair.DroppedSnapshots)}");
        }

        return losses.Count > 0
            ? string.Join("; ", losses)
            : $"nothing that is there; what was behind frame {repair.Sequence} is gone already";
    }
}
