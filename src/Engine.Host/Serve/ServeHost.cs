using Engine.Host.Cli;
using Engine.Host.Configuration;

namespace Engine.Host.Serve;

/// <summary>The web application around an engine.</summary>
internal static class ServeHost
{
    internal static WebApplication Create(IConfiguration configuration, HostSettings settings)
    {
        var builder = WebApplication.CreateEmptyBuilder(
            new WebApplicationOptions { EnvironmentName = settings.Environment });
        builder.Configuration.AddConfiguration(configuration);
        builder.Services.AddConfiguredEngine(settings);
        return builder.Build();
    }

    internal static async Task<int> RunAsync(WebApplication app, CancellationToken cancellationToken)
    {
        await app.RunAsync(cancellationToken).ConfigureAwait(false);
        return ExitCode.Success;
    }
}
