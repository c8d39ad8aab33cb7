using System.Globalization;
using Engine.Host.Authentication;
using Engine.Host.Endpoints;
using Engine.RunLogs;

namespace Engine.Host.Streams;

/// <summary>The event streams of one job. Each watches first and shows the snapshot afterwards, so that nothing falls
/// between; each ends when the job has (DA-24), when the client goes, or when the host stops.</summary>
internal static class JobStreams
{
    private static readonly TimeSpan EventHeartbeat = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LogHeartbeat = TimeSpan.FromSeconds(20);

    internal static void MapJobStreams(this IEndpointRouteBuilder jobs)
    {
        jobs.MapGet("/{id}/stream", (
            string id, Caller caller, HttpContext http, JobEngine engine, StreamServices services) =>
            OpenEventsAsync(id, caller, http, engine, services, typed: false));
        jobs.MapGet("/{id}/events/stream", (
            string id, Caller caller, HttpContext http, JobEngine engine, StreamServices services) =>
            OpenEventsAsync(id, caller, http, engine, services, typed: true));
        jobs.MapGet("/{id}/logs/stream", OpenLogsAsync);
    }

    private static Task<IResult> OpenEventsAsync(
        string id, Caller caller, HttpContext http, JobEngine engine, StreamServices services, bool typed) =>
        OpenAsync(id, caller, http, engine, services, resumes: true, (watch, after, ends) =>
            new JobEventStream(watch, new SseWriter(http.Response), services.Time, typed)
                .WriteAllAsync(resumed: after is not null, EventHeartbeat, ends));

    private static Task<IResult> OpenLogsAsync(
        string id, Caller caller, HttpContext http, JobEngine engine, IRunLogStore logs, StreamServices services) =>
        OpenAsync(id, caller, http, engine, services, resumes: false, (watch, after, ends) =>
            new JobLogStream(watch, logs, new SseWriter(http.Response), services.Time)
                .WriteAllAsync(after, LogHeartbeat, ends));

    /// <param name="id">The job's id as it was sent.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="http">The request.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="services">What every stream needs.</param>
    /// <param name="resumes">Whether the ids of the stream are those of the job's events, so that the watch resumes with
    /// them.</param>
    /// <param name="writeAsync">Writes the stream, from what the client has seen on; answers whether all there is to say
    /// was said.</param>
    private static async Task<IResult> OpenAsync(
        string id,
        Caller caller,
        HttpContext http,
        JobEngine engine,
        StreamServices services,
        bool resumes,
        Func<JobWatch, long?, CancellationToken, Task<bool>> writeAsync)
    {
        if (!TryReadLastEventId(http.Request, out long? after))
        {
            return Problems.Malformed("Last-Event-ID: must be a whole number, as an id of this stream");
        }

        using var place = services.Limiter.TryOpen(caller.UserId);
        if (place is null)
        {
            return Problems.TooManyStreams(services.Limiter.Limit);
        }

        using var ends = services.EndsWith(http.RequestAborted);
        JobWatch? opened;
        try
        {
            opened = JobId.TryParse(id, null, out var jobId)
                ? await engine.WatchAsync(jobId, caller.UserId, resumes ? after : null, ends.Token).ConfigureAwait(false)
                : null;
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            return engine.Stopped.IsFaulted ? Problems.EngineStopped() : Problems.Stopping();
        }

        using var watch = opened;
        if (watch is null)
        {
            return Problems.JobNotFound();
        }

        // A browser reconnects for ever when a stream ends. 204 is how it is told that there will be no more.
        if (resumes && after >= watch.Snapshot.LastEventId && watch.Snapshot.State.IsFinal)
        {
            return TypedResults.NoContent();
        }

        bool failed;
        try
        {
            bool complete = await writeAsync(watch, after, ends.Token).ConfigureAwait(false);
            failed = !complete && await FailsAsync(engine, http.RequestAborted).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            // The client has gone or the host stops, perhaps because its engine has failed.
            failed = engine.Stopped.IsFaulted;
        }
        catch (EngineStoppedException) when (http.Response.HasStarted)
        {
            failed = await FailsAsync(engine, http.RequestAborted).ConfigureAwait(false);
        }

        if (failed && !http.RequestAborted.IsCancellationRequested)
        {
            // What the client saw last was true; what became of the rest nobody knows (D5).
            await new SseWriter(http.Response).WriteStoppedAsync(http.RequestAborted).ConfigureAwait(false);
        }

        return TypedResults.Empty;
    }

    // Updates end an instant before the engine says why.
    private static async Task<bool> FailsAsync(JobEngine engine, CancellationToken aborted)
    {
        await engine.Stopped.WaitAsync(aborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return engine.Stopped.IsFaulted;
    }

    private static bool TryReadLastEventId(HttpRequest request, out long? after)
    {
        after = null;
        var header = request.Headers["Last-Event-ID"];
        if (header.Count == 0 || (header.Count == 1 && header[0]!.Length == 0))
        {
            return true;
        }

        bool ok = long.TryParse(header.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out long value);
        after = value;
        return ok;
    }
}

/// <summary>What every stream needs.</summary>
internal sealed class StreamServices(StreamLimiter limiter, TimeProvider time, IHostApplicationLifetime lifetime)
{
    internal StreamLimiter Limiter { get; } = limiter;

    internal TimeProvider Time { get; } = time;

    /// <summary>Set when the client goes or the host begins to stop: an open stream must not hold up a stop.</summary>
    internal CancellationTokenSource EndsWith(CancellationToken aborted) =>
        CancellationTokenSource.CreateLinkedTokenSource(aborted, lifetime.ApplicationStopping);
}
