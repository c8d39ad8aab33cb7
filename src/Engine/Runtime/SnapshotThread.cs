using System.Collections.Concurrent;
using Engine.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Engine.Runtime;

/// <summary>Drives the snapshotter: takes a snapshot whenever one is due, and a last one at a clean stop.</summary>
/// <remarks>A thread of its own, below the others where the system knows of such a thing, because no caller waits for a
/// snapshot. What it awaits comes back to it.</remarks>
internal sealed class SnapshotThread : IAsyncDisposable
{
    private readonly Snapshotter _snapshotter;
    private readonly JournalProgress _progress;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _noMore = new();
    private readonly CancellationTokenSource _atOnce = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private volatile bool _takesLast;

    internal SnapshotThread(Snapshotter snapshotter, JournalProgress progress, ILogger logger)
    {
        (_snapshotter, _progress, _logger) = (snapshotter, progress, logger);
        _thread = new Thread(Run)
        {
            IsBackground = true,
            Name = "Engine snapshots",
            Priority = ThreadPriority.BelowNormal,
        };
    }

    internal void Start() => _thread.Start();

    /// <summary>Ends after the snapshot under way, if any, and a last one if it is worth while.</summary>
    /// <param name="takesLast">Whether there may be a last one: everything appended is durable.</param>
    /// <param name="giveUp">Ends at once instead; what was saved is whole.</param>
    internal async Task StopAsync(bool takesLast, CancellationToken giveUp)
    {
        _takesLast = takesLast;
        await _noMore.CancelAsync().ConfigureAwait(false);
        var registration = giveUp.UnsafeRegister(
            static state => ((CancellationTokenSource)state!).Cancel(), _atOnce);
        await using (registration.ConfigureAwait(false))
        {
            await _ended.Task.ConfigureAwait(false);
        }
    }

    /// <summary>Ends at once. The loop has ended before.</summary>
    public async ValueTask DisposeAsync()
    {
        await _atOnce.CancelAsync().ConfigureAwait(false);
        await StopAsync(takesLast: false, CancellationToken.None).ConfigureAwait(false);
        _noMore.Dispose();
        _atOnce.Dispose();
        _progress.Dispose();
    }

    private void Run()
    {
        var context = new OneThread();
        SynchronizationContext.SetSynchronizationContext(context);
        context.RunUntilEnded(FollowAsync());
        _ended.TrySetResult();
    }

    private async Task FollowAsync()
    {
        try
        {
            while (!_noMore.IsCancellationRequested)
            {
                const ConfigureAwaitOptions Here =
                    ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext;
                await _progress.WaitAsync(_snapshotter.DueAt, _noMore.Token).ConfigureAwait(Here);
                if (!_noMore.IsCancellationRequested)
                {
                    await _snapshotter.TryTakeAsync(_atOnce.Token).ConfigureAwait(true);
                }
            }

            if (_takesLast && _snapshotter.IsDueAtStop)
            {
                await _snapshotter.TryTakeAsync(_atOnce.Token).ConfigureAwait(true);
            }
        }
        catch (Exception exception)
        {
            // A bug of its own: no snapshots any more, and the journal grows until the next start.
            _logger.SnapshotsEnded(exception);
        }
    }

    /// <summary>Brings what was awaited back to one thread.</summary>
    private sealed class OneThread : SynchronizationContext
    {
        private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> _queue = [];

        public override void Post(SendOrPostCallback d, object? state) => _queue.Add((d, state));

        public override SynchronizationContext CreateCopy() => this;

        internal void RunUntilEnded(Task task)
        {
            task.ContinueWith(
                static (_, queue) =>
                    ((BlockingCollection<(SendOrPostCallback, object?)>)queue!).CompleteAdding(),
                _queue,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            foreach (var (callback, state) in _queue.GetConsumingEnumerable())
            {
                callback(state);
            }
        }
    }
}
