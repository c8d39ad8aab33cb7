using Engine.Host.Cli;
using Engine.Storage;

namespace Engine.Host.Serve;

/// <summary>Ends the process when the engine's storage has failed: only a restart can tell what became of the last
/// requests, and whoever supervises the process must hear of it (D5).</summary>
internal sealed partial class EngineWatch(
    JobEngine engine, IHostApplicationLifetime lifetime, ExitState exit, ILogger<EngineWatch> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await engine.Stopped.WaitAsync(stoppingToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (engine.Stopped.Exception?.GetBaseException() is { } error)
        {
            exit.Set(error is JournalException or EngineStoppedException ? ExitCode.StorageFailed : ExitCode.Internal);
            LogStopped(error, exit.Code);
            lifetime.StopApplication();
        }
    }

    [LoggerMessage(4001, LogLevel.Critical, "The engine has failed; the process ends with code {Code}")]
    private partial void LogStopped(Exception error, int code);
}
