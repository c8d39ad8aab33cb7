using Engine.Host.Configuration;
using Engine.Hosting;
using Engine.RunLogs;

namespace Engine.Host.Processes;

/// <summary>Registers what running programs needs: their directories, and logs that go when those go.</summary>
internal static class ProcessSetup
{
    /// <summary>Keeps run logs where the journal's kind suggests, and run directories beside them.</summary>
    internal static void UseRunStorage(this EngineBuilder engine, HostSettings settings)
    {
        if (settings.Journal == JournalKind.Memory)
        {
            engine.UseMemoryRunLogs();
        }
        else
        {
            engine.UseFileRunLogs(Path.Combine(settings.DataDirectory, "logs"));
        }
    }

    // A host that takes over meets the last moments of the one before.
    private static readonly TimeSpan TakeOverPatience = TimeSpan.FromSeconds(10);

    /// <summary>Lets programs run: takes the run directories once the journal is this host's.</summary>
    internal static void UseProcesses(this EngineBuilder engine, HostSettings settings)
    {
        engine.Services.AddSingleton(_ => new RunDirectories(
            settings.DataDirectory, outliveProcess: settings.Journal != JournalKind.Memory));
        engine.Services.AddSingleton<LeftoverProcesses>();
        engine.Services.AddHostedService(provider => provider.GetRequiredService<LeftoverProcesses>());
        engine.WhenOwned((provider, cancellationToken) => provider.GetRequiredService<LeftoverProcesses>()
            .EndAsync(settings.Standby ? TakeOverPatience : TimeSpan.Zero, cancellationToken));
        engine.UseRunLogs(provider => new RunDirectoryLogs(
            settings.Journal == JournalKind.Memory
                ? new MemoryRunLogStore(provider.GetRequiredService<TimeProvider>())
                : new FileRunLogStore(
                    Path.Combine(settings.DataDirectory, "logs"),
                    provider.GetRequiredService<TimeProvider>(),
                    provider.GetRequiredService<ILogger<FileRunLogStore>>()),
            provider.GetRequiredService<RunDirectories>()));
    }

    internal static ProcessHandler CreateHandler(IServiceProvider provider, HostSettings settings) => new(
        settings.Processes,
        provider.GetRequiredService<RunDirectories>(),
        provider.GetRequiredService<TimeProvider>(),
        provider.GetRequiredService<ILogger<ProcessHandler>>());
}

/// <summary>Before a program is run, kills what the host before this one left running when it crashed; gives the
/// directories back before the journal, so that the next owner finds them free.</summary>
internal sealed partial class LeftoverProcesses(
    RunDirectories directories, TimeProvider time, ILogger<LeftoverProcesses> logger) : IHostedLifecycleService
{
    internal async Task EndAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        await directories.TakeAsync(patience, time, cancellationToken).ConfigureAwait(false);
        int killed = await directories.EndLeftoversAsync(time).ConfigureAwait(false);
        if (killed > 0)
        {
            Killed(logger, killed);
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        try
        {
            directories.Forget();
        }
        catch (IOException e)
        {
            NotForgotten(logger, e.Message);
        }

        directories.Dispose();
        return Task.CompletedTask;
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Count} processes were left by a host that crashed. They were killed; their runs start again.")]
    private static partial void Killed(ILogger logger, int count);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "What runs left cannot be removed now, but at the next start: {Reason}")]
    private static partial void NotForgotten(ILogger logger, string reason);
}
