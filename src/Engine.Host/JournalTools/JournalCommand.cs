using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Engine.Host.Cli;
using Engine.Host.Serve;
using Engine.Storage;

namespace Engine.Host.JournalTools;

/// <summary><c>journal</c>: what an operator does to a journal on disk without starting an engine.</summary>
internal static class JournalCommand
{
    internal static Command Create() => new(
        "journal", "Checks, shows, copies or repairs an embedded journal (docs/journal-tools.md).")
    {
        VerifyCommand.Create(),
        InspectCommand.Create(),
        BackupCommand.Create(),
        RepairCommand.Create(),
    };

    internal static Argument<string> DirectoryArgument() => new("DIR")
    {
        Description = "The journal's directory, or a data directory with a journal in it.",
    };

    /// <summary>The directory that holds the journal: the one given, or "journal" in it, also if that one's superblock is
    /// what is missing.</summary>
    internal static string Find(string directory)
    {
        string inside = Path.Combine(directory, "journal");
        return !File.Exists(Path.Combine(directory, "superblock")) && Directory.Exists(inside) ? inside : directory;
    }

    /// <summary>Runs a command until it is done or a signal asks it to stop, and gives what it throws its exit
    /// code.</summary>
    internal static Task<int> RunAsync(Func<CancellationToken, int> command) => Task.Run(() =>
    {
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            return command(stop.Token);
        }
        catch (Exception e) when (CodeOf(e) is { } code)
        {
            EngineCommand.Complain(StartProblem.Of(e));
            return code;
        }

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    });

    /// <summary>Prints a line on standard output.</summary>
    /// <exception cref="OutputException">It cannot be written.</exception>
    internal static void Print(string line) => CheckedWriter.Write(() => Console.WriteLine(line));

    internal static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>"1 frame", "2 frames".</summary>
    internal static string Count(long value, string noun) => $"{Number(value)} {noun}{(value == 1 ? "" : "s")}";

    private static int? CodeOf(Exception e) => e switch
    {
        OperationCanceledException => ExitCode.Interrupted,
        OutputException => ExitCode.OutputFailed,
        ArgumentException => ExitCode.Usage,
        FileNotFoundException or DirectoryNotFoundException => ExitCode.NoInput,
        JournalLockedException => ExitCode.JournalLocked,
        JournalDamagedException => ExitCode.JournalDamaged,
        JournalException => ExitCode.StorageFailed,
        IOException or UnauthorizedAccessException => ExitCode.StorageFailed,
        _ => null,
    };
}
