using System.Diagnostics;
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
        catch (Exception e) when (!http.Response.HasStarted)
        {
            await ProblemOf(http, e).ExecuteAsync(http).ConfigureAwait(false);
        }
    }

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
