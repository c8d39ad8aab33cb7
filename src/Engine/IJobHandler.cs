namespace Engine;

/// <summary>Does the work of one job type. Registered with <c>AddHandler</c>; one instance serves many runs at once.</summary>
public interface IJobHandler
{
    /// <summary>Works on one run and says how it ended.</summary>
    /// <param name="context">The run: payload, stages, progress, log, iterations.</param>
    /// <param name="cancellationToken">Set when the job is cancelled, the run's time is up, or the engine stops for good.
    /// A handler that goes on regardless is abandoned after <see cref="JobEngineOptions.CancelGrace"/>.</param>
    /// <remarks>An exception fails the run: its message is shortened and redacted for the owner, and logged in full
    /// under the run's debug id.</remarks>
    Task<JobOutcome> RunAsync(JobContext context, CancellationToken cancellationToken);
}
