using System.Diagnostics;
using Engine.Tests.Load.Targets;

namespace Engine.Tests.Load.Checks;

/// <summary>Looks at an engine all the while it is under load: reads its journal on, asks for its queue, and measures
/// its memory.</summary>
internal sealed class Observer : IAsyncDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);

    /// <summary>Reading takes time from the engine's processors: at most one part in so many.</summary>
    private const int ReadingShare = 5;

    private readonly Target _target;
    private readonly JournalReader? _reader;
    private readonly JournalAudit _audit;
    private readonly Findings _findings;
    private readonly CancellationTokenSource _stop = new();
    private TaskCompletionSource<bool>? _idle;
    private Task _watching = Task.CompletedTask;
    private bool _isDisposed;

    private readonly int _readingShare;
    private readonly TimeSpan _patience;
    private readonly Func<bool> _mayEnd;

    /// <param name="target">Whom to look at.</param>
    /// <param name="reader">Reads its journal, if it has one.</param>
    /// <param name="mustKeepUp">Whether frames may be cut off before they are read: it reads all the time then.</param>
    /// <param name="audit">Told what is in its journal.</param>
    /// <param name="findings">Told what is wrong.</param>
    /// <param name="patience">For so long nothing may happen while work waits: a guard, and no figure.</param>
    /// <param name="mayEnd">Whether somebody ends it.</param>
    internal Observer(
        Target target,
        JournalReader? reader,
        bool mustKeepUp,
        JournalAudit audit,
        Findings findings,
        TimeSpan patience,
        Func<bool> mayEnd)
    {
        (_target, _reader, _readingShare) = (target, reader, mustKeepUp ? 0 : ReadingShare);
        (_audit, _findings, _patience, _mayEnd) = (audit, findings, patience, mayEnd);
    }

    /// <summary>How often it looked.</summary>
    internal long Looks { get; private set; }

    internal long MemoryPeak { get; private set; }

    /// <summary>Begins; once for each life of the engine.</summary>
    internal void Start() => _watching = Task.Run(WatchAsync);

    /// <summary>Completes when nothing waits for a worker any more and none is at work, or when the engine is gone:
    /// false then.</summary>
    /// <exception cref="TimeoutException">Work waits, and nothing happens.</exception>
    internal async Task<bool> UntilIdleAsync()
    {
        var asked = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _idle, asked);
        if (await Task.WhenAny(asked.Task, _watching) != asked.Task)
        {
            await _watching;
            return false;
        }

        return await asked.Task ? true : throw new TimeoutException($"Nothing has happened for {_patience}.");
    }

    /// <summary>Looks no more; may be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            await _stop.CancelAsync();
            await _watching;
            _stop.Dispose();
        }
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(Pace);
        long readAt = Stopwatch.GetTimestamp();
        var pause = TimeSpan.Zero;
        var (movedAt, moved) = (readAt, default((QueueLook, long)));
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                // Only who asked before this look learns from it: what was accepted since may have come after it.
                var asked = Volatile.Read(ref _idle);
                MemoryPeak = Math.Max(MemoryPeak, _target.MemoryBytes);
                var queue = await _target.QueueAsync();
                _findings.Unless(
                    queue.Queued <= queue.Cap, "A1", $"{queue.Queued} jobs are queued, {queue.Cap} may be");
                Looks++;
                if (moved != (queue, _audit.Events))
                {
                    (movedAt, moved) = (Stopwatch.GetTimestamp(), (queue, _audit.Events));
                }

                bool isIdle = queue.Queued == 0 && queue.Running == 0;
                if (Stopwatch.GetElapsedTime(readAt) >= pause || (isIdle && asked is not null))
                {
                    long began = Stopwatch.GetTimestamp();
                    await (_reader?.ReadOnAsync() ?? Task.CompletedTask);
                    readAt = Stopwatch.GetTimestamp();
                    pause = _readingShare * Stopwatch.GetElapsedTime(began, readAt);
                    isIdle &= _reader is null || _audit.IsIdle;
                }
                else
                {
                    isIdle = false;
                }

                bool isStuck = !isIdle && Stopwatch.GetElapsedTime(movedAt) > _patience;
                if (asked is not null && (isIdle || isStuck))
                {
                    Interlocked.CompareExchange(ref _idle, null, asked);
                    asked.SetResult(isIdle);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
        catch (NoAnswerException gone)
        {
            // Whoever ended it reads the rest.
            _findings.Unless(_mayEnd() || _stop.IsCancellationRequested, "V1", $"the engine is gone: {gone.Message}");
        }
    }
}
