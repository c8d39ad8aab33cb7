using System.CommandLine;
using Engine.Host.Configuration;

namespace Engine.Host.Cli;

/// <summary>What every command understands.</summary>
internal static class CommonOptions
{
    internal static Option<FileInfo?> ConfigFile { get; } = new("--config")
    {
        Description = "A settings file, read after appsettings.json and before the environment.",
        HelpName = "FILE",
        Recursive = true,
    };

    /// <summary>Reads the configuration that a command line asks for. Commands that take settings set
    /// <see cref="Command.TreatUnmatchedTokensAsErrors"/> to false, and what they do not know must be
    /// settings.</summary>
    /// <exception cref="UsageException">A word is neither known nor a setting.</exception>
    internal static IConfigurationRoot ReadConfiguration(ParseResult parsed) =>
        HostConfiguration.Build(parsed.GetValue(ConfigFile), SettingsIn(parsed.UnmatchedTokens));

    private static string[] SettingsIn(IReadOnlyList<string> words)
    {
        for (int i = 0; i < words.Count; i++)
        {
            string word = words[i];
            bool isSetting = word.StartsWith("--", StringComparison.Ordinal)
                && (word.Contains(':', StringComparison.Ordinal)
                    || word.StartsWith("--urls", StringComparison.OrdinalIgnoreCase)
                    || word.StartsWith("--environment", StringComparison.OrdinalIgnoreCase));
            if (!isSetting)
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
}

/// <summary>The command line cannot be understood; the message says which word.</summary>
internal sealed class UsageException(string message) : Exception(message);
