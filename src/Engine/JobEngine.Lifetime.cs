using Engine.Core;
using Engine.Core.Imaging;
using Engine.Diagnostics;
using Engine.Runtime;
using Engine.Storage;

namespace Engine;

/// <summary>How an engine comes up, goes down, and ends when it must.</summary>
public sealed partial class JobEngine
{
    /// <summary>Acquires the journal, replays it, ends the runs that lost their worker, and starts to decide.</summary>
    /// <exception cref="JournalLockedException">Another process owns the journal; nothing was changed, and this may be
    /// called again.</exception>
    /// <exception cref="JournalException">The journal is damaged; nothing was changed.</exception>
    /// <exception cref="InvalidOperationException">The engine was started before.</exception>
    public async ValueTask StartAsync(CancellationToken cancellationToken = default)
    {
        if (_loop is not null)
        {
            throw new InvalidOperationException("The engine was started before.");
        }

        long started = _time.GetTimestamp();
        var writer = new BatchWriter();
        var settings = EngineSettings.From(_options);
        var core = new EngineCore(settings, _estimator, writer, tableSeed: TableSeed.New());
        var ownership = await _journal.AcquireAsync(cancellationToken).ConfigureAwait(false);
        Acquired?.Invoke();
        var found = await Runtime.Recovery.ReplayAsync(core, _journal, ownership, cancellationToken)
            .ConfigureAwait(false);
        Forgotten(writer.Batch.Forgotten);
        long events = core.State.LastEventId;

        var feed = new LiveFeed();
        feed.StartAfter(core.State.LastEventId);
        var context = new LoopContext(core, feed);
        bool takesSnapshots = _options.SnapshotJournalBytes > 0 && _journal.Durability != Durability.Memory;
        var progress = takesSnapshots ? new JournalProgress(ownership.LastSequence) : null;
        var loop = new CommandLoop(core, writer, context, _inbox, _journal, ownership, _time, Metrics, _logger)
        {
            StopRun = StopRun,
            Forget = Forget,
            Progress = progress,
            Clock = _clock,
            Delay = _delay,
        };
        _loop = new LoopThread(loop, _inbox, _time, OnEnded);
        _loop.Start();
        if (_journal is ILeasedJournal leased)
        {
            _ = LeaseWatch.FailWhenLostAsync(leased, this);
        }

        // Answered when the first batch, which ends the lost runs, is durable.
        Recovery = await AskAsync(
            asked => found.ToReport(events, _time.GetElapsedTime(started), asked), cancellationToken)
            .ConfigureAwait(false);
        _logger.Recovered(
            Recovery, found.Events, found.Frames, found.SnapshotSequence, Recovery.LiveJobs, Recovery.EndedJobs);
        if (progress is not null)
        {
            int bytes = _options.SnapshotJournalBytes;
            var snapshotter = new Snapshotter(
                _journal,
                ownership.Epoch,
                settings,
                token => ImageAsync(loop, token),
                progress,
                found,
                bytes,
                _time,
                Metrics,
                _logger)
            {
                GrowthPerByte = _options.SnapshotGrowth,
            };
            _snapshots = new SnapshotThread(snapshotter, progress, _logger);
            _snapshots.Start();
        }

        Interlocked.CompareExchange(ref _health, (int)EngineHealth.Running, (int)EngineHealth.Starting);
        _logger.Started(ownership.Epoch, _journal.Durability);
    }

    /// <summary>Refuses new work and stops. Runs still open are found lost, and queued again, at the next start; a worker
    /// pool added with <c>AddEngine</c> lets its handlers end first.</summary>
    /// <remarks>A last snapshot is taken when it would spare the next start much; the token gives that up, too.</remarks>
    public ValueTask StopAsync(CancellationToken cancellationToken = default) =>
        StopAsync(cancellationToken, cancellationToken);

    /// <summary>Stops; with two tokens to give up, one for the loop and one for the last snapshot.</summary>
    internal async ValueTask StopAsync(CancellationToken cancellationToken, CancellationToken giveUpSnapshot)
    {
        if (_loop is null)
        {
            return;
        }

        if (!_stopped.Task.IsCompleted)
        {
            await DrainAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                await AskAsync(static loop => loop.IsEnding = true, CancellationToken.None).ConfigureAwait(false);
            }
            catch (EngineStoppedException)
            {
                // It stopped by itself meanwhile; the task below says why.
            }
        }

        await _stopped.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (_snapshots is not null)
        {
            await _snapshots.StopAsync(takesLast: true, giveUpSnapshot).ConfigureAwait(false);
        }
    }

    /// <summary>Refuses new work and hands none out; what runs may still end.</summary>
    internal async ValueTask DrainAsync(CancellationToken cancellationToken)
    {
        Interlocked.CompareExchange(ref _health, (int)EngineHealth.Stopping, (int)EngineHealth.Running);
        try
        {
            await AskAsync(static loop => loop.IsStopping = true, cancellationToken).ConfigureAwait(false);
        }
        catch (EngineStoppedException)
        {
            // Nothing is handed out any more either way.
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_loop is not null && !_stopped.Task.IsCompleted)
            {
                await StopAsync().ConfigureAwait(false);
            }
        }
        catch (Exception) when (_stopped.Task.IsFaulted)
        {
            // It failed while it was stopping, and has told everybody who waits for it.
        }
        finally
        {
            // Whatever became of it: what others wait for is given back.
            if (Interlocked.Exchange(ref _snapshots, null) is { } snapshots)
            {
                await snapshots.DisposeAsync().ConfigureAwait(false);
            }

            await _journal.DisposeAsync().ConfigureAwait(false);
            Metrics.Dispose();
        }
    }

    // What it awaits comes back to the caller: an image is put together there, not on the loop.
    private async ValueTask<StateImage> ImageAsync(CommandLoop loop, CancellationToken cancellationToken)
    {
        if (_stopped.Task.IsCompleted)
        {
            return loop.ImageAtEnd();
        }

        var taken = await SendAsync(new ImageOperation(), cancellationToken).ConfigureAwait(true);
        return taken.ToImage();
    }

    private void Forgotten(List<JobId> ids)
    {
        Forget?.Invoke(ids);
        ids.Clear();
    }

    private void OnEnded(Exception? failure)
    {
        Volatile.Write(ref _health, (int)(failure is null ? EngineHealth.Stopped : EngineHealth.Failed));
        if (failure is null)
        {
            _logger.Stopped();
            _stopped.TrySetResult();
        }
        else
        {
            _stopped.TrySetException(failure);
        }
    }
}
