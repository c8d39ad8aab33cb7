using Engine.Hosting;

namespace Engine.Host.Endpoints;

/// <summary>Keeps every request but those for the host's health out of an engine that does not serve: while another host
/// owns the journal, while it is being taken over, and while it may have been taken over by another.</summary>
/// <remarks>Before anything else is done with a request, so that nothing of it is accepted: it can be sent again,
/// elsewhere. A request that came while the engine's right lasted is answered as of that moment.</remarks>
internal sealed class ServingGate(RequestDelegate next, HostedEngine hosted, JobEngine engine)
{
    public Task InvokeAsync(HttpContext http)
    {
        if (http.Request.Path.StartsWithSegments("/health", StringComparison.OrdinalIgnoreCase))
        {
            return next(http);
        }

        // Owner and time limit are read after the state: a take-over in between leaves them empty, and says nothing wrong.
        return hosted.State switch
        {
            HostedEngineState.Serving when engine.HoldsJournal || engine.Health != EngineHealth.Running => next(http),
            HostedEngineState.Serving => Problems.OwnershipInDoubt().ExecuteAsync(http),
            HostedEngineState.StandingBy => Problems.Standby(hosted.Owner, hosted.RetryAfter).ExecuteAsync(http),
            HostedEngineState.Starting or HostedEngineState.TakingOver => Problems.Starting().ExecuteAsync(http),

            // The host ends; nothing was accepted.
            HostedEngineState.Failed => Problems.Stopping().ExecuteAsync(http),
        };
    }
}
