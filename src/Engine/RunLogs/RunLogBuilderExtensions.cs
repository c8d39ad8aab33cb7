using Engine.Hosting;
using Engine.RunLogs;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Says where an engine keeps the output of its runs.</summary>
public static class RunLogBuilderExtensions
{
    /// <summary>Keeps the output of runs in files under <paramref name="directory"/>, which no other process uses.</summary>
    public static EngineBuilder UseFileRunLogs(
        this EngineBuilder builder, string directory, RunLogLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return builder.UseRunLogs(provider => new FileRunLogStore(
            directory,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<FileRunLogStore>>(),
            limits));
    }

    /// <summary>Keeps the output of runs in memory: gone with the process.</summary>
    public static EngineBuilder UseMemoryRunLogs(this EngineBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.UseRunLogs(provider => new MemoryRunLogStore(provider.GetRequiredService<TimeProvider>()));
    }
}
