namespace Engine.Tests.Crash.Checks;

/// <summary>A promise was broken: which one (reliability ids), and by what.</summary>
internal sealed class FindingException(string promise, string message, Exception? inner = null)
    : Exception($"{promise}: {message}", inner)
{
    internal string Promise { get; } = promise;
}

internal static class Finding
{
    /// <summary>Throws when a promise does not hold.</summary>
    internal static void Unless(bool holds, string promise, FormattableString message)
    {
        if (!holds)
        {
            throw new FindingException(promise, FormattableString.Invariant(message));
        }
    }
}
