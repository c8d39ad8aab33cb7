namespace Engine.Host.Configuration;

/// <summary>Where settings come from. Later ones win: appsettings.json beside the program, then in the current
/// directory, each with its appsettings.ENVIRONMENT.json; <c>--config FILE</c>; the environment; the command
/// line.</summary>
internal static class HostConfiguration
{
    private static readonly string[] EnvironmentVariables = ["DOTNET_ENVIRONMENT", "ASPNETCORE_ENVIRONMENT"];

    internal static IConfigurationRoot Build(FileInfo? file, string[] settings)
    {
        string environment = EnvironmentName(settings);
        var builder = new ConfigurationBuilder();
        AddDirectory(builder, AppContext.BaseDirectory, environment);
        string current = Directory.GetCurrentDirectory();
        if (Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory) != Path.TrimEndingDirectorySeparator(current))
        {
            AddDirectory(builder, current, environment);
        }

        if (file is not null)
        {
            if (!file.Exists)
            {
                throw new SettingsException([$"--config: there is no file '{file.FullName}'."]);
            }

            builder.AddJsonFile(file.FullName, optional: false, reloadOnChange: true);
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

    private static void AddDirectory(ConfigurationBuilder builder, string directory, string environment)
    {
        builder.AddJsonFile(Path.Combine(directory, "appsettings.json"), optional: true, reloadOnChange: true);
        builder.AddJsonFile(
            Path.Combine(directory, $"appsettings.{environment}.json"), optional: true, reloadOnChange: true);
    }

    private static string EnvironmentName(string[] settings)
    {
        string? named = new ConfigurationBuilder().AddCommandLine(settings).Build()["environment"];
        return named
            ?? EnvironmentVariables.Select(Environment.GetEnvironmentVariable)
                .LastOrDefault(name => !string.IsNullOrEmpty(name))
            ?? Environments.Production;
    }
}
