using System.Diagnostics;

namespace Engine.Diagnostics;

/// <summary>Every activity of the engine, under the source "Engine". Without a listener they cost a look and nothing
/// else.</summary>
internal static class EngineTracing
{
    private static readonly ActivitySource Source = new("Engine");

    /// <summary>Begins the activity of a run; null when nobody listens.</summary>
    /// <remarks>A trace of its own: a run is nobody's child, and many runs are claimed by one call.</remarks>
    internal static Activity? BeginRun(ClaimedRun run)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        Activity.Current = null;
        var activity = Source.StartActivity("job.run", ActivityKind.Consumer);
        if (activity is { IsAllDataRequested: true })
        {
            activity.DisplayName = $"job.run {run.Type}";
            activity.SetTag("engine.job.id", run.Lease.JobId.ToString());
            activity.SetTag("engine.job.type", run.Type);
            activity.SetTag("engine.job.tier", run.Tier);
            activity.SetTag("engine.run.number", run.Lease.Run);
        }

        return activity;
    }

    /// <summary>Says how a run ended.</summary>
    /// <param name="activity">The run's.</param>
    /// <param name="outcome">What was reported at last.</param>
    /// <param name="answer">What the engine said to that.</param>
    /// <param name="errorType">What kind of failure it was, if it was one: the type of an exception, or a word.</param>
    internal static void EndRun(Activity activity, RunOutcome outcome, LeaseAnswer answer, string? errorType)
    {
        var (name, error) = (answer, outcome) switch
        {
            (LeaseAnswer.LeaseLost, _) => ("lost", "lease_lost"),
            (LeaseAnswer.CancelRequested, _) => ("cancelled", null),
            (_, RunOutcome.Completed) => ("completed", null),
            (_, RunOutcome.Suspended) => ("suspended", null),
            (_, RunOutcome.Failed) => ("failed", errorType ?? "failed"),
            _ => ("stopped", null),
        };
        activity.SetTag("engine.run.outcome", name);
        if (error is not null)
        {
            // What it failed with is the owner's, and may say anything; the log has it under this id.
            string? debugId = (outcome as RunOutcome.Failed)?.DebugId;
            activity.SetTag("error.type", error);
            activity.SetTag("engine.run.debug_id", debugId);
            activity.SetStatus(ActivityStatusCode.Error, debugId is null ? null : $"debug id {debugId}");
        }
    }

    /// <summary>Says that nobody was left to tell how a run ended, or that it could not be worked on.</summary>
    internal static void BreakRun(Activity activity, Exception exception)
    {
        activity.SetTag("engine.run.outcome", exception is EngineStoppedException ? "unknown" : "failed");
        activity.SetTag("error.type", exception.GetType().FullName);
        activity.SetStatus(ActivityStatusCode.Error);
    }
}
