using Engine.Host.Cli;
using Engine.Hosting;

namespace Engine.Host.Serve;

/// <summary>Ends the process when the engine's storage has failed: only a restart can tell what became of the last
/// requests, and whoever supervises the process must hear of it (D5). So must they when a host that stood by cannot take
/// over, or one that served was replaced.</summary>
internal sealed partial class EngineWatch(
    JobEngine engine,
    HostedEngine hosted,
    IHostApplicationLifetime lifetime,
    ExitState exit,
    ILogger<EngineWatch> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await hosted.Serving.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!hosted.Serving.IsFaulted)
        {
            await engine.Stopped.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if ((engine.Stopped.Exception ?? hosted.Serving.Exception)?.GetBaseException() is { } error)
        {
            exit.Set(ServeCommand.CodeOf(error) ?? ExitCode.Internal);
            LogStopped(error, exit.Code);
            lifetime.StopApplication();
        }
    }

    [LoggerMessage(4001, LogLevel.Critical, "The engine has failed; the process ends with code {Code}")]
    private partial void LogStopped(Exception error, int code);
}
