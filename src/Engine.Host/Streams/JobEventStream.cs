using Engine.Host.Endpoints;

namespace Engine.Host.Streams;

/// <summary>One open stream of a job's events.</summary>
/// <param name="watch">What happens to the job.</param>
/// <param name="writer">Where to.</param>
/// <param name="time">Whose seconds count.</param>
/// <param name="typed">Whether every frame is an event: <c>/events/stream</c>. Otherwise the first one is the plain
/// snapshot and heartbeats are comments: <c>/stream</c>.</param>
internal sealed class JobEventStream(JobWatch watch, SseWriter writer, TimeProvider time, bool typed)
{
    /// <summary>Writes until the job is final, the engine stops, or the token is set.</summary>
    /// <param name="resumed">The client knows the snapshot and wants what came after: events only.</param>
    /// <param name="heartbeat">How long silence may last.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <returns>Whether everything there is to say of the job was said.</returns>
    internal async Task<bool> WriteAllAsync(bool resumed, TimeSpan heartbeat, CancellationToken cancellationToken)
    {
        await writer.StartAsync(cancellationToken).ConfigureAwait(false);
        if (!resumed)
        {
            await WriteSnapshotAsync(watch.Snapshot, cancellationToken).ConfigureAwait(false);
        }

        // Of a job that has ended there are no updates, and this is over at once.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var updates = watch.ReadAllAsync(stop.Token).GetAsyncEnumerator(stop.Token);
        Task<bool>? next = null;
        bool final = false;
        try
        {
            while (!final)
            {
                next = updates.MoveNextAsync().AsTask();
                await Pulse.WaitAsync(next, heartbeat, time, () => BeatAsync(cancellationToken), cancellationToken)
                    .ConfigureAwait(false);
                if (!await next.ConfigureAwait(false))
                {
                    break;
                }

                await WriteAsync(updates.Current, cancellationToken).ConfigureAwait(false);
                final = updates.Current.State.IsFinal;
            }
        }
        finally
        {
            // An enumerator may not be disposed while it is being moved.
            await stop.CancelAsync().ConfigureAwait(false);
            if (next is not null)
            {
                await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await updates.DisposeAsync().ConfigureAwait(false);
        }

        // Nothing was replayed and the job has ended all the same: say so rather than close without a word.
        if (!writer.HasWritten && watch.Snapshot.State.IsFinal)
        {
            await WriteSnapshotAsync(watch.Snapshot, cancellationToken).ConfigureAwait(false);
        }

        return final || watch.Snapshot.State.IsFinal;
    }

    private ValueTask BeatAsync(CancellationToken cancellationToken) => typed
        ? writer.WriteHeartbeatAsync(cancellationToken)
        : writer.WriteCommentAsync("heartbeat", cancellationToken);

    private ValueTask WriteAsync(JobUpdate update, CancellationToken cancellationToken) =>
        update.Kind == JobUpdateKind.Resync && !typed
            ? writer.WriteAsync(
                update.EventId,
                null,
                new SnapshotFrame(update.JobId.ToString(), update.Status, update.Message, update.State.WireName, 0),
                Wire.Json.SnapshotFrame,
                cancellationToken)
            : writer.WriteAsync(
                update.EventId, null, UpdateFrame.From(update), Wire.Json.UpdateFrame, cancellationToken);

    private ValueTask WriteSnapshotAsync(JobView job, CancellationToken cancellationToken) => typed
        ? writer.WriteAsync(
            job.LastEventId,
            null,
            UpdateFrame.From(job, time.GetUtcNow()),
            Wire.Json.UpdateFrame,
            cancellationToken)
        : writer.WriteAsync(
            job.LastEventId,
            null,
            new SnapshotFrame(job.Id.ToString(), job.Status, job.Message, job.State.WireName, job.Position),
            Wire.Json.SnapshotFrame,
            cancellationToken);
}
