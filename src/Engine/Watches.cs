using System.Runtime.CompilerServices;
using Engine.Runtime;

namespace Engine;

/// <summary>A running watch of one job.</summary>
public sealed class JobWatch : IDisposable
{
    private readonly JobEngine _engine;
    private readonly Watcher _watcher;
    private readonly bool _mustResync;

    internal JobWatch(JobEngine engine, Watcher watcher, JobView snapshot, bool mustResync)
    {
        (_engine, _watcher, Snapshot, _mustResync) = (engine, watcher, snapshot, mustResync);
    }

    /// <summary>The job as it was when watching began: updates with a higher event id follow.</summary>
    public JobView Snapshot { get; }

    /// <summary>What happens to the job, until it is final, the engine stops, or the watch is disposed. Bounded: a reader
    /// that falls too far behind gets a <see cref="JobUpdateKind.Resync"/> in place of what it missed (F21), unless the
    /// engine stops first.</summary>
    public async IAsyncEnumerable<JobUpdate> ReadAllAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        long known = 0;
        if (_mustResync)
        {
            yield return Resync(Snapshot);
            known = Snapshot.LastEventId;
        }

        bool isFinal = _mustResync && Snapshot.State.IsFinal;
        while (!isFinal && await _watcher.Channel.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            while (!isFinal && _watcher.Channel.Reader.TryRead(out var update))
            {
                if (update.EventId > known)
                {
                    isFinal = update.State.IsFinal;
                    known = update.EventId;
                    yield return update;
                }
            }

            if (!isFinal && _watcher.TakeLagged()
                && await LookAsync(cancellationToken).ConfigureAwait(false) is { } view && view.LastEventId > known)
            {
                isFinal = view.State.IsFinal;
                known = view.LastEventId;
                yield return Resync(view);
            }
        }

        // The end itself may be among what was lost.
        if (!isFinal && _watcher.TakeLagged() && await LookAsync(cancellationToken).ConfigureAwait(false) is { } last)
        {
            yield return Resync(last);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _engine.Unwatch(_watcher);

    private async ValueTask<JobView?> LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _engine.GetAsync(_watcher.JobId, null, cancellationToken).ConfigureAwait(false);
        }
        catch (EngineStoppedException)
        {
            // The watch ends with the engine, however far behind its reader is.
            return null;
        }
    }

    private static JobUpdate Resync(JobView view) => new(
        view.LastEventId,
        view.Id,
        JobUpdateKind.Resync,
        view.State,
        view.Status,
        view.StatusLabel,
        view.Message,
        view.FinishedAt ?? view.StartedAt ?? view.SubmittedAt,
        0);
}

/// <summary>A running watch of all jobs.</summary>
public sealed class UpdateFeed : IDisposable
{
    private readonly JobEngine _engine;
    private readonly Watcher _watcher;

    internal UpdateFeed(JobEngine engine, Watcher watcher) => (_engine, _watcher) = (engine, watcher);

    /// <summary>What happens, until disposed or the engine stops. Bounded: a reader that falls too far behind gets a
    /// <see cref="JobUpdateKind.Resync"/> without a job, and asks for what it needs.</summary>
    public async IAsyncEnumerable<JobUpdate> ReadAllAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        long known = 0;
        while (await _watcher.Channel.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            while (_watcher.Channel.Reader.TryRead(out var update))
            {
                known = update.EventId;
                yield return update;
            }

            if (_watcher.TakeLagged())
            {
                yield return new JobUpdate(known, default, JobUpdateKind.Resync, JobState.None, "", "", "", default, 0);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _engine.Unwatch(_watcher);
}

/// <summary>Ends watches.</summary>
internal static class Unwatching
{
    /// <summary>Takes a watcher out. Nobody waits for this; after the engine's end there is nothing left to take
    /// out.</summary>
    internal static void Unwatch(this JobEngine engine, Watcher watcher) => _ = RemoveAsync(engine, watcher);

    private static async Task RemoveAsync(JobEngine engine, Watcher watcher)
    {
        try
        {
            await engine.AskAsync(
                loop =>
                {
                    loop.Feed.Remove(watcher);
                    return true;
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (EngineStoppedException)
        {
            // The watch ended with the engine.
        }
    }
}
