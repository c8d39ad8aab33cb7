using System.Diagnostics;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Engine.Host.Endpoints;

/// <summary>Turns what escapes an endpoint into a problem, so that no answer is empty and none tells of our
/// insides.</summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext http)
    {
        http.Response.Headers.XContentTypeOptions = "nosniff";
        try
        {
            if (HasUnclearLength(http.Request))
            {
                // Nor can where the next request begins be told for certain.
                http.Response.Headers.Connection = "close";
                await Problems.Malformed("Transfer-Encoding must be chunked, and nothing else").ExecuteAsync(http)
                    .ConfigureAwait(false);
                return;
            }

            await next(http).ConfigureAwait(false);
            if (!http.Response.HasStarted && http.Response.StatusCode >= 400 && http.Response.ContentType is null)
            {
                await Problems.ForStatus(http.Response.StatusCode).ExecuteAsync(http).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // The client has gone: there is nobody to answer.
        }
        catch (ConnectionResetException)
        {
            // In the middle of its request. Nothing of what is left of that will come.
            http.Abort();
        }
        catch (Exception e) when (!http.Response.HasStarted)
        {
            await ProblemOf(http, e).ExecuteAsync(http).ConfigureAwait(false);
        }
    }

    // What other servers on the way may have read differently: pieces of pieces, or pieces of what nobody unpacks.
    private static bool HasUnclearLength(HttpRequest request) =>
        request.Headers.TransferEncoding is { Count: > 0 } codings
        && (codings.Count > 1 || !string.Equals(codings[0], "chunked", StringComparison.OrdinalIgnoreCase));

    private ProblemResult ProblemOf(HttpContext http, Exception e)
    {
        switch (e)
        {
            case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge }
                when http.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize is { } limit:
                return Problems.TooLarge(limit);
            case BadHttpRequestException bad:
                return Problems.ForStatus(bad.StatusCode);
            case EngineStoppedException:
                LogStopped(http.Request.Path, e.Message);
                return Problems.EngineStopped();
            default:
                string traceId = Activity.Current?.Id ?? http.TraceIdentifier;
                LogFailed(e, http.Request.Method, http.Request.Path, traceId);
                return Problems.Internal(traceId);
        }
    }

    [LoggerMessage(4101, LogLevel.Warning, "Refused {Path}: {Reason}")]
    private partial void LogStopped(string path, string reason);

    [LoggerMessage(4102, LogLevel.Error, "{Method} {Path} failed; trace {TraceId}")]
    private partial void LogFailed(Exception e, string method, string path, string traceId);
}
