using System.CommandLine;
using Engine.Host.Configuration;
using Engine.Host.JournalTools;
using Engine.Host.Run;
using Engine.Host.Serve;

namespace Engine.Host.Cli;

/// <summary>The command line: <c>serve</c>, which is also what happens without a command, and the others.</summary>
internal static class EngineCommand
{
    /// <summary>Runs the command that <paramref name="args"/> name and answers with an
    /// <see cref="ExitCode"/>.</summary>
    internal static async Task<int> InvokeAsync(string[] args)
    {
        using var tooLarge = FileSizeSignal.Ignore();
        var parsed = Create().Parse(args);
        // Signals belong to the host of each command, which stops in its own time: no second handler, no two seconds.
        var configuration = new InvocationConfiguration
        {
            ProcessTerminationTimeout = null,
            EnableDefaultExceptionHandler = false,
            Output = new CheckedWriter(Console.Out),
            Error = new CheckedWriter(Console.Error),
        };
        return await EndAsync(() => parsed.InvokeAsync(configuration), parsed.Errors.Count > 0).ConfigureAwait(false);
    }

    /// <summary>Runs a command to its end, and gives what it throws a line on standard error and an
    /// <see cref="ExitCode"/>.</summary>
    /// <param name="command">What to run.</param>
    /// <param name="isMisunderstood">Whether the command line was not understood: that weighs more than the rest.</param>
    internal static async Task<int> EndAsync(Func<Task<int>> command, bool isMisunderstood = false)
    {
        try
        {
            int code = await command().ConfigureAwait(false);
            return isMisunderstood ? ExitCode.Usage : code;
        }
        catch (UsageException e)
        {
            Complain(e.Message);
            return ExitCode.Usage;
        }
        catch (SettingsException e)
        {
            Complain(e.Message);
            return ExitCode.Configuration;
        }
        catch (OutputException e)
        {
            Complain(e.Message);
            return isMisunderstood ? ExitCode.Usage : ExitCode.OutputFailed;
        }
        catch (Exception e)
        {
            Complain(Defect.Describe(e));
            return ExitCode.Internal;
        }
    }

    /// <summary>Says a line on standard error; where that cannot be written, the exit code has to do.</summary>
    internal static void Complain(string line)
    {
        try
        {
            Console.Error.WriteLine(line);
        }
        catch (Exception e) when (Printer.CannotWrite(e))
        {
            // Nobody is left to be told.
        }
    }

    internal static RootCommand Create()
    {
        var root = new RootCommand(
            "A job engine: fair, capped, explainable shares of expensive work. Without a command it serves HTTP. Any "
            + "setting may be given as --Engine:KEY=VALUE; docs/configuration.md lists them.")
        {
            CommonOptions.ConfigFile,
        };
        root.Subcommands.Add(ServeCommand.Create());
        root.Subcommands.Add(RunCommand.Create());
        root.Subcommands.Add(JournalCommand.Create());

        // 'engine' alone is 'engine serve'.
        root.TreatUnmatchedTokensAsErrors = false;
        root.SetAction(ServeCommand.InvokeAsync);
        SettingsHelp.AddTo(root);
        return root;
    }
}
