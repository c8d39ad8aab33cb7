using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;

namespace Engine.Host.Endpoints;

/// <summary>Every refusal that HTTP can give, in one place: status, type and text. docs/http-api.md lists
/// them.</summary>
internal static class Problems
{
    internal static ProblemResult MissingAuthorization() =>
        Of(StatusCodes.Status401Unauthorized, "unauthorized", "Missing authorization header");

    internal static ProblemResult InvalidToken() =>
        Of(StatusCodes.Status401Unauthorized, "unauthorized", "Invalid token");

    /// <summary>The keys that tokens are signed with cannot be had: whether this one is good, nobody can tell.</summary>
    internal static ProblemResult AuthorityUnavailable() => Unavailable(
        "authority-unavailable",
        "Tokens cannot be checked at the moment. Try again soon.",
        (long)Authentication.AuthorityKeys.RetryAfter.TotalSeconds);

    internal static ProblemResult Forbidden() =>
        Of(StatusCodes.Status403Forbidden, "forbidden", "Not allowed");

    /// <summary>Absent and somebody else's look the same (LA-21).</summary>
    internal static ProblemResult JobNotFound() => Of(StatusCodes.Status404NotFound, "job-not-found", "Job not found");

    internal static ProblemResult ProjectNotFound() =>
        Of(StatusCodes.Status404NotFound, "project-not-found", "Project not found", "project_id");

    internal static ProblemResult NotAwaitingConfirmation() =>
        Of(StatusCodes.Status400BadRequest, "not-awaiting-confirmation", "Job is not awaiting confirmation");

    internal static ProblemResult IterationCapReached() => Of(
        StatusCodes.Status400BadRequest, "iteration-cap", "Hard iteration cap reached. Job cannot continue.");

    internal static ProblemResult AlreadyTerminal(string status) => Of(
        StatusCodes.Status409Conflict, "job-terminal", $"Job is already in terminal state ({status}). Cannot cancel.");

    internal static ProblemResult Malformed(string detail) =>
        Of(StatusCodes.Status400BadRequest, "malformed", detail);

    internal static ProblemResult Invalid(string field, string rule) =>
        Of(StatusCodes.Status422UnprocessableEntity, "invalid", $"{field}: {rule}", field);

    internal static ProblemResult UnknownType(string detail) =>
        Of(StatusCodes.Status422UnprocessableEntity, "unknown-type", detail, "type");

    internal static ProblemResult IdempotencyKeyReused() => Of(
        StatusCodes.Status422UnprocessableEntity,
        "idempotency-key-reused",
        "Idempotency-Key: stands for another request",
        "Idempotency-Key");

    internal static ProblemResult DuplicateId() =>
        Of(StatusCodes.Status409Conflict, "duplicate-id", "A job with this id exists");

    internal static ProblemResult TooLarge(long limit) => new(
        Of(
            StatusCodes.Status413PayloadTooLarge,
            "too-large",
            string.Create(CultureInfo.InvariantCulture, $"The request body is too large: it may have {limit:N0} bytes")).Body with
        {
            Limit = limit,
        });

    internal static ProblemResult UnsupportedMediaType(string detail) =>
        Of(StatusCodes.Status415UnsupportedMediaType, "unsupported-media-type", detail);

    internal static ProblemResult TooManyStreams(int limit) => new(
        Of(StatusCodes.Status429TooManyRequests, "too-many-streams", "Too many open "
            + "streams").Body with
        { Limit = limit })
    {
        RetryAfterSeconds = 5,
    };

    /// <summary>The global cap: the one limit that refuses (LA-6). Header, field and text say the same time
    /// (DA-25).</summary>
    internal static ProblemResult SystemBusy(Refusal refusal)
    {
        long minutes = Minutes(refusal.RetryAfter);
        return new(Of(
            StatusCodes.Status503ServiceUnavailable,
            "system-busy",
            $"System busy. Try again in {minutes} minutes.").Body with
        {
            Limit = refusal.Limit,
            RetryAfterMinutes = minutes,
        })
        {
            RetryAfterSeconds = minutes * 60,
        };
    }

    /// <summary>Bodies of requests fill what they may take of the memory.</summary>
    internal static ProblemResult Overloaded() =>
        Unavailable("overloaded", "Too much is being submitted at once. Try again soon.", retryAfterSeconds: 1);

    internal static ProblemResult ScheduleFull(Refusal refusal)
    {
        long minutes = Minutes(refusal.RetryAfter);
        return new(Of(StatusCodes.Status429TooManyRequests, "schedule-full", refusal.Message).Body with
        {
            Limit = refusal.Limit,
            RetryAfterMinutes = minutes,
        })
        {
            RetryAfterSeconds = minutes * 60,
        };
    }

    internal static ProblemResult Stopping() =>
        Unavailable("stopping", "The engine is stopping. Try again soon.", retryAfterSeconds: 5);

    /// <summary>Another host owns the journal. Nothing was accepted here.</summary>
    internal static ProblemResult Standby(string? owner, TimeSpan? retryAfter) => Unavailable(
        "standby",
        owner is null
            ? "This host stands by for the one that serves. Ask that one, or try again."
            : $"This host stands by. Ask {owner}, or try again.",
        Math.Max(1, (long)Math.Ceiling(retryAfter?.TotalSeconds ?? 1)),
        owner);

    /// <summary>The journal is being read. Nothing was accepted.</summary>
    internal static ProblemResult Starting() =>
        Unavailable("starting", "The engine is starting. Try again soon.", retryAfterSeconds: 1);

    /// <summary>The right to the journal has run out and was not renewed yet. Nothing was accepted.</summary>
    internal static ProblemResult OwnershipInDoubt() => Unavailable(
        "ownership-in-doubt",
        "This host may have been replaced by another. Nothing was done. Try again soon.",
        retryAfterSeconds: 1);

    /// <summary>The storage failed: nothing that was not acknowledged can be promised or denied (D5).</summary>
    internal static ProblemResult EngineStopped() => Unavailable(
        "engine-stopped",
        "The engine has stopped. What was asked may have happened or not; ask again after its restart.",
        retryAfterSeconds: 5);

    internal static ProblemResult Internal(string traceId) => new(
        Of(StatusCodes.Status500InternalServerError, "internal", "Something went wrong on our side.").Body with
        {
            TraceId = traceId,
        });

    /// <summary>A status that the server gave by itself: no such route, wrong method, body too large.</summary>
    internal static ProblemResult ForStatus(int status) => status switch
    {
        StatusCodes.Status400BadRequest => Malformed("The request cannot be read as HTTP"),
        StatusCodes.Status404NotFound => Of(status, "not-found", "Not found"),
        StatusCodes.Status405MethodNotAllowed => Of(status, "method-not-allowed", "Method not allowed"),
        StatusCodes.Status408RequestTimeout => Of(status, "request-timeout", "The request took too long to arrive"),
        StatusCodes.Status413PayloadTooLarge => Of(status, "too-large", "The request body is too large"),
        StatusCodes.Status415UnsupportedMediaType => UnsupportedMediaType("Content-Type must be application/json"),
        _ => Of(status, "http-" + status, ReasonPhrases.GetReasonPhrase(status)),
    };

    // Rounded up: whoever comes back on time must not be early.
    private static long Minutes(TimeSpan? wait) => Math.Max(1, (long)Math.Ceiling(wait?.TotalMinutes ?? 1));

    private static ProblemResult Unavailable(string type, string detail, long retryAfterSeconds, string? owner = null) =>
        new(Of(StatusCodes.Status503ServiceUnavailable, type, detail).Body with { Owner = owner })
        {
            RetryAfterSeconds = retryAfterSeconds,
        };

    private static ProblemResult Of(int status, string type, string detail, string? field = null) =>
        new(new ProblemBody("urn:engine:problem:" + type, ReasonPhrases.GetReasonPhrase(status), status, detail)
        {
            Field = field,
        });
}
