using System.CommandLine;
using Engine.Host.Configuration;

namespace Engine.Host.Cli;

/// <summary>What every command understands.</summary>
internal static class CommonOptions
{
    private static readonly string[] Names = ["--urls", "--environment"];
    private static readonly string[] Sections = ["--Engine:", "--Logging:", "--Kestrel:"];

    internal static Option<FileInfo?> ConfigFile { get; } = new("--config")
    {
        Description = "A settings file, read after appsettings.json and before the environment.",
        HelpName = "FILE",
        Recursive = true,
    };

    /// <summary>Reads the configuration that a command line asks for. Commands that take settings set
    /// <see cref="Command.TreatUnmatchedTokensAsErrors"/> to false, and what they do not know must be
    /// settings.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="reloads">Whether settings files are read again when they change.</param>
    /// <exception cref="UsageException">A word is neither known nor a setting.</exception>
    internal static IConfigurationRoot ReadConfiguration(ParseResult parsed, bool reloads) =>
        HostConfiguration.Build(parsed.GetValue(ConfigFile), SettingsIn(parsed.UnmatchedTokens), reloads);

    private static string[] SettingsIn(IReadOnlyList<string> words)
    {
        for (int i = 0; i < words.Count; i++)
        {
            string word = words[i];
            if (!IsSetting(word.Split('=', 2)[0]))
            {
                throw new UsageException(
                    $"'{word}' is not understood. Try --help; settings are written --Engine:KEY=VALUE.");
            }

            // "--key value" takes the next word, "--key=value" does not.
            if (!word.Contains('=', StringComparison.Ordinal) && ++i == words.Count)
            {
                throw new UsageException($"'{word}' has no value. Settings are written --Engine:KEY=VALUE.");
            }
        }

        return [.. words];
    }

    // What nobody reads would be taken for a setting that holds: --Tiers:partner:UserSlots=4 lacks its Engine.
    private static bool IsSetting(string name) =>
        Array.Exists(Names, known => string.Equals(name, known, StringComparison.OrdinalIgnoreCase))
        || Array.Exists(Sections, known => name.StartsWith(known, StringComparison.OrdinalIgnoreCase));
}

/// <summary>The command line cannot be understood; the message says which word.</summary>
internal sealed class UsageException(string message) : Exception(message);
