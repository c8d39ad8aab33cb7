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
    private const string MainFile = "appsettings.json";

    private static readonly string[] EnvironmentVariables = ["DOTNET_ENVIRONMENT", "ASPNETCORE_ENVIRONMENT"];

    /// <param name="file">The file of <c>--config</c>.</param>
    /// <param name="settings">Those of the command line.</param>
    /// <param name="reloads">Whether files are read again when they change.</param>
    internal static IConfigurationRoot Build(FileInfo? file, string[] settings, bool reloads)
    {
        string environment = EnvironmentName(settings);
        string current = CurrentDirectory();
        var builder = new ConfigurationBuilder();
        AddDirectory(builder, AppContext.BaseDirectory, environment, reloads);
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
        builder.AddJsonFile(files, MainFile, optional: true, reloads);
        builder.AddJsonFile(files, $"appsettings.{environment}.json", optional: true, reloads);
    }

    /// <summary>Settings that may lie there must not be missed in silence: in somebody else's directory, say, from which this
    /// was started as another user.</summary>
    private static string CurrentDirectory()
    {
        string current = "";
        try
        {
            current = Directory.GetCurrentDirectory();
            _ = File.GetAttributes(Path.Combine(current, MainFile));
            return current;
        }
        catch (FileNotFoundException) when (current.Length > 0)
        {
            // There are none.
            return current;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException(
            [
                $"The current directory{(current.Length > 0 ? $" '{current}'" : "")}, where settings are looked for, is gone or "
                + "may not be read. Start from another.",
            ]);
        }
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
