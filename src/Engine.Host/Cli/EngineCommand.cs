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
        var parsed = Create().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            await parsed.InvokeAsync().ConfigureAwait(false);
            return ExitCode.Usage;
        }

        // Signals belong to the host of each command, which stops in its own time: no second handler, no two seconds.
        var configuration = new InvocationConfiguration
        {
            ProcessTerminationTimeout = null,
            EnableDefaultExceptionHandler = false,
        };
        try
        {
            return await parsed.InvokeAsync(configuration).ConfigureAwait(false);
        }
        catch (UsageException e)
        {
            await Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return ExitCode.Usage;
        }
        catch (SettingsException e)
        {
            await Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return ExitCode.Configuration;
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
        return root;
    }
}
