using Engine.Host.Authentication;
using Engine.Host.Streams;
using Engine.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Engine.Host.Endpoints;

/// <summary>Every route of the host.</summary>
internal static class HostEndpoints
{
    // Clocks that are kept right step back by less.
    private static readonly TimeSpan ClockLeadTold = TimeSpan.FromMinutes(1);

    // Disks that work take less.
    private static readonly TimeSpan JournalDelayTolerated = TimeSpan.FromSeconds(10);

    // Load balancers ask in either way.
    private static readonly string[] Probes = [HttpMethods.Get, HttpMethods.Head];

    internal static void MapHost(this IEndpointRouteBuilder routes)
    {
        var jobs = routes.MapGroup("/api/jobs");
        jobs.MapJobs();
        jobs.MapJobStreams();
        routes.MapGet("/api/queue", GetQueueAsync);
        routes.MapGet("/api/usage", GetUsageAsync);
        routes.MapMethods("/health/live", Probes, () => Healthy("live")).AllowAnonymous();
        routes.MapMethods("/health/ready", Probes, GetReadiness).AllowAnonymous();
    }

    private static async Task<IResult> GetQueueAsync(JobEngine engine, CancellationToken cancellationToken) =>
        TypedResults.Json(
            QueueBody.From(await engine.GetQueueAsync(cancellationToken).ConfigureAwait(false)),
            Wire.Json.QueueBody);

    private static async Task<IResult> GetUsageAsync(
        Caller caller, JobEngine engine, CancellationToken cancellationToken)
    {
        var usage = await engine.GetUsageAsync(caller.UserId, caller.Tier, cancellationToken).ConfigureAwait(false);
        return TypedResults.Json(
            new UsageAnswer(caller.Tier, UsageBody.From(usage)), Wire.Json.UsageAnswer);
    }

    private static JsonHttpResult<HealthBody> GetReadiness(HostedEngine hosted, JobEngine engine) =>
        hosted.State switch
        {
            HostedEngineState.Starting or HostedEngineState.TakingOver => Unhealthy("starting"),
            HostedEngineState.StandingBy => Unhealthy("standby", hosted.Owner),
            HostedEngineState.Serving => ReadinessOf(engine),
            HostedEngineState.Failed => Unhealthy("failed"),
        };

    private static JsonHttpResult<HealthBody> ReadinessOf(JobEngine engine) => engine.Health switch
    {
        EngineHealth.Running when !engine.HoldsJournal => Unhealthy("ownership_in_doubt"),
        EngineHealth.Running when engine.JournalDelay > JournalDelayTolerated => Unhealthy("journal_delayed"),
        EngineHealth.Running => Healthy("ready", engine.ClockLead),
        EngineHealth.Starting => Unhealthy("starting"),
        EngineHealth.Stopping => Unhealthy("stopping"),
        EngineHealth.Stopped => Unhealthy("stopped"),
        EngineHealth.Failed => Unhealthy("failed"),
    };

    private static JsonHttpResult<HealthBody> Healthy(string status, TimeSpan clockLead = default) => TypedResults.Json(
        new HealthBody(status) { ClockLeadSeconds = clockLead > ClockLeadTold ? (long)clockLead.TotalSeconds : null },
        Wire.Json.HealthBody);

    private static JsonHttpResult<HealthBody> Unhealthy(string status, string? owner = null) => TypedResults.Json(
        new HealthBody(status) { Owner = owner }, Wire.Json.HealthBody, statusCode: StatusCodes.Status503ServiceUnavailable);
}
