using System.CommandLine;
using Engine.Tests.Load.Driving;
using Engine.Tests.Load.Targets;

namespace Engine.Tests.Load.Cli;

/// <summary>What an ended run says to whoever started it.</summary>
internal static class ExitCode
{
    /// <summary>Every check held.</summary>
    internal const int Success = 0;

    /// <summary>A promise was not kept; each is named.</summary>
    internal const int Broken = 1;

    /// <summary>The command line cannot be understood; the message names the option.</summary>
    internal const int Usage = 2;

    /// <summary>The run could not be made: what was to be loaded could not be started or reached.</summary>
    internal const int NotRun = 3;
}

/// <summary>Loads an engine from the command line: <c>closed</c> or <c>open</c>.</summary>
internal static class LoadCommand
{
    internal static async Task<int> RunAsync(string[] arguments, TextWriter output, TextWriter errors)
    {
        var root = new RootCommand("Puts an engine under load and checks that it stays correct. docs/load.md says how.")
        {
            Closed(output, errors), Open(output, errors),
        };
        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await errors.WriteLineAsync(error.Message);
            }

            return ExitCode.Usage;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = errors });
    }

    private static Command Closed(TextWriter output, TextWriter errors)
    {
        var options = new LoadOptions();
        var callers = LoadOptions.Number(
            "--callers", "How many callers, each of whom waits for its answer.", 32L, 1, 10_000);
        var command = new Command("closed", "A number of callers, each of whom waits for its answer.") { callers };
        Complete(command, options, output, errors, (session, parsed, stop) => session.ClosedAsync(
            (int)parsed.GetValue(callers), options.Operations(parsed), options.Mix(parsed, session.Traffic), stop));
        return command;
    }

    private static Command Open(TextWriter output, TextWriter errors)
    {
        var options = new LoadOptions();
        var rate = LoadOptions.Number(
            "--rate", "Requests a second, whatever becomes of those before.", 500.0, 0.1, 1_000_000);
        var places = LoadOptions.Number(
            "--places", "Requests under way at most; later ones wait, and are late.", 2_000L, 1, 100_000);
        var command = new Command("open", "Requests at a rate, by a schedule that waits for nobody.") { rate, places };
        Complete(command, options, output, errors, (session, parsed, stop) =>
        {
            var arrivals = Arrivals.Poisson(
                session.Plan.Seed, parsed.GetValue(rate), options.Operations(parsed), TimeSpan.MaxValue);
            return session.OpenAsync(
                arrivals, (int)parsed.GetValue(places), options.Mix(parsed, session.Traffic), stop);
        });
        return command;
    }

    private static void Complete(
        Command command,
        LoadOptions options,
        TextWriter output,
        TextWriter errors,
        Func<LoadSession, ParseResult, CancellationToken, Task<Recorder>> driveAsync)
    {
        foreach (var option in options.All)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (parsed, cancelled) =>
        {
            if (options.Objection(parsed) is { } objection)
            {
                await errors.WriteLineAsync(objection);
                return ExitCode.Usage;
            }

            try
            {
                var run = new LoadRun(
                    options.Plan(parsed), options.Duration(parsed), options.End(parsed), output, errors);
                return await run.RunAsync((session, stop) => driveAsync(session, parsed, stop), cancelled);
            }
            catch (Exception e) when (
                e is NoAnswerException or InvalidOperationException or IOException or TimeoutException)
            {
                await errors.WriteLineAsync($"Could not be run: {e.Message}");
                return ExitCode.NotRun;
            }
        });
    }
}
