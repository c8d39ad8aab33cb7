namespace Engine.Host.Configuration;

/// <summary>Settings that cannot be used. Every problem is a line of the message, and names its key.</summary>
internal sealed class SettingsException(IReadOnlyList<string> problems)
    : Exception("The settings cannot be used:\n  " + string.Join("\n  ", problems))
{
    internal IReadOnlyList<string> Problems { get; } = problems;

    /// <summary>What is wrong with a settings file: the outer message names the file, the innermost the line.</summary>
    internal static string OfFile(Exception e) =>
        e.GetBaseException() is var reason && reason != e ? $"{e.Message} {reason.Message}" : e.Message;
}
