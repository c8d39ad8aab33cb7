using Engine.Host.Cli;
using Engine.Host.Configuration;
using Engine.Host.Serve;
using Engine.Hosting;

namespace Engine.Host.Run;

/// <summary>An engine without HTTP, for as long as a file takes.</summary>
internal static class RunHost
{
    // What a first signal leaves running programs to end by themselves.
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(10);

    // Clocks that are kept right step back by less.
    private static readonly TimeSpan ClockLeadTold = TimeSpan.FromMinutes(1);

    /// <param name="file">The jobs, one a line.</param>
    /// <param name="options">What the command line asks for.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="display">Shows what goes on.</param>
    /// <param name="printer">Writes what is said; complete when this is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="more">Further wishes for the engine.</param>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    internal static async Task<int> RunAsync(
        Stream file,
        RunOptions options,
        HostSettings settings,
        RunDisplay display,
        Printer printer,
        TimeProvider time,
        Action<EngineBuilder>? more = null)
    {
        using var signals = new StopSignals(
            () => display.Problem(
                $"Stopping: running programs have {StopGrace.TotalSeconds:0} s to end. "
                + "A second signal ends them at once."),
            time);
        int code;
        bool isRead;
        try
        {
            code = await RunAsync(file, options, settings, display, printer, time, signals, more).ConfigureAwait(false);
        }
        finally
        {
            // What was said is shown, however this ends.
            isRead = await signals.PatientlyAsync(printer.CompleteAsync()).ConfigureAwait(false);
        }

        return code != ExitCode.Success ? code
            : !isRead ? ExitCode.Interrupted
            : printer.HasFailed ? ExitCode.OutputFailed
            : ExitCode.Success;
    }

    private static async Task<int> RunAsync(
        Stream file,
        RunOptions options,
        HostSettings settings,
        RunDisplay display,
        Printer printer,
        TimeProvider time,
        StopSignals signals,
        Action<EngineBuilder>? more)
    {
        var types = EngineSetup.ServedTypes(settings).ToDictionary(
            type => type.Type.Name, type => type.Handler == HandlerKind.Process, StringComparer.Ordinal);
        using var host = Build(settings, time, more);
        int? cannotStart = await StartAsync(host, printer, signals.First).ConfigureAwait(false);
        if (cannotStart is not null)
        {
            return cannotStart.Value;
        }

        var engine = host.Services.GetRequiredService<JobEngine>();
        Introduce(engine, options, settings, display);
        var session = new RunSession(engine, settings, options, display, time);
        try
        {
            await session.WorkAsync(file, types, signals).ConfigureAwait(false);
            await session.ReportAsync(printer).ConfigureAwait(false);
            if (session.Tally.Interrupted)
            {
                await StopEarlyAsync(host, time, signals.Second).ConfigureAwait(false);
                printer.Complain("Stopped. Run the same file again to go on.");
            }
            else
            {
                await host.StopAsync(CancellationToken.None).ConfigureAwait(false);
            }

            return session.Code();
        }
        catch (Exception e) when (engine.Stopped.IsFaulted || e is EngineStoppedException)
        {
            // What it failed with first, and not what followed from that.
            await engine.Stopped.WaitAsync(StopGrace, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var reason = engine.Stopped.Exception?.GetBaseException() ?? e;
            int code = ServeCommand.CodeOf(reason) ?? ExitCode.Internal;
            printer.Complain((code == ExitCode.StorageFailed ? "The storage failed: " : "The engine failed: ")
                + $"{reason.Message} Run the same file again to go on from what is stored.");
            await EndProgramsAsync(host, time, signals.Second).ConfigureAwait(false);
            return code;
        }
        catch (Exception defect)
        {
            await EndProgramsAfterAsync(defect, host, time, signals.Second).ConfigureAwait(false);
            throw;
        }
    }

    private static void Introduce(JobEngine engine, RunOptions options, HostSettings settings, RunDisplay display)
    {
        display.Note($"{options.Shown}: {settings.Engine.MaxConcurrentRuns} at a time, journal in "
            + settings.Journal switch
            {
                JournalKind.Memory => "memory",
                JournalKind.Faster => $"'{settings.DataDirectory}'",
                JournalKind.Redis => $"Redis, namespace '{settings.Redis.Namespace}'",
            }
            + $" ({engine.Durability}), programs allowed: "
            + (settings.Processes.Allowed.Count == 0 ? "none" : string.Join(", ", settings.Processes.Allowed.Keys)));
        if (engine.Recovery is { Events: > 0 } recovery)
        {
            display.Note($"Going on with what is stored: {recovery}");
        }

        if (engine.ClockLead > ClockLeadTold)
        {
            display.Problem(
                $"The clock of this machine is {engine.ClockLead:d\\.hh\\:mm\\:ss} behind the journal's: retries and scheduled "
                + "jobs come due that much later (docs/monitoring.md).");
        }
    }

    private static IHost Build(HostSettings settings, TimeProvider time, Action<EngineBuilder>? more)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(
            new HostApplicationBuilderSettings { EnvironmentName = settings.Environment, DisableDefaults = true });
        builder.Logging.AddSimpleConsole();
        builder.Logging.AddFilter<Microsoft.Extensions.Logging.Console.ConsoleLoggerProvider>(null, LogLevel.Error);

        // A start that fails is told by us, in a sentence; the host would tell it too, with a stack trace.
        builder.Logging.AddFilter<Microsoft.Extensions.Logging.Console.ConsoleLoggerProvider>(
            "Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(
            console =>
            {
                console.LogToStandardErrorThreshold = LogLevel.Trace;

                // Whoever logs must not wait for a reader who does not read.
                console.QueueFullMode = Microsoft.Extensions.Logging.Console.ConsoleLoggerQueueFullMode.DropWrite;
            });
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddConfiguredEngine(settings, address: null, more);
        return builder.Build();
    }

    private static async Task<int?> StartAsync(IHost host, Printer printer, CancellationToken cancellationToken)
    {
        try
        {
            await host.StartAsync(cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
        catch (Exception e) when (ServeCommand.CodeOf(e) is not null)
        {
            printer.Complain($"Cannot start: {StartProblem.Of(e)}");
            return ServeCommand.CodeOf(e);
        }
    }

    private static async Task StopEarlyAsync(IHost host, TimeProvider time, CancellationToken atOnce)
    {
        using var grace = new CancellationTokenSource(StopGrace, time);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(atOnce, grace.Token);
        await host.StopAsync(enough.Token).ConfigureAwait(false);
    }

    /// <summary>Ends what runs for an engine that has failed, and repeats why while it stops.</summary>
    private static async Task EndProgramsAsync(IHost host, TimeProvider time, CancellationToken atOnce)
    {
        try
        {
            await StopEarlyAsync(host, time, atOnce).ConfigureAwait(false);
        }
        catch (Exception e) when (ServeCommand.CodeOf(e.GetBaseException()) is not null
            || e.GetBaseException() is OperationCanceledException)
        {
            // Told before.
        }
    }

    /// <summary>Ends what runs when this program has met a defect of its own: no job's program outlives the
    /// command.</summary>
    private static async Task EndProgramsAfterAsync(
        Exception defect, IHost host, TimeProvider time, CancellationToken atOnce)
    {
        try
        {
            await StopEarlyAsync(host, time, atOnce).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw new AggregateException(defect, e);
        }
    }

    /// <summary>Signals are ours: see <see cref="StopSignals"/>.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
