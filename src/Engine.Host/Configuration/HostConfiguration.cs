using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.FileProviders.Physical;

namespace Engine.Host.Configuration;

/// <summary>Where settings come from. Later ones win: appsettings.json beside the program, then in the current
/// directory, each with its appsettings.ENVIRONMENT.json; <c>--config FILE</c>; the environment; the command
/// line.</summary>
/// <remarks>Files are looked at every few seconds, and not watched by the system: that watches whole directories with all
/// that is below them, and the current one may hold every run's files, or be the root of the machine.</remarks>
internal static class HostConfiguration
{
    private static readonly string[] EnvironmentVariables = ["DOTNET_ENVIRONMENT", "ASPNETCORE_ENVIRONMENT"];

    /// <param name="file">The file of <c>--config</c>.</param>
    /// <param name="settings">Those of the command line.</param>
    /// <param name="reloads">Whether files are read again when they change.</param>
    internal static IConfigurationRoot Build(FileInfo? file, string[] settings, bool reloads)
    {
        string environment = EnvironmentName(settings);
        var builder = new ConfigurationBuilder();
        AddDirectory(builder, AppContext.BaseDirectory, environment, reloads);
        string current = Directory.GetCurrentDirectory();
        if (Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory) != Path.TrimEndingDirectorySeparator(current))
        {
            AddDirectory(builder, current, environment, reloads);
        }

        if (file is not null)
        {
            if (!file.Exists)
            {
                throw new SettingsException([$"--config: there is no file '{file.FullName}'."]);
            }

            builder.AddJsonFile(FilesIn(file.DirectoryName!), file.Name, optional: false, reloads);
        }

        builder.AddEnvironmentVariables("ASPNETCORE_");
        builder.AddEnvironmentVariables();
        builder.AddCommandLine(settings);
        builder.AddInMemoryCollection([new("environment", environment)]);
        try
        {
            return builder.Build();
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new SettingsException([SettingsException.OfFile(e)]);
        }
    }

    /// <summary>Which environment a configuration was read for: "Development", "Production" or another.</summary>
    internal static string EnvironmentOf(IConfiguration configuration) =>
        configuration["environment"] ?? Environments.Production;

    private static void AddDirectory(ConfigurationBuilder builder, string directory, string environment, bool reloads)
    {
        var files = FilesIn(directory);
        builder.AddJsonFile(files, "appsettings.json", optional: true, reloads);
        builder.AddJsonFile(files, $"appsettings.{environment}.json", optional: true, reloads);
    }

    private static PhysicalFileProvider FilesIn(string directory) => new(directory, ExclusionFilters.None)
    {
        UsePollingFileWatcher = true,
        UseActivePolling = true,
    };

    private static string EnvironmentName(string[] settings)
    {
        string? named = new ConfigurationBuilder().AddCommandLine(settings).Build()["environment"];
        return named
            ?? EnvironmentVariables.Select(Environment.GetEnvironmentVariable)
                .LastOrDefault(name => !string.IsNullOrEmpty(name))
            ?? Environments.Production;
    }
}
