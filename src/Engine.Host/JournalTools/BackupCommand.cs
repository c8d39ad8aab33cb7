using System.CommandLine;
using Engine.Host.Cli;
using Engine.Storage.Faster;
using static Engine.Host.JournalTools.JournalCommand;

namespace Engine.Host.JournalTools;

/// <summary><c>journal backup DIR --to TARGET</c>: a checked copy that ends with an exact frame.</summary>
internal static class BackupCommand
{
    private static readonly Argument<string> Directory = DirectoryArgument();

    private static readonly Option<string> To = new("--to")
    {
        Description = "The copy's directory; it must not exist, or be empty.",
        HelpName = "TARGET",
        Required = true,
    };

    private static readonly Option<long?> At = new("--at")
    {
        Description = "The last frame of the copy; without it, the last there is.",
        HelpName = "SEQ",
    };

    internal static Command Create()
    {
        var command = new Command("backup", "Copies a journal, also that of a running engine, and checks the copy.")
        {
            Directory, To, At,
        };
        command.SetAction((parsed, _) => RunAsync(stop => Backup(
            Find(parsed.GetRequiredValue(Directory)), parsed.GetRequiredValue(To), parsed.GetValue(At), stop)));
        return command;
    }

    private static int Backup(string directory, string target, long? at, CancellationToken cancellationToken)
    {
        var backup = FasterJournalTools.Backup(directory, target, at, cancellationToken);
        string snapshots = backup.Snapshots.Count == 0
            ? "no snapshots"
            : $"snapshots of frames {string.Join(", ", backup.Snapshots)}";
        Print(
            $"{backup.Directory}: frames {backup.FirstSequence} to {backup.Sequence}, epoch {backup.Epoch}, {snapshots}, " +
            $"{Number(backup.Bytes)} bytes; read back and sound");
        Print($"sequence {backup.Sequence}");
        return ExitCode.Success;
    }
}
