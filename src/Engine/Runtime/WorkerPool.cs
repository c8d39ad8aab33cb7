using System.Collections.Concurrent;
using System.Threading.Channels;
using Engine.Diagnostics;
using Engine.RunLogs;
using Microsoft.Extensions.Logging;

namespace Engine.Runtime;

/// <summary>Runs handlers: claims as many runs as it has room for, and works on each as a line of named steps.</summary>
/// <remarks>
/// A handler that throws, overstays its time or ignores that it should stop costs its own run and nothing else: it is
/// told to stop, given <see cref="JobEngineOptions.CancelGrace"/>, and then abandoned with a log entry. The pool keeps
/// the leases of its runs alive; one that is lost all the same (a long pause of the process) stops its handler.
/// </remarks>
internal sealed class WorkerPool : IAsyncDisposable
{
    private readonly JobEngine _engine;
    private readonly Dictionary<string, IJobHandler> _handlers;
    private readonly RunExecutor _executor;
    private readonly EngineMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<RunLease, ActiveRun> _active = new();

    // Stops that found no run, with the heartbeat they came in: the news of a run may be overtaken by that of its end.
    private readonly ConcurrentDictionary<RunLease, long> _early = new();
    private readonly Channel<bool> _freed = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private readonly TimeSpan _beat;
    private readonly int _capacity;
    private readonly ITimer _heartbeat;
    private Task _claiming = Task.CompletedTask;
    private int _count;
    private long _beats;
    private volatile bool _isClaiming;
    private volatile bool _isStopping;

    internal WorkerPool(
        JobEngine engine,
        IEnumerable<HandlerRegistration> handlers,
        IRunLogStore logs,
        ILogger<WorkerPool> logger)
    {
        _engine = engine;
        _handlers = handlers.GroupBy(handler => handler.Type, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Last().Handler, StringComparer.Ordinal);
        _time = engine.Time;
        _logger = logger;
        _metrics = engine.Metrics;
        _capacity = engine.Options.MaxConcurrentRuns;
        _executor = new RunExecutor(engine, logs, logger);
        _beat = engine.Options.LeaseDuration / 3;
        _heartbeat = _time.CreateTimer(
            static pool => _ = ((WorkerPool)pool!).HeartbeatAsync(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        engine.StopRun = Stop;
    }

    /// <summary>Handlers at work.</summary>
    internal int ActiveCount => Volatile.Read(ref _count);

    /// <summary>Stops of runs that the pool has not heard of (yet).</summary>
    internal int EarlyStops => _early.Count;

    /// <summary>Starts to claim. The engine has started.</summary>
    internal void Start()
    {
        if (_capacity > 0 && _handlers.Count > 0)
        {
            _isClaiming = true;
            _heartbeat.Change(_beat, _beat);
            _claiming = Task.Run(ClaimAsync);
        }
    }

    /// <summary>Claims nothing more and waits for the handlers at work; those that have not ended when
    /// <paramref name="cancellationToken"/> is set are told to stop, and their jobs queued again.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        _isStopping = true;
        _freed.Writer.TryWrite(true);
        await _claiming.ConfigureAwait(false);

        using var registration = cancellationToken.UnsafeRegister(static pool => ((WorkerPool)pool!).StopAll(), this);
        while (_active.FirstOrDefault().Value is { } run)
        {
            await run.Done.ConfigureAwait(false);
        }
    }

    public ValueTask DisposeAsync() => _heartbeat.DisposeAsync();

    private async Task ClaimAsync()
    {
        string[] types = [.. _handlers.Keys];
        try
        {
            while (!_isStopping)
            {
                int free = _capacity - Volatile.Read(ref _count);
                if (free <= 0)
                {
                    // One word is enough however many runs have ended: it is looked again.
                    await _freed.Reader.ReadAsync().ConfigureAwait(false);
                    continue;
                }

                var request = new ClaimRequest { Types = types, MaxRuns = Math.Min(free, 10_000) };
                var runs = await _engine.ClaimAsync(request).ConfigureAwait(false);
                foreach (var run in runs)
                {
                    Begin(run);
                }

                if (runs.Count == 0)
                {
                    return;
                }
            }
        }
        catch (EngineStoppedException)
        {
            // The engine has said why.
        }
        catch (Exception exception)
        {
            _logger.ClaimingFailed(exception);
            throw;
        }
    }

    private void Begin(ClaimedRun run)
    {
        Interlocked.Increment(ref _count);
        _metrics.RunBegan();
        var active = new ActiveRun();
        _active[run.Lease] = active;

        // Looked for after it can be found, and remembered before it is looked for again: one of the two sees the other.
        if (_early.ContainsKey(run.Lease) && _early.TryRemove(run.Lease, out _))
        {
            Stop(run.Lease);
        }

        active.Done = Task.Run(() => WorkAsync(run, active));
    }

    private async Task WorkAsync(ClaimedRun run, ActiveRun active)
    {
        try
        {
            await _executor.ExecuteAsync(run, _handlers[run.Type], active.Stop).ConfigureAwait(false);
        }
        catch (EngineStoppedException)
        {
            // Nobody is left to tell how it ended; the next start finds the run lost.
        }
        catch (Exception exception)
        {
            // Not the handler's doing: the run's log could not be opened or closed, for example.
            await FailAsync(run, exception).ConfigureAwait(false);
        }
        finally
        {
            _active.TryRemove(run.Lease, out _);
            Interlocked.Decrement(ref _count);
            _metrics.RunEnded();
            _freed.Writer.TryWrite(true);
            active.Dispose();
        }
    }

    private async Task FailAsync(ClaimedRun run, Exception exception)
    {
        try
        {
            await _executor.FailAsync(run, exception).ConfigureAwait(false);
        }
        catch (EngineStoppedException)
        {
            // The next start finds the run lost.
        }
    }

    private void Stop(RunLease lease)
    {
        // Before it claims, no run is the pool's; and nothing would forget them.
        if (!TryStop(lease) && _isClaiming)
        {
            _early[lease] = Volatile.Read(ref _beats);
            if (TryStop(lease))
            {
                _early.TryRemove(lease, out _);
            }
        }
    }

    private bool TryStop(RunLease lease)
    {
        bool isActive = _active.TryGetValue(lease, out var active);
        if (isActive)
        {
            // Off the loop's thread: what handlers registered on the token runs where it is cancelled.
            ThreadPool.UnsafeQueueUserWorkItem(static active => active.TellToStop(), active!, preferLocal: false);
        }

        return isActive;
    }

    /// <summary>Forgets stops that nobody came for: of runs that have ended, or are not the pool's.</summary>
    private void ForgetEarlyStops()
    {
        long now = Interlocked.Increment(ref _beats);
        foreach (var (lease, beat) in _early)
        {
            // One that has just come in may be of a run whose claim is still on its way.
            if (beat < now - 1)
            {
                _early.TryRemove(lease, out _);
            }
        }
    }

    private void StopAll()
    {
        foreach (var active in _active.Values)
        {
            active.TellToStop();
        }
    }

    private async Task HeartbeatAsync()
    {
        ForgetEarlyStops();
        try
        {
            var news = await _engine.HeartbeatAsync([.. _active.Keys]).ConfigureAwait(false);
            news.ForEach(item => Stop(item.Lease));
        }
        catch (EngineStoppedException)
        {
            // Nothing is left to keep alive.
        }
    }

    private sealed class ActiveRun : IDisposable
    {
        private readonly CancellationTokenSource _stop = new();

        internal Task Done { get; set; } = Task.CompletedTask;

        internal CancellationToken Stop => _stop.Token;

        internal void TellToStop()
        {
            try
            {
                _stop.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It ended in this very moment.
            }
        }

        public void Dispose() => _stop.Dispose();
    }
}
