using Engine.Host.Configuration;

namespace Engine.Host.Run;

/// <summary>The settings of <c>run</c>: the usual ones, those beside the file, and what differs from <c>serve</c>.</summary>
internal static class RunSettings
{
    /// <summary>How long lines stay known: the longest that a key can be kept.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromDays(30);

    // A program cannot take this process down, so a lost run is a host that was killed, however often.
    private const int MaxLostRuns = 100;

    /// <param name="configuration">What the command line, the environment and the usual files say.</param>
    /// <param name="directory">Where the file of jobs lies: its appsettings.json is read too, and all else wins over it.</param>
    internal static HostSettings Read(IConfiguration configuration, string directory)
    {
        var merged = Merge(configuration, directory);
        var settings = SettingsReader.Read(merged, serves: false);
        settings.Processes.InputDirectory ??= directory;
        if (!settings.JobTypes.ContainsKey(JobLine.DefaultType))
        {
            settings.ChangeType(JobLine.DefaultType, type => type with
            {
                Handler = HandlerKind.Process,
                Type = type.Type with { MaxLostRuns = MaxLostRuns },
            });
        }

        // A line is known again as long as its key and its job are kept.
        if (merged["Engine:IdempotencyWindow"] is null)
        {
            settings.Engine.IdempotencyWindow = Memory;
        }

        if (merged["Engine:RetentionTime"] is null)
        {
            settings.Engine.RetentionTime = Memory;
        }

        if (merged["Engine:RetentionCount"] is null)
        {
            settings.Engine.RetentionCount = 10_000_000;
        }

        if (merged["Engine:RetentionBytes"] is null)
        {
            settings.Engine.RetentionBytes = 1L << 40;
        }

        return settings;
    }

    private static IConfigurationRoot Merge(IConfiguration configuration, string directory)
    {
        try
        {
            return new ConfigurationBuilder()
                .AddJsonFile(Path.Combine(directory, "appsettings.json"), optional: true, reloadOnChange: false)
                .AddConfiguration(configuration)
                .Build();
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new SettingsException([SettingsException.OfFile(e)]);
        }
    }
}
