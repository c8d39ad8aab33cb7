using Engine.Host.Endpoints;

namespace Engine.Host.Authentication;

/// <summary>The 401 of every scheme.</summary>
internal static class Challenge
{
    internal static Task WriteAsync(HttpContext http)
    {
        http.Response.Headers.WWWAuthenticate = "Bearer";
        var problem = http.Request.Headers.Authorization.Count == 0
            ? Problems.MissingAuthorization()
            : Problems.InvalidToken();
        return problem.ExecuteAsync(http);
    }
}
