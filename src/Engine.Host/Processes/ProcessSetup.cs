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

    /// <summary>Lets programs run: takes the run directories when the first part that needs them is made.</summary>
    internal static void UseProcesses(this EngineBuilder engine, HostSettings settings)
    {
        engine.Services.AddSingleton(_ => RunDirectories.Open(settings.DataDirectory));
        engine.Services.AddHostedService<LeftoverProcesses>();
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

/// <summary>Before the engine starts, kills what the host before this one left running when it crashed.</summary>
internal sealed partial class LeftoverProcesses(
    RunDirectories directories, TimeProvider time, ILogger<LeftoverProcesses> logger) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        int killed = await directories.EndLeftoversAsync(time).ConfigureAwait(false);
        if (killed > 0)
        {
            Killed(logger, killed);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Count} processes were left by a host that crashed. They were killed; their runs start again.")]
    private static partial void Killed(ILogger logger, int count);
}
