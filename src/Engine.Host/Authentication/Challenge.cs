using Engine.Host.Endpoints;

namespace Engine.Host.Authentication;

/// <summary>The 401 of every scheme.</summary>
internal static partial class Challenge
{
    internal static Task WriteAsync(HttpContext http)
    {
        http.Response.Headers.WWWAuthenticate = "Bearer";
        var problem = http.Request.Headers.Authorization.Count == 0
            ? Problems.MissingAuthorization()
            : Problems.InvalidToken();
        return problem.ExecuteAsync(http);
    }

    /// <summary>Says what is wrong with a token that is good but for the names in it: whoever made it, or chose the claims in the
    /// settings, has to know, and the caller is told no more than of any other.</summary>
    [LoggerMessage(4205, LogLevel.Warning, "Refused a token that is otherwise good: {Problem}")]
    internal static partial void LogUnusable(ILogger logger, string problem);
}
