using Engine.Host.Authentication;
using Engine.Host.Configuration;

namespace Engine.Host.Endpoints;

/// <summary>Waits a little for running work to stop, so that most callers get a plain yes.</summary>
internal sealed class Cancellation(HostSettings settings, TimeProvider time)
{
    internal static IResult Done(JobId jobId) => TypedResults.Json(
        new CancelledBody(jobId.ToString(), "cancelled", "Build cancelled"), Wire.Json.CancelledBody);

    /// <summary>Answers 200 when the job has been cancelled, 202 when that takes longer than the configured
    /// wait.</summary>
    internal async Task<IResult> WaitAsync(
        JobEngine engine, JobId jobId, Caller caller, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(settings.Http.CancelWait, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            using var watch = await engine.WatchAsync(jobId, caller.UserId, null, either.Token).ConfigureAwait(false);
            if (watch is null || watch.Snapshot.State.IsFinal)
            {
                return Done(jobId);
            }

            await foreach (var update in watch.ReadAllAsync(either.Token).ConfigureAwait(false))
            {
                if (update.State.IsFinal)
                {
                    return Done(jobId);
                }
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            // The work takes its time to stop; it is cancelled all the same.
        }

        return TypedResults.Json(
            new CancelledBody(jobId.ToString(), "cancelling", "Cancellation requested"),
            Wire.Json.CancelledBody,
            statusCode: StatusCodes.Status202Accepted);
    }
}
