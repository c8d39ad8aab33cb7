using System.Runtime.InteropServices;
using Engine.Host.Cli;
using Engine.Host.Configuration;
using Engine.Host.Serve;

namespace Engine.Host.Run;

/// <summary>An engine without HTTP, for as long as a file takes.</summary>
internal static class RunHost
{
    // What a first signal leaves running programs to end by themselves.
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(10);

    internal static async Task<int> RunAsync(
        Stream file,
        RunOptions options,
        HostSettings settings,
        RunDisplay display,
        TextWriter output,
        TextWriter errors,
        TimeProvider time)
    {
        var types = EngineSetup.ServedTypes(settings).ToDictionary(
            type => type.Type.Name, type => type.Handler == HandlerKind.Process, StringComparer.Ordinal);
        using var host = Build(settings, time);
        using var signals = new StopSignals(display);
        int? cannotStart = await StartAsync(host, errors, signals.First).ConfigureAwait(false);
        if (cannotStart is not null)
        {
            return cannotStart.Value;
        }

        var engine = host.Services.GetRequiredService<JobEngine>();
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

        var session = new RunSession(engine, settings, options, display, time);
        try
        {
            await session.WorkAsync(file, types, signals.First).ConfigureAwait(false);
            await session.ReportAsync(output).ConfigureAwait(false);
            if (session.Tally.Interrupted)
            {
                await StopEarlyAsync(host, errors, signals.Second).ConfigureAwait(false);
            }
            else
            {
                await host.StopAsync(CancellationToken.None).ConfigureAwait(false);
            }

            return session.Code();
        }
        catch (EngineStoppedException e)
        {
            await errors.WriteLineAsync(
                $"The storage failed: {e.Message} Run the same file again to go on from what is stored.").ConfigureAwait(false);
            return ExitCode.StorageFailed;
        }
    }

    private static IHost Build(HostSettings settings, TimeProvider time)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(
            new HostApplicationBuilderSettings { EnvironmentName = settings.Environment, DisableDefaults = true });
        builder.Logging.AddSimpleConsole();
        builder.Logging.AddFilter<Microsoft.Extensions.Logging.Console.ConsoleLoggerProvider>(null, LogLevel.Error);

        // A start that fails is told by us, in a sentence; the host would tell it too, with a stack trace.
        builder.Logging.AddFilter<Microsoft.Extensions.Logging.Console.ConsoleLoggerProvider>(
            "Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(
            console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddConfiguredEngine(settings);
        return builder.Build();
    }

    private static async Task<int?> StartAsync(IHost host, TextWriter errors, CancellationToken cancellationToken)
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
            await errors.WriteLineAsync($"Cannot start: {e.Message}").ConfigureAwait(false);
            return ServeCommand.CodeOf(e);
        }
    }

    private static async Task StopEarlyAsync(IHost host, TextWriter errors, CancellationToken atOnce)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(atOnce);
        enough.CancelAfter(StopGrace);
        await host.StopAsync(enough.Token).ConfigureAwait(false);
        await errors.WriteLineAsync("Stopped. Run the same file again to go on.").ConfigureAwait(false);
    }

    /// <summary>Signals are ours: see <see cref="StopSignals"/>.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>A first signal stops in good order, a second at once.</summary>
    private sealed class StopSignals : IDisposable
    {
        private readonly CancellationTokenSource _first = new();
        private readonly CancellationTokenSource _second = new();
        private readonly List<PosixSignalRegistration> _registrations = [];
        private readonly RunDisplay _display;

        internal StopSignals(RunDisplay display)
        {
            _display = display;
            foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
            {
                _registrations.Add(PosixSignalRegistration.Create(signal, OnSignal));
            }
        }

        internal CancellationToken First => _first.Token;

        internal CancellationToken Second => _second.Token;

        public void Dispose()
        {
            _registrations.ForEach(registration => registration.Dispose());
            _first.Dispose();
            _second.Dispose();
        }

        private void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            if (_first.IsCancellationRequested)
            {
                _second.Cancel();
                return;
            }

            _display.Problem(
                $"Stopping: running programs have {StopGrace.TotalSeconds:0} s to end. A second signal ends them at once.");
            _first.Cancel();
        }
    }
}
