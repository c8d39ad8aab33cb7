using System.Globalization;
using Engine.Host.Authentication;
using Engine.Host.Configuration;
using Engine.RunLogs;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Engine.Host.Endpoints;

/// <summary>Submit, look, confirm, cancel. An endpoint reads, calls and translates; no rule of the engine lives
/// here.</summary>
internal static class JobEndpoints
{
    private const int MaxPage = 200;
    private const int MaxLogPage = 500;

    internal static void MapJobs(this IEndpointRouteBuilder jobs)
    {
        jobs.MapPost("/", SubmitAsync);
        jobs.MapGet("/", ListAsync);
        jobs.MapGet("/{id}", GetAsync);
        jobs.MapPost("/{id}/confirm", ConfirmAsync);
        jobs.MapPost("/{id}/cancel", CancelAsync);
        jobs.MapGet("/{id}/logs", ReadLogsAsync);
    }

    private static async Task<IResult> SubmitAsync(
        HttpContext http,
        Caller caller,
        JobEngine engine,
        HostSettings settings,
        BodyBudget bodies,
        TimeProvider time)
    {
        if (settings.Http.RequireSubscription && !caller.IsSubscribed(settings.Engine))
        {
            return new SubscriptionProblem();
        }

        using var share = bodies.Open();
        var (request, problem) = await SubmissionReader.ReadAsync(http.Request, caller, share, time, http.RequestAborted)
            .ConfigureAwait(false);
        if (problem is not null)
        {
            return problem;
        }

        // Not the request's token: from here on the job is accepted or not, whether anybody still listens (F20).
        var result = await engine.SubmitAsync(request!, CancellationToken.None).ConfigureAwait(false);
        if (result.Repeated)
        {
            http.Response.Headers["Idempotency-Replayed"] = "true";
        }

        return result.Outcome switch
        {
            SubmitOutcome.Queued => Created(http, result, "queued", $"Queued at position {result.Position}"),
            SubmitOutcome.Scheduled => Created(http, result, "scheduled", ScheduledMessage(result)),
            SubmitOutcome.Refused => Refused(result.Refusal!),
        };
    }

    // The seed's words promise tomorrow. When tomorrow is full too, the truth comes first.
    private static string ScheduledMessage(SubmitResult result)
    {
        var reset = result.Usage.DailyLimitResetsAt;
        return result.ScheduledFor is { } day && day >= reset.AddDays(1)
            ? string.Create(CultureInfo.InvariantCulture, $"Daily limit reached. Scheduled for {day:yyyy-MM-dd}.")
            : "Daily limit reached. Scheduled for tomorrow.";
    }

    private static JsonHttpResult<SubmittedBody> Created(HttpContext http, SubmitResult result, string status, string message)
    {
        string id = result.JobId.ToString();
        http.Response.Headers.Location = "/api/jobs/" + id;
        return TypedResults.Json(
            new SubmittedBody
            {
                JobId = id,
                Status = status,
                Position = result.Position,
                EstimatedWait = WaitBody.From(result.Estimate),
                Usage = UsageBody.From(result.Usage),
                Message = message,
                State = status,
                ScheduledFor = result.ScheduledFor,
            },
            Wire.Json.SubmittedBody,
            statusCode: StatusCodes.Status201Created);
    }

    private static ProblemResult Refused(Refusal refusal) => refusal.Reason switch
    {
        RefusalReason.GlobalCapReached => Problems.SystemBusy(refusal),
        RefusalReason.ScheduleFull => Problems.ScheduleFull(refusal),
        RefusalReason.IdempotencyKeyReused => Problems.IdempotencyKeyReused(),
        RefusalReason.UnknownType => Problems.UnknownType(refusal.Message),
        RefusalReason.Invalid => Problems.Invalid(WireField(refusal.Field), refusal.Message),
        RefusalReason.ProjectNotOwned => Problems.ProjectNotFound(),
        RefusalReason.DuplicateId => Problems.DuplicateId(),
        RefusalReason.Stopping => Problems.Stopping(),
    };

    private static string WireField(string? field) =>
        field is null ? "body" : System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(field);

    private static async Task<IResult> GetAsync(
        string id, Caller caller, JobEngine engine, CancellationToken cancellationToken) =>
        JobId.TryParse(id, null, out var jobId)
        && await engine.GetAsync(jobId, caller.UserId, cancellationToken).ConfigureAwait(false) is { } job
            ? TypedResults.Json(
                JobBody.From(
                    job, await UsageNowAsync([job], caller, engine, cancellationToken).ConfigureAwait(false), withResult: true),
                Wire.Json.JobBody)
            : Problems.JobNotFound();

    /// <summary>What is left of the day is a matter of the plan that the caller has now, and not of the one that a job was
    /// submitted under (seed-semantics 1.3). Asked for only where the two may differ.</summary>
    private static async ValueTask<UsageCounters?> UsageNowAsync(
        IReadOnlyList<JobView> jobs, Caller caller, JobEngine engine, CancellationToken cancellationToken) =>
        jobs.All(job => job.Tier == caller.Tier)
            ? null
            : await engine.GetUsageAsync(caller.UserId, caller.Tier, cancellationToken).ConfigureAwait(false);

    private static async Task<IResult> ListAsync(
        HttpRequest request, Caller caller, JobEngine engine, CancellationToken cancellationToken)
    {
        if (!Query.TryInteger(request, "limit", 1, MaxPage, 50, out long limit))
        {
            return Problems.Invalid("limit", $"must be a whole number from 1 to {MaxPage}");
        }

        if (!Query.TryInteger(request, "cursor", 0, long.MaxValue, null, out long? cursor))
        {
            return Problems.Invalid("cursor", "must be the next_cursor of the page before");
        }

        if (!Query.TryState(request, out var state))
        {
            string names = string.Join(", ", Query.States);
            return Problems.Invalid("state", $"must be one of {names}");
        }

        var page = await engine
            .ListAsync(
                new JobQuery { UserId = caller.UserId, State = state, Limit = (int)limit, Cursor = cursor },
                cancellationToken)
            .ConfigureAwait(false);
        var usage = await UsageNowAsync(page.Jobs, caller, engine, cancellationToken).ConfigureAwait(false);
        return TypedResults.Json(
            new JobListBody(
                [.. page.Jobs.Select(job => JobBody.From(job, usage, withResult: false))],
                page.NextCursor?.ToString(CultureInfo.InvariantCulture)),
            Wire.Json.JobListBody);
    }

    private static async Task<IResult> ConfirmAsync(string id, Caller caller, JobEngine engine)
    {
        if (!JobId.TryParse(id, null, out var jobId))
        {
            return Problems.JobNotFound();
        }

        var result = await engine.ConfirmAsync(jobId, caller.UserId, CancellationToken.None).ConfigureAwait(false);
        return result.Outcome switch
        {
            ConfirmOutcome.Confirmed => TypedResults.Json(
                new ConfirmedBody(jobId.ToString(), result.IterationsGranted, UsageBody.From(result.Job!.Usage)),
                Wire.Json.ConfirmedBody),
            ConfirmOutcome.NotFound => Problems.JobNotFound(),
            ConfirmOutcome.NotAwaiting => Problems.NotAwaitingConfirmation(),
            ConfirmOutcome.CapReached => Problems.IterationCapReached(),
        };
    }

    private static async Task<IResult> CancelAsync(
        string id, Caller caller, JobEngine engine, Cancellation cancellation, CancellationToken cancellationToken)
    {
        if (!JobId.TryParse(id, null, out var jobId))
        {
            return Problems.JobNotFound();
        }

        var result = await engine.CancelAsync(jobId, caller.UserId, CancellationToken.None).ConfigureAwait(false);
        return result.Outcome switch
        {
            CancelOutcome.Cancelled => Cancellation.Done(jobId),
            CancelOutcome.Requested =>
                await cancellation.WaitAsync(engine, jobId, caller, cancellationToken).ConfigureAwait(false),
            CancelOutcome.NotFound => Problems.JobNotFound(),
            CancelOutcome.AlreadyFinal => Problems.AlreadyTerminal(result.Job!.Status),
        };
    }

    private static async Task<IResult> ReadLogsAsync(
        string id,
        HttpRequest request,
        Caller caller,
        JobEngine engine,
        IRunLogStore logs,
        CancellationToken cancellationToken)
    {
        // Whose job it is comes before what is wrong with the question: a stranger learns nothing either way.
        if (!JobId.TryParse(id, null, out var jobId)
            || await engine.GetAsync(jobId, caller.UserId, cancellationToken).ConfigureAwait(false) is null)
        {
            return Problems.JobNotFound();
        }

        if (!Query.TryInteger(request, "limit", 1, MaxLogPage, 100, out long limit))
        {
            return Problems.Invalid("limit", $"must be a whole number from 1 to {MaxLogPage}");
        }

        if (!Query.TryInteger(request, "before_id", 0, long.MaxValue, null, out long? before))
        {
            return Problems.Invalid("before_id", "must be the id of a line");
        }

        var page = await logs.ReadAsync(jobId, before, (int)limit, cancellationToken).ConfigureAwait(false);
        LogLineBody[] lines = [.. page.Lines.Select(LogLineBody.From)];
        return TypedResults.Json(
            new LogPageBody(lines, page.HasMore, lines.Length == 0 ? null : lines[0].Id),
            Wire.Json.LogPageBody);
    }
}

/// <summary>402: who may start builds (A-H3).</summary>
internal sealed class SubscriptionProblem : IResult
{
    public Task ExecuteAsync(HttpContext httpContext) => ProblemResult.WriteAsync(
        httpContext,
        StatusCodes.Status402PaymentRequired,
        new SubscriptionProblemBody(
            "urn:engine:problem:subscription-required",
            "Payment Required",
            StatusCodes.Status402PaymentRequired,
            new SubscriptionDetail(
                "subscription_required", "Active subscription required to start builds.", "/billing")),
        Wire.Json.SubscriptionProblemBody);
}
