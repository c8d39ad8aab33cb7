namespace Engine.Host.Serve;

/// <summary>What is said of a start, or of a look at a journal, that cannot be.</summary>
internal static class StartProblem
{
    /// <summary>In the words of what failed; where these only say what is not allowed, also what to do.</summary>
    internal static string Of(Exception e) => e is UnauthorizedAccessException
        ? $"{e.Message} Do it as the user that owns it, or give this one the right to."
        : e.Message;
}
