using Engine.Core;
using Engine.Core.Imaging;
using Engine.Core.Rules;
using Engine.Diagnostics;
using Engine.Storage;
using Microsoft.Extensions.Logging;

namespace Engine.Runtime;

/// <summary>The single writer: takes operations in, decides, and gives answers out once they are durable.</summary>
/// <remarks>
/// A step machine, so that a thread and a simulator can drive the same code. Everything it owns (the core, the batches,
/// the watchers) is touched by whoever calls <see cref="Step"/>, and by nobody else. Commits are pipelined: while the
/// journal makes one batch durable the loop decides the next, up to <see cref="MaxBatchesInFlight"/>; answers leave in
/// the order of the batches. After the first doubt nothing is answered any more (D5).
/// </remarks>
internal sealed partial class CommandLoop
{
    private const int MaxOperationsPerBatch = 1024;
    internal const int MaxBatchesInFlight = 8;

    private readonly EngineCore _core;
    private readonly BatchWriter _writer;
    private readonly LoopContext _context;
    private readonly Inbox _inbox;
    private readonly Lookahead _ahead;
    private readonly IJournal _journal;
    private readonly TimeProvider _time;
    private readonly EngineMetrics _metrics;
    private readonly ILogger _logger;
    private readonly Watchman _watchman;
    private readonly Queue<Batch> _inFlight = new();
    private readonly Stack<Batch> _spare = new();
    private readonly Stalls _stalls;
    private readonly long _epoch;
    private long _sequence;
    private long _durable;
    private Instant _instant;
    private uint _checksum;
    private bool _mustLoseRuns = true;
    private Queue<Job>? _runsToLose;
    private Exception? _failure;

    internal CommandLoop(
        EngineCore core,
        BatchWriter writer,
        LoopContext context,
        Inbox inbox,
        IJournal journal,
        JournalOwnership ownership,
        TimeProvider time,
        EngineMetrics metrics,
        ILogger logger)
    {
        (_core, _writer, _context, _inbox, _journal) = (core, writer, context, inbox, journal);
        _ahead = new Lookahead(inbox, context);
        (_time, _metrics, _logger, _watchman) = (time, metrics, logger, new Watchman(logger));
        _stalls = new Stalls(MonotonicMs());
        (_epoch, _sequence, _checksum) = (ownership.Epoch, ownership.LastSequence, ownership.LastChecksum);
        (_durable, _instant) = (_sequence, core.State.Now);
        for (int i = 0; i < MaxBatchesInFlight; i++)
        {
            _spare.Push(new Batch());
        }
    }

    /// <summary>Called on the loop for runs whose workers should stop, once that is durable.</summary>
    internal Action<RunLease>? StopRun { get; set; }

    /// <summary>Called on the loop with jobs that are forgotten, once that is durable; the list is valid for that
    /// call.</summary>
    internal Action<List<JobId>>? Forget { get; set; }

    /// <summary>Told of every frame that is durable.</summary>
    internal JournalProgress? Progress { get; init; }

    /// <summary>Told what the engine's clock shows, batch by batch.</summary>
    internal ClockLead? Clock { get; init; }

    /// <summary>Told since when the journal is waited for.</summary>
    internal JournalDelay? Delay { get; init; }

    /// <summary>What ended the loop, if it was not asked to end.</summary>
    internal Exception? Failure => _failure;

    /// <summary>Everything that was decided is durable and answered, and the loop was asked to end; or it failed.</summary>
    internal bool HasEnded { get; private set; }

    /// <summary>When <see cref="Step"/> has something to do even if nobody asks for anything; null for never.</summary>
    internal TimeSpan? NextWake
    {
        get
        {
            if (_spare.Count == 0)
            {
                // Nothing can be decided before the journal has answered, and that rings.
                return null;
            }

            var due = Retaining.NextDue(_core);
            due = _watchman.NextLook(_core) is var look && look < due ? look : due;
            if (_core.State.Due.Count > 0 && _core.State.Due.First.DueAt < due)
            {
                due = _core.State.Due.First.DueAt;
            }

            var wait = due == Instant.Never ? (TimeSpan?)null : due.Since(Instant.From(_time.GetUtcNow()));
            if (_core.State.Leases.Count > 0)
            {
                long now = MonotonicMs();
                long deadline = Math.Max(Math.Min(FirstDeadline, int.MaxValue + now), _stalls.NothingExpiresBefore);
                var lease = TimeSpan.FromMilliseconds(deadline - now);
                wait = wait is null || lease < wait ? lease : wait;
            }

            return wait;
        }
    }

    /// <summary>No lease expires before, in ms of the monotonic clock: the loop stood still.</summary>
    internal long NothingExpiresBefore => _stalls.NothingExpiresBefore;

    /// <summary>Whether a step would find something to do now. With every batch in flight, only the journal can bring it:
    /// what waits in the inbox must go on waiting.</summary>
    internal bool HasWork =>
        HasDurableBatch || (_spare.Count > 0 && _ahead.HasItems) || _context.Image is { IsCopying: true };

    private long FirstDeadline => _core.State.Leases.FirstDeadlineMs;

    private bool HasDurableBatch => _inFlight.TryPeek(out var oldest) && oldest.Append is null or { IsCompleted: true };

    /// <summary>Does what can be done without waiting. Returns whether there was anything.</summary>
    internal bool Step()
    {
        if (HasEnded)
        {
            return DropInbox();
        }

        try
        {
            bool published = PublishDurable();
            bool decided = _spare.Count > 0 && DecideBatch();
            bool copied = CopyState();
            if (!decided && _context.IsEnding && _inFlight.Count == 0 && _context.Image is null)
            {
                End();
            }

            return published || decided || copied || HasEnded;
        }
        catch (Exception exception)
        {
            // Whatever it was, memory may be ahead of the journal: the only safe thing left is to stop (D5).
            Fail(exception);
            return true;
        }
    }

    private bool DecideBatch()
    {
        var batch = _spare.Peek();
        batch.Reset();
        batch.At = _time.GetUtcNow();
        _writer.Batch = batch;
        var wall = Instant.From(batch.At);
        _core.AdvanceTo(wall, MonotonicMs());
        _watchman.Look(_core, wall);
        Clock?.Shows(_core.State.Now);
        batch.At = _core.State.Now.ToDateTimeOffset();

        if (_mustLoseRuns)
        {
            LoseRunsOfEarlierLife();
        }
        else
        {
            // What was due by now comes before what is asked now: a confirmation that comes too late finds its job ended.
            Releasing.Decide(_core);
            TakeIn(batch);
        }

        // Reconfigured or not: a batch ends with nothing runnable waiting for a worker that asked (O6).
        Releasing.Decide(_core);
        HandOut(batch);
        Retaining.Decide(_core);
        if (batch.IsEmpty)
        {
            return false;
        }

        _spare.Pop();
        if (batch.EventCount > 0)
        {
            batch.AppendedAtMs = _core.State.MonotonicMs;
            if (_inFlight.Count == 0)
            {
                // Before the journal is asked: it may not even come back.
                Delay?.Begins(batch.AppendedAtMs);
            }

            batch.Append = Append(batch);
        }

        _inFlight.Enqueue(batch);
        PublishDurable();
        return true;
    }

    /// <summary>The state after everything that was decided, when the loop has ended as it was asked to.</summary>
    /// <exception cref="EngineStoppedException">It failed: memory may be ahead of the journal.</exception>
    internal StateImage ImageAtEnd()
    {
        Invariant.Holds(HasEnded);
        return _failure is null
            ? StateImage.Of(_core.State, _sequence, _instant)
            : throw new EngineStoppedException("The engine has stopped on an error.", _failure);
    }

    private bool CopyState()
    {
        if (_context.Image is not { } image)
        {
            return false;
        }

        // Between two batches: all that was decided is in the frames up to this one.
        bool copies = image.IsCopying;
        if (copies)
        {
            image.Copy(_core.State, _sequence, _instant);
        }

        if (image.TryAnswer(Planted.Is(PlantedBug.SnapshotOfWhatIsNotDurable) ? _sequence : _durable))
        {
            _context.Image = null;
            return true;
        }

        return copies;
    }

    private void LoseRunsOfEarlierLife()
    {
        if (!Planted.Is(PlantedBug.OrderingNotAdopted))
        {
            Configuring.DecideOrdering(_core);
        }

        _runsToLose ??= Leasing.RunsOfEarlierLife(_core);
        _mustLoseRuns = !Leasing.DecideLost(_core, _runsToLose, ref _context.LostRuns, ref _context.RetriedRuns);
        if (!_mustLoseRuns && _context.LostRuns > 0)
        {
            _logger.RunsLostAtStart(_context.LostRuns);
        }
    }

    private void TakeIn(Batch batch)
    {
        int count = 0;
        while (count < MaxOperationsPerBatch && !_writer.IsFull && _ahead.TryRead(out var operation))
        {
            count++;

            // Among the answers first: should deciding throw, its caller hears of it too.
            batch.Answers.Add(operation);
            if (!operation.Execute(_context))
            {
                batch.Answers.RemoveAt(batch.Answers.Count - 1);
            }
        }

        // Only when nothing waits in the inbox: a heartbeat there would come too late for no fault of its worker (F7).
        if (count < MaxOperationsPerBatch && !_writer.IsFull && !_inbox.IsHeldUp)
        {
            ExpireLeases();
        }
    }

    private void ExpireLeases()
    {
        long now = _core.State.MonotonicMs;
        long stall = _stalls.Look(now, FirstDeadline, _core.Settings.LeaseMs);
        if (stall > 0)
        {
            _logger.LeasesExtended(stall);
        }

        int lost = now < _stalls.NothingExpiresBefore ? 0 : Leasing.DecideExpiry(_core);
        if (lost > 0)
        {
            _logger.LeasesExpired(lost);
        }
    }

    private void HandOut(Batch batch)
    {
        var claims = _context.PendingClaims;
        int kept = 0;
        for (int i = 0; i < claims.Count; i++)
        {
            var claim = claims[i];
            if (_context.IsStopping)
            {
                claim.Release();
                batch.Answers.Add(claim);
            }
            else if (claim.TryFulfil(_core, _epoch))
            {
                batch.Answers.Add(claim);

                // Each start made room under the cap: those who wait for it are next in line, before the next claim.
                Releasing.Decide(_core);
            }
            else
            {
                claims[kept++] = claim;
            }
        }

        claims.RemoveRange(kept, claims.Count - kept);
    }

    private Task<AppendResult>? Append(Batch batch)
    {
        _checksum = FrameCodec.Seal(
            batch.Frame.Written, _sequence + 1, _epoch, _core.State.Now.Ms, batch.EventCount, _checksum);
        var append = _journal.AppendAsync(_epoch, _sequence, batch.Frame.WrittenMemory);
        _sequence++;
        _instant = _core.State.Now;
        if (append.IsCompletedSuccessfully)
        {
            ThrowUnlessDurable(append.Result);
            return null;
        }

        var task = append.AsTask();
        task.ContinueWith(
            static (_, inbox) => ((Inbox)inbox!).Ring(),
            _inbox,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return task;
    }

    private bool PublishDurable()
    {
        bool any = false;
        while (HasDurableBatch)
        {
            var batch = _inFlight.Peek();
            if (batch.Append is { } append)
            {
                ThrowUnlessDurable(append.GetAwaiter().GetResult());
            }

            _core.State.MonotonicMs = MonotonicMs();
            Publish(batch);
            _inFlight.Dequeue();
            batch.Reset();
            _spare.Push(batch);
            any = true;
        }

        // What has no events waits for those before it only: the oldest that is left was appended.
        long? since = _inFlight.TryPeek(out var oldest) ? oldest.AppendedAtMs : null;
        if (any && Delay?.Answers(_core.State.MonotonicMs, since) is > JournalDelay.ToleratedMs and var ms)
        {
            _logger.JournalDelayed(ms);
        }

        return any;
    }

    private void Publish(Batch batch)
    {
        if (batch.EventCount > 0)
        {
            _durable++;
            _metrics.EventsCommitted(batch.EventCount);
            Progress?.Advance(batch.Frame.Length);
        }

        // Callers first: whatever the others do, nobody is left without an answer.
        batch.Answer();

        _context.Feed.Publish(batch.Updates, batch.At, _core.Statuses);
        foreach (var lease in batch.RunsToStop)
        {
            StopRun?.Invoke(lease);
        }

        if (batch.Forgotten.Count > 0)
        {
            Forget?.Invoke(batch.Forgotten);
        }
    }

    /// <exception cref="JournalException">Nothing will be durable any more.</exception>
    internal static void ThrowUnlessDurable(AppendResult result)
    {
        if (result.Status == AppendStatus.Fenced)
        {
            throw new JournalFencedException($"Another process has taken over the journal: {result.Error}.");
        }

        if (result.Status != AppendStatus.Durable)
        {
            throw new JournalException($"The journal answered '{result.Status}': {result.Error}.");
        }
    }

    private long MonotonicMs() => (long)_time.GetElapsedTime(0).TotalMilliseconds;
}
