using System.CommandLine;
using System.Globalization;
using Engine.Host.Cli;
using Engine.Host.Configuration;
using Spectre.Console;

namespace Engine.Host.Run;

/// <summary><c>run FILE</c>: runs the jobs of a file, goes on where it stopped, and ends when nothing can run today.</summary>
internal static class RunCommand
{
    private static readonly Argument<string> File = new("FILE")
    {
        Description = "A file of jobs, one JSON object a line (docs/running-files.md); - reads standard input.",
    };

    private static readonly Option<string?> Data = new("--data")
    {
        Description = "The data directory, instead of Engine:DataDirectory.",
        HelpName = "DIR",
    };

    private static readonly Option<string?> Journal = new("--journal")
    {
        Description = "faster (on disk, the default), redis (see Engine:Redis), or memory (nothing is kept).",
        HelpName = "KIND",
    };

    private static readonly Option<string?> Concurrency = new("--concurrency")
    {
        Description = "How many programs run at a time, instead of Engine:MaxConcurrentRuns.",
        HelpName = "N",
    };

    private static readonly Option<string[]> Allow = new("--allow")
    {
        Description = "Allows a program: NAME, found on the PATH, or NAME=PATH. Adds to Engine:Processes:Allowed.",
        HelpName = "NAME[=PATH]",
    };

    private static readonly Option<string?> Batch = new("--batch")
    {
        Description = "What makes this file's lines its own; the file's name by default. Another name runs all again.",
        HelpName = "NAME",
    };

    private static readonly Option<bool> Plain = new("--plain")
    {
        Description = "Plain lines instead of a live table; so it is anyway when the output is no terminal.",
    };

    internal static Command Create()
    {
        var command = new Command("run", "Runs the jobs of a file, and goes on where it stopped when run again.")
        {
            File, Data, Journal, Concurrency, Allow, Batch, Plain,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction((parsed, _) => InvokeAsync(parsed));
        return command;
    }

    private static async Task<int> InvokeAsync(ParseResult parsed)
    {
        string name = parsed.GetRequiredValue(File);
        if (name.Length == 0)
        {
            throw new UsageException("FILE must name a file of jobs, or be - for standard input; found ''.");
        }

        var options = new RunOptions
        {
            File = name,
            Batch = parsed.GetValue(Batch) ?? (name == "-" ? "-" : Path.GetFileName(name)),
        };
        Stream file;
        try
        {
            file = name == "-" ? Console.OpenStandardInput() : Open(name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            EngineCommand.Complain($"{name}: {e.Message}");
            return ExitCode.NoInput;
        }

        await using (file.ConfigureAwait(false))
        {
            var settings = Settings(parsed, name);
            DataDirectory.Make(settings);
            var printer = new Printer(Console.Out, Console.Error);
            return await RunHost.RunAsync(
                file, options, settings, DisplayFor(parsed, printer), printer, TimeProvider.System).ConfigureAwait(false);
        }
    }

    private static FileStream Open(string name) => Directory.Exists(name)
        ? throw new IOException("is a directory; a file of jobs is needed")
        : new FileStream(name, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);

    private static HostSettings Settings(ParseResult parsed, string file)
    {
        var configuration = CommonOptions.ReadConfiguration(parsed, reloads: false);
        string directory = file == "-" ? Directory.GetCurrentDirectory() : Path.GetDirectoryName(Path.GetFullPath(file))!;
        var settings = RunSettings.Read(configuration, directory);
        if (parsed.GetValue(Data) is { } data)
        {
            settings.DataDirectory = data.Length is >= 1 and <= 1_000 && !data.Any(char.IsControl)
                ? data
                : throw new UsageException(
                    $"--data must be 1 to 1,000 characters, none of them a control character; found {data.Length}.");
        }

        if (parsed.GetValue(Journal) is { } journal)
        {
            settings.Journal = Enum.GetValues<JournalKind>()
                .Cast<JournalKind?>()
                .FirstOrDefault(kind => string.Equals($"{kind}", journal, StringComparison.OrdinalIgnoreCase))
                ?? throw new UsageException($"--journal must be faster, redis or memory; found '{journal}'.");
            List<string> problems = [];
            SettingsRules.CheckJournal(settings, problems);
            if (problems.Count > 0)
            {
                throw new SettingsException(problems);
            }
        }

        if (parsed.GetValue(Concurrency) is { } concurrency)
        {
            settings.Engine.MaxConcurrentRuns =
                int.TryParse(concurrency, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                && number is >= 1 and <= 10_000
                    ? number
                    : throw new UsageException(
                        $"--concurrency must be a whole number from 1 to 10,000; found '{concurrency}'.");
        }

        if (settings.Engine.MaxConcurrentRuns == 0)
        {
            // Nothing would ever end, and neither would this.
            throw new SettingsException(["Engine:MaxConcurrentRuns: must be 1 or more for run; found '0'."]);
        }

        foreach (string program in parsed.GetValue(Allow) ?? [])
        {
            string[] parts = program.Split('=', 2);
            string target = parts[^1];
            if (parts[0].Length == 0 || target.Length == 0
                || (!Path.IsPathFullyQualified(target) && target.Contains('/', StringComparison.Ordinal)))
            {
                throw new UsageException($"--allow must be NAME or NAME=PATH with an absolute path; found '{program}'.");
            }

            settings.Processes.Allowed[parts[0]] = target;
        }

        return settings;
    }

    private static RunDisplay DisplayFor(ParseResult parsed, Printer printer)
    {
        bool isPlain = parsed.GetValue(Plain) || Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Ansi;
        return isPlain
            ? new RunDisplay(printer, TimeProvider.System)
            : new LiveRunDisplay(printer, TimeProvider.System);
    }
}
