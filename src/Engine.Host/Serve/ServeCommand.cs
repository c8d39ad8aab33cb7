using System.CommandLine;
using System.Net.Sockets;
using Engine.Host.Cli;
using Engine.Host.Configuration;
using Engine.Storage;
using Microsoft.AspNetCore.Connections;

namespace Engine.Host.Serve;

/// <summary><c>serve</c>: an engine behind HTTP.</summary>
internal static partial class ServeCommand
{
    internal static Command Create()
    {
        var command = new Command("serve", "Serves the HTTP API until stopped.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.SetAction(InvokeAsync);
        return command;
    }

    internal static async Task<int> InvokeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var configuration = CommonOptions.ReadConfiguration(parsed, reloads: true);
        var settings = SettingsReader.Read(configuration);
        DataDirectory.Make(settings);
        var app = ServeHost.Create(configuration, settings);
        await using (app.ConfigureAwait(false))
        {
            return await RunAsync(app, settings, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Starts, serves until told to stop, and answers with an <see cref="ExitCode"/>.</summary>
    internal static async Task<int> RunAsync(
        WebApplication app, HostSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (CodeOf(e) is not null)
        {
            int code = CodeOf(e)!.Value;
            LogCannotStart(
                app.Logger,
                code == ExitCode.CannotListen ? CannotListen(settings.Http.Listen, e) : StartProblem.Of(e));
            return code;
        }

        Announce(app, settings);
        var exit = app.Services.GetRequiredService<ExitState>();
        try
        {
            await app.WaitForShutdownAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (exit.Code != ExitCode.Success || CodeOf(e.GetBaseException()) is not null)
        {
            // Stopping repeats what made the engine fail; it may also be the first to meet it.
            exit.Set(CodeOf(e.GetBaseException()) ?? ExitCode.Internal);
            LogStoppedBadly(app.Logger, e.GetBaseException().Message, exit.Code);
        }

        return exit.Code;
    }

    /// <summary>What a failed start is called, or null when it is a defect.</summary>
    internal static int? CodeOf(Exception e) => e switch
    {
        JournalLockedException or JournalFencedException => ExitCode.JournalLocked,
        JournalDamagedException => ExitCode.JournalDamaged,
        JournalException => ExitCode.StorageFailed,
        EngineStoppedException => ExitCode.StorageFailed,
        Microsoft.Extensions.Options.OptionsValidationException => ExitCode.Configuration,
        AddressInUseException => ExitCode.CannotListen,
        IOException { InnerException: AddressInUseException } => ExitCode.CannotListen,
        SocketException => ExitCode.CannotListen,
        IOException or UnauthorizedAccessException => ExitCode.StorageFailed,
        _ => null,
    };

    /// <summary>Of most errors the server does not say which address they are about.</summary>
    private static string CannotListen(string addresses, Exception e)
    {
        var error = (e.GetBaseException() as SocketException)?.SocketErrorCode;
        string problem = error == SocketError.AddressAlreadyInUse
            ? e.Message.TrimEnd('.')
            : $"Cannot listen on {addresses}: {Printer.ReasonOf(e)}";
        return problem + ". " + error switch
        {
            SocketError.AccessDenied =>
                "Choose a port from 1024 on (Engine:Listen), or give this program the right to lower ones.",
            SocketError.AddressNotAvailable => "Choose an address that this machine has (Engine:Listen).",
            _ => "Stop what listens there, or choose another address (Engine:Listen).",
        };
    }

    private static void Announce(WebApplication app, HostSettings settings)
    {
        var types = EngineSetup.ServedTypes(settings).Select(type => $"{type.Type.Name} ({type.Handler})").ToArray();
        LogServing(
            app.Logger,
            settings.Standby ? "Listening" : "Serving",
            string.Join(", ", app.Urls),
            string.Join(", ", types));
        if (types.Length == 0)
        {
            LogNothingServed(app.Logger);
        }

        if (settings.Authentication.Mode == AuthenticationMode.Development)
        {
            LogDevelopment(app.Logger);
        }

        if (settings.Journal == JournalKind.Memory)
        {
            LogMemory(app.Logger);
        }
    }

    [LoggerMessage(4021, LogLevel.Information, "{What} on {Addresses}; job types: {Types}")]
    private static partial void LogServing(ILogger logger, string what, string addresses, string types);

    [LoggerMessage(4022, LogLevel.Warning,
        "Development authentication: anybody on this machine is believed to be who they say (Bearer dev:USER:TIER)")]
    private static partial void LogDevelopment(ILogger logger);

    [LoggerMessage(4023, LogLevel.Warning, "The journal is in memory: everything is gone when this process ends")]
    private static partial void LogMemory(ILogger logger);

    [LoggerMessage(4024, LogLevel.Warning,
        "No job type is served, so that every submission is refused. Engine:JobTypes:NAME:Handler adds one")]
    private static partial void LogNothingServed(ILogger logger);

    [LoggerMessage(4026, LogLevel.Critical, "Stopped with code {Code}: {Reason}")]
    private static partial void LogStoppedBadly(ILogger logger, string reason, int code);

    [LoggerMessage(4025, LogLevel.Critical, "Cannot start: {Reason}")]
    private static partial void LogCannotStart(ILogger logger, string reason);
}
