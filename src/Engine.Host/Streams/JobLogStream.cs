using Engine.Host.Endpoints;
using Engine.RunLogs;

namespace Engine.Host.Streams;

/// <summary>One open stream of a job's log lines.</summary>
internal sealed class JobLogStream(JobWatch watch, IRunLogStore logs, SseWriter writer, TimeProvider time)
{
    /// <summary>Writes new lines until the job is final, then what is left of the log, then the last frame.</summary>
    /// <param name="after">The last line the client has; null for those from now on.</param>
    /// <param name="heartbeat">How long silence may last.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <returns>Whether the job has ended, so that there will be no more.</returns>
    internal async Task<bool> WriteAllAsync(long? after, TimeSpan heartbeat, CancellationToken cancellationToken)
    {
        // The job is watched already, and the log is followed from here on: what is written in between is in the log.
        var jobId = watch.Snapshot.Id;
        // An id that no line has yet is from before a crash, which took the line: its successors may get the same ids.
        long newestId = await NewestIdAsync(jobId, cancellationToken).ConfigureAwait(false);
        long lastId = Math.Min(after ?? newestId, newestId);
        await writer.StartAsync(cancellationToken).ConfigureAwait(false);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var ended = WaitForEndAsync(stop.Token);
        var lines = logs.FollowAsync(jobId, lastId, stop.Token).GetAsyncEnumerator(stop.Token);
        var next = lines.MoveNextAsync().AsTask();
        try
        {
            // To the log of an ended job nobody writes any more: one look tells where it ends.
            long? newest = null;
            while (!ended.IsCompleted
                || lastId < (newest ??= await NewestIdAsync(jobId, cancellationToken).ConfigureAwait(false)))
            {
                Task either = ended.IsCompleted ? next : Task.WhenAny(next, ended);
                await Pulse
                    .WaitAsync(
                        either, heartbeat, time, () => writer.WriteHeartbeatAsync(cancellationToken), cancellationToken)
                    .ConfigureAwait(false);
                if (ended.IsCompleted && await ended.ConfigureAwait(false) is null)
                {
                    // The engine stops and the job has not ended: the client comes back with its last id.
                    return false;
                }

                if (next.IsCompleted)
                {
                    if (!await next.ConfigureAwait(false))
                    {
                        break;
                    }

                    lastId = lines.Current.Id;
                    await WriteAsync(lines.Current, cancellationToken).ConfigureAwait(false);
                    next = lines.MoveNextAsync().AsTask();
                }
            }

            if (await ended.ConfigureAwait(false) is not { } status)
            {
                return false;
            }

            await writer
                .WriteAsync(null, "done", new DoneFrame(status), Wire.Json.DoneFrame, cancellationToken)
                .ConfigureAwait(false);
            return true;
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await ((Task)ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await lines.DisposeAsync().ConfigureAwait(false);
        }
    }

    private ValueTask WriteAsync(RunLogLine line, CancellationToken cancellationToken) =>
        writer.WriteAsync(
            line.Id, "log", LogLineBody.From(line), Wire.Json.LogLineBody, cancellationToken);

    private async ValueTask<long> NewestIdAsync(JobId jobId, CancellationToken cancellationToken)
    {
        var page = await logs.ReadAsync(jobId, null, 1, cancellationToken).ConfigureAwait(false);
        return page.Lines.Count == 0 ? 0 : page.Lines[^1].Id;
    }

    /// <summary>The status in which the job ended, or null when its updates ended before it did.</summary>
    private async Task<string?> WaitForEndAsync(CancellationToken cancellationToken)
    {
        if (watch.Snapshot.State.IsFinal)
        {
            return watch.Snapshot.Status;
        }

        await foreach (var update in watch.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            if (update.State.IsFinal)
            {
                return update.Status;
            }
        }

        return null;
    }
}
