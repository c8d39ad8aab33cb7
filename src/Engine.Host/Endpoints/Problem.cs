using System.Globalization;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Engine.Host.Endpoints;

/// <summary>A refusal on the wire: RFC 9457, with the text that people read in <c>detail</c>.</summary>
/// <param name="Type">Names the kind for ever: programs compare it.</param>
/// <param name="Title">The status in words.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What went wrong this time.</param>
internal sealed record ProblemBody(string Type, string Title, int Status, string Detail)
{
    /// <summary>The field at fault, as the request writes it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Field { get; init; }

    /// <summary>The limit that was met.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Limit { get; init; }

    /// <summary>When trying again may help; the same as the Retry-After header, in minutes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? RetryAfterMinutes { get; init; }

    /// <summary>Where the host is that owns the journal, when this one only stands by.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Owner { get; init; }

    /// <summary>What support finds the failure by.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? TraceId { get; init; }
}

/// <summary>402, whose detail is an object by the contract (seed-semantics 1.6).</summary>
internal sealed record SubscriptionProblemBody(string Type, string Title, int Status, SubscriptionDetail Detail);

/// <summary>What is missing, and where to get it.</summary>
internal sealed record SubscriptionDetail(string Code, string Message, string UpgradeUrl);

/// <summary>A problem as an endpoint's answer.</summary>
internal sealed class ProblemResult(ProblemBody body) : IResult, IStatusCodeHttpResult
{
    internal const string ContentType = "application/problem+json";

    internal ProblemBody Body { get; } = body;

    public int? StatusCode => Body.Status;

    /// <summary>Seconds for the Retry-After header, when trying again may help.</summary>
    internal long? RetryAfterSeconds { get; init; }

    public Task ExecuteAsync(HttpContext httpContext)
    {
        if (RetryAfterSeconds is { } seconds)
        {
            httpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        return WriteAsync(httpContext, Body.Status, Body, Wire.Json.ProblemBody);
    }

    internal static Task WriteAsync<T>(HttpContext http, int status, T body, JsonTypeInfo<T> type)
    {
        http.Response.StatusCode = status;
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsJsonAsync(body, type, ContentType, http.RequestAborted);
    }
}
