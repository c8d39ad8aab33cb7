using Engine.Storage.Faster.Platform;

namespace Engine.Storage.Faster.Log;

/// <summary>Keeps one segment more than the log needs ready, so that a full disk shows before an append depends on
/// it.</summary>
/// <remarks><see cref="EnsureReady"/> is called by the committer only; the making of the next segment runs beside
/// it.</remarks>
internal sealed class SegmentPreparer
{
    private readonly SegmentFiles _segments;
    private readonly FailureLatch _latch;
    private readonly Action<long> _create;
    private readonly Action<string>? _warn;
    private readonly JournalRuntime _runtime;
    private ISideWork? _running;
    private bool _made;
    private long _end;
    private long _failedFor = -1;

    /// <param name="segments">Where segments are made.</param>
    /// <param name="end">The first segment that does not exist.</param>
    /// <param name="latch">Tripped by any error but a full disk.</param>
    /// <param name="runtime">Where segments are made ahead.</param>
    /// <param name="record">Makes it known that segments below its argument exist; durable when it returns.</param>
    /// <param name="reached">Named points for tests.</param>
    /// <param name="warn">Told when the disk is full and there is still room in the segments at hand.</param>
    internal SegmentPreparer(
        SegmentFiles segments,
        long end,
        FailureLatch latch,
        JournalRuntime runtime,
        Action<long> record,
        Action<JournalPoint>? reached,
        Action<string>? warn)
    {
        _segments = segments;
        _latch = latch;
        _runtime = runtime;
        _end = end;
        _warn = warn;
        _create = segment =>
        {
            segments.Create(segment);
            reached?.Invoke(JournalPoint.SegmentCreated);
            record(segment + 1);
        };
    }

    /// <summary>Returns when segments up to <paramref name="segment"/> can be written to.</summary>
    /// <exception cref="IOException">One cannot be made; with ENOSPC the message says how much room it
    /// needs.</exception>
    internal void EnsureReady(long segment)
    {
        while (_end <= segment)
        {
            if (!Await())
            {
                _create(_end);
                _end++;
            }
        }

        if (_end == segment + 1 && _running is null && _failedFor != segment)
        {
            long next = _end;
            _made = false;
            _running = _runtime.Start(() => MakeAhead(next));
        }
        else if (_running is { IsCompleted: true })
        {
            _failedFor = Await() ? -1 : segment;
        }
    }

    /// <summary>Returns when nothing is being made any more.</summary>
    internal void Finish() => Await();

    /// <summary>Waits for the segment that is being made; whether there is one more now.</summary>
    private bool Await()
    {
        if (_running is not { } running)
        {
            return false;
        }

        running.Wait();
        _running = null;
        if (_made)
        {
            _end++;
            return true;
        }

        return false;
    }

    private void MakeAhead(long segment)
    {
        try
        {
            _create(segment);
            _made = true;
        }
        catch (IOException error) when (error.InnerException is IOException cause && FileSystemCalls.IsNoSpace(cause))
        {
            // Not final yet: nothing was promised with this segment, and there may be room when it is needed.
            _warn?.Invoke(error.Message);
        }
        catch (Exception error)
        {
            // Nothing may escape from a thread of its own; the latch is how the next append hears of it.
            _latch.Trip($"making a segment ahead in {_segments.Directory} failed: {error.Message}");
        }
    }
}
