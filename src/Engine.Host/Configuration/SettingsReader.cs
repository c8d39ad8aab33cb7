namespace Engine.Host.Configuration;

/// <summary>Turns configuration into <see cref="HostSettings"/>, or says everything that is wrong with it.</summary>
internal static class SettingsReader
{
    private const string Prefix = "Engine:";
    private const string NameRule = "a name must be 1 to 64 characters, none of them a control character.";

    /// <exception cref="SettingsException">A key is not known, a value breaks its rule, or values contradict each
    /// other.</exception>
    /// <param name="configuration">Where the settings are.</param>
    /// <param name="serves">Whether HTTP is to be served: otherwise what that needs may be missing.</param>
    internal static HostSettings Read(IConfiguration configuration, bool serves = true)
    {
        var settings = new HostSettings { Environment = HostConfiguration.EnvironmentOf(configuration) };
        List<string> problems = [];
        foreach (var (key, text) in Values(configuration))
        {
            if (Accept(settings, key, text) is { } problem)
            {
                problems.Add(problem);
            }
        }

        AddEmpty(settings, configuration, problems);
        SettingsRules.Check(settings, configuration, problems, serves);
        return problems.Count == 0 ? settings : throw new SettingsException(problems);
    }

    /// <summary>Every value under <c>Engine:</c>, in the order of its keys: list items by number.</summary>
    internal static IReadOnlyList<(string Key, string Text)> Values(IConfiguration configuration) =>
    [
        .. configuration.AsEnumerable()
            .Where(pair => pair.Value is not null && pair.Key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            .OrderBy(pair => pair.Key, ConfigurationKeyComparer.Instance)
            .Select(pair => (pair.Key[Prefix.Length..], pair.Value!)),
    ];

    /// <summary>The setting that a key names, without <c>Engine:</c>, or null when there is none.</summary>
    internal static Setting? Find(string key) =>
        SettingsCatalog.All.FirstOrDefault(setting => setting.Match(key.Split(':')) is not null);

    // What a file names and leaves empty has no value to be read, and counts all the same: {"Tiers": {"gold": {}}}.
    private static void AddEmpty(HostSettings settings, IConfiguration configuration, List<string> problems)
    {
        foreach (var (path, _) in configuration.AsEnumerable().Where(pair => pair.Value is null
            && pair.Key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)
            && !configuration.GetSection(pair.Key).GetChildren().Any())
            .OrderBy(pair => pair.Key, ConfigurationKeyComparer.Instance))
        {
            string key = path[Prefix.Length..];
            string[] segments = key.Split(':');
            if (SettingsCatalog.All.Select(setting => setting.MatchStart(segments)).FirstOrDefault(found => found is not null)
                is not { } names)
            {
                problems.Add(Unknown(key, "nothing"));
            }
            else if (!names.All(IsName))
            {
                problems.Add($"{Prefix}{key}: {NameRule}");
            }
            else if (names is [var name] && string.Equals(segments[0], "Tiers", StringComparison.OrdinalIgnoreCase))
            {
                settings.ChangeTier(name, static same => same);
            }
            else if (names is [var type] && string.Equals(segments[0], "JobTypes", StringComparison.OrdinalIgnoreCase))
            {
                settings.ChangeType(type, static same => same);
            }
        }
    }

    private static string Unknown(string key, string found) =>
        $"{Prefix}{key}: is not a known setting; found {found}. docs/configuration.md lists them all.";

    private static string? Accept(HostSettings settings, string key, string text)
    {
        string[] segments = key.Split(':');
        foreach (var setting in SettingsCatalog.All)
        {
            if (setting.Match(segments) is { } names)
            {
                return names.All(IsName)
                    ? Taken(setting, settings, names, key, text)
                    : $"{Prefix}{key}: {NameRule}";
            }
        }

        // An empty list has no items to give; the configuration shows it as an empty text at the list's own key.
        return text.Length == 0 && Find(key + ":0") is not null
            ? null
            : Unknown(key, $"'{Shown(key, text)}'");
    }

    private static string? Taken(
        Setting setting, HostSettings settings, IReadOnlyList<string> names, string key, string text) =>
        setting.Accept(settings, names, text)
            ? null
            : $"{Prefix}{key}: must be {setting.Rule}; found '{Shown(key, text)}'.";

    private static bool IsName(string name) => name.Length is >= 1 and <= 64 && !name.Any(char.IsControl);

    // A secret that breaks its rule is still a secret.
    private static string Shown(string key, string text) =>
        key.EndsWith("Key", StringComparison.OrdinalIgnoreCase)
        || key.Contains("Secret", StringComparison.OrdinalIgnoreCase)
        || key.EndsWith(":Connection", StringComparison.OrdinalIgnoreCase)
            ? $"{text.Length} characters, not shown"
            : text;
}
