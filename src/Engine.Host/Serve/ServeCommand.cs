using System.CommandLine;
using Engine.Host.Cli;
using Engine.Host.Configuration;

namespace Engine.Host.Serve;

/// <summary><c>serve</c>: an engine behind HTTP.</summary>
internal static class ServeCommand
{
    internal static Command Create()
    {
        var command = new Command("serve", "Serves the HTTP API until "
            + "stopped.") { TreatUnmatchedTokensAsErrors = false };
        command.SetAction(InvokeAsync);
        return command;
    }

    internal static async Task<int> InvokeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var configuration = CommonOptions.ReadConfiguration(parsed);
        var settings = SettingsReader.Read(configuration);
        var app = ServeHost.Create(configuration, settings);
        await using (app.ConfigureAwait(false))
        {
            return await ServeHost.RunAsync(app, cancellationToken).ConfigureAwait(false);
        }
    }
}
