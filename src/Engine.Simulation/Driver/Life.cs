using Engine.Core;
using Engine.Diagnostics;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Simulation.Audit;
using Engine.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Simulation.Driver;

/// <summary>One life of the engine: the production core, loop and recovery, stepped by the world on its one thread,
/// from the opening of the journal to the end of the process.</summary>
internal sealed class Life : IDisposable
{
    // A loop that does not come to rest within this many steps of one instant does not come to rest.
    private const int MaxIdleWakes = 1000;
    private const int StepsAtOnce = 4;

    private readonly SimEngine _engine;
    private readonly BatchWriter _writer;
#pragma warning disable CA2213 // A process that is killed closes nothing; the storage knows that it is gone.
    private readonly PortJournal _journal;
#pragma warning restore CA2213
    private readonly EngineMetrics _metrics = new();
    private readonly List<SimCall> _calls = [];
    private readonly Claims _claims;
    private Inbox _inbox = null!;
    private LoopContext _context = null!;
    private Snapshots? _snapshots;
    private bool _isPumpPlanned;
    private TimeSpan? _pausedAt;
    private TimeSpan _stoodStill;
    private long _wakeVersion;
    private int _idleWakes;

    internal Life(SimEngine engine, IJournal journal)
    {
        _engine = engine;
        Stored = journal;

        // The loop's and the core's own notion of a full batch: what the one leaves over the other does not overtake.
        _writer = engine.BatchBytes == 0
            ? new BatchWriter()
            : new BatchWriter { FullAt = FrameCodec.HeaderSize + engine.BatchBytes };
        Witness = new Witness(engine.Inquest, _writer)
        {
            WorkersServeAll = engine.WorkersServeAll,
        };
        _claims = new Claims(this, engine);
        _journal = new PortJournal(
            this, journal, engine.Inquest, () => engine.CrashesAtPort(this), () => engine.MayRefuse);
    }

    internal Witness Witness { get; }

    /// <summary>The journal that it opened.</summary>
    internal IJournal Stored { get; }

    /// <summary>The settings that it started with; it may have waited for its turn since.</summary>
    internal JobEngineOptions Options { get; private set; } = null!;

    /// <summary>What was acknowledged to it is gone: nothing must be acknowledged any more.</summary>
    internal bool HasLostItsPast { get; set; }

    internal EngineCore Core { get; private set; } = null!;

    internal CommandLoop? Loop { get; private set; }

    /// <summary>The process is gone: nothing it planned happens.</summary>
    internal bool IsDead { get; private set; }

    /// <summary>The process stands still, as one does that was stopped by a signal.</summary>
    internal bool IsPaused => _pausedAt is not null;

    /// <summary>For how long it has stood still in all.</summary>
    internal TimeSpan StoodStill =>
        _stoodStill + (_pausedAt is { } since ? _engine.World.Elapsed - since : TimeSpan.Zero);

    /// <summary>The loop takes calls.</summary>
    internal bool IsUp { get; private set; }

    internal bool HasFailed => _journal.HasFailed;

    internal long Epoch { get; private set; }

    /// <summary>Starts as a process does: own the journal, replay it. The first step then ends the runs of the one
    /// before.</summary>
    internal async Task StartAsync()
    {
        Options = _engine.Options;
        Core = new EngineCore(
            EngineSettings.From(Options), new MovingAverageEstimator(), Witness, tableSeed: _engine.NewTableSeed());
        Witness.Core = Core;
        var ownership = await _journal.AcquireAsync().ConfigureAwait(false);
        var found = await Recovery.ReplayAsync(Core, _journal, ownership, CancellationToken.None).ConfigureAwait(false);
        if (IsDead)
        {
            return;
        }

        _writer.Batch.Forgotten.Clear();
        if (Planted.Is(PlantedBug.CapCountWrongAfterRestart) && Core.State.Queued > 0)
        {
            Core.State.Counts[(int)JobState.Queued]--;
        }

        Witness.CheckEverything();
        Witness.CheckHash(ownership.LastSequence);
        if (_engine.Inquest.Excuse is null)
        {
            _engine.Inquest.Ledger.Check(Core, Witness.Model, _engine.Inquest);
        }

        _inbox = new Inbox(65_536);
        var feed = new LiveFeed();
        feed.StartAfter(Core.State.LastEventId);
        _context = new LoopContext(Core, feed);
        if (_engine.SnapshotBytes > 0)
        {
            _snapshots = new Snapshots(this, _engine, _journal, ownership, found, _metrics);
        }

        Loop = new CommandLoop(
            Core, _writer, _context, _inbox, _journal, ownership, _engine.World.Clock, _metrics, NullLogger.Instance)
        {
            Progress = _snapshots?.Progress,
        };
        Witness.NothingExpiresBefore = () => Loop.NothingExpiresBefore;
        IsUp = true;
        PlanPump(TimeSpan.Zero);
        _engine.Started(this);
    }

    /// <summary>The journal is ours: what it holds is compared with what was written.</summary>
    internal void Acquired(JournalOwnership ownership)
    {
        Epoch = ownership.Epoch;
        _engine.Acquired(this, ownership);
    }

    internal void Post(SimCall call)
    {
        call.Life = this;
        call.Sent();
        call.Index = _calls.Count;
        _calls.Add(call);
        Write(call);
        PlanPump(_engine.StepTime());
    }

    internal void Claim(SimClaim claim)
    {
        _claims.Add(claim);
        Send(claim.Operation);
    }

    /// <summary>Sends what is no call: its answer is looked for after each step.</summary>
    internal void Send(Operation operation)
    {
        Write(operation);
        PlanPump(_engine.StepTime());
    }

    /// <summary>No new work, then the end, as a host that stops asks for it.</summary>
    internal void Stop(bool forGood)
    {
        var operation = new FuncOperation<bool>(loop => loop.IsStopping = true);
        Write(operation);
        if (forGood)
        {
            Write(new FuncOperation<bool>(loop => loop.IsEnding = true));
        }

        PlanPump(TimeSpan.Zero);
    }

    internal void Answered(SimCall call)
    {
        Witness.CheckPublished(call.EventsSeen, call.Caused, HasFailed);
        Forget(call);
    }

    internal void Forget(SimCall call)
    {
        var last = _calls[^1];
        _calls[call.Index] = last;
        last.Index = call.Index;
        _calls.RemoveAt(_calls.Count - 1);
        call.Life = null;
    }

    /// <summary>Called after each event of the world: an append may have ended in it.</summary>
    internal void AfterEvent()
    {
        if (IsUp && !_isPumpPlanned && Loop!.HasWork)
        {
            PlanPump(_engine.StepTime());
        }
    }

    /// <summary>The process ends without a word to anybody; who waits for an answer finds the connection
    /// closed.</summary>
    internal void Die()
    {
        IsDead = true;
        IsUp = false;
        _wakeVersion++;
        _metrics.Dispose();
        _snapshots?.Dispose();
        foreach (var call in _calls.ToArray())
        {
            call.Life = null;
            call.Lost();
        }

        _calls.Clear();
        _claims.Drop();
    }

    internal void Pause() => _pausedAt = _engine.World.Elapsed;

    internal void Resume()
    {
        var since = _pausedAt!.Value;
        _stoodStill = StoodStill;
        _pausedAt = null;
        Witness.StoodStill(since);
        _isPumpPlanned = false;
        PlanPump(TimeSpan.Zero);
    }

    /// <summary>The journal is closed properly, as a process does that ends by itself: a snapshot that is being taken
    /// ends first.</summary>
    internal async void CloseJournal()
    {
        if (_snapshots is not null)
        {
            await _snapshots.Latest.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        try
        {
            await _journal.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // To note a clean end may fail as any write may; the next life finds an unclean one.
            if (exception is not IOException || !_engine.MayRefuse)
            {
                _engine.Inquest.Fail("V7", $"A sound journal could not be closed: {exception.Message}");
            }
        }
    }

    public void Dispose()
    {
        if (!IsDead)
        {
            Die();
        }
    }

    private void Write(Operation operation)
    {
        var written = _inbox.WriteAsync(operation, CancellationToken.None);
        if (!written.IsCompleted)
        {
            _engine.Inquest.Fail("SIM", "The inbox is full: the simulation asks for more than an hour has room for.");
        }
        else if (written.IsFaulted && operation is SimCall call)
        {
            call.Fail(written.AsTask().Exception!.InnerException!);
        }
    }

    private void PlanPump(TimeSpan after)
    {
        if (!_isPumpPlanned && IsUp)
        {
            _isPumpPlanned = true;
            _engine.World.In(after, Pump);
        }
    }

    private void Pump()
    {
        if (IsDead || IsPaused)
        {
            return;
        }

        _isPumpPlanned = false;
        bool any = false;
        for (int i = 0; i < StepsAtOnce && !IsDead; i++)
        {
            if (!Loop!.Step())
            {
                any = false;
                break;
            }

            any = true;
            if (_engine.IsCrashing(this))
            {
                return;
            }
        }

        AfterSteps();
        _snapshots?.FollowJournal();
        if (IsDead || Loop!.HasEnded)
        {
            _engine.Ended(this);
            return;
        }

        if (any || Loop.HasWork)
        {
            _idleWakes = 0;
            PlanPump(_engine.StepTime());
            return;
        }

        if (!_context.IsStopping && !Witness.IsSuperseded && _journal.InFlight == 0)
        {
            Witness.AtRest(_claims.Waiting);
        }

        PlanWake();
    }

    private void AfterSteps()
    {
        if (!Witness.IsSuperseded)
        {
            Witness.SyncClock(isDeciding: false);
        }

        _snapshots?.GiveImage();
        _claims.Look();
    }

    /// <summary>Sleeps as the loop's thread does: until the instant that the loop named, or until somebody
    /// rings.</summary>
    private void PlanWake()
    {
        long version = ++_wakeVersion;
        if (Loop!.NextWake is not { } wait)
        {
            return;
        }

        if (wait <= TimeSpan.Zero)
        {
            // It says that there is something to do, and finds nothing (V6).
            if (++_idleWakes > MaxIdleWakes)
            {
                _engine.Inquest.Fail("V6", $"The loop wakes up at once ({wait}), again and again, and does nothing.");
                return;
            }

            PlanPump(TimeSpan.FromMicroseconds(100));
            return;
        }

        _idleWakes = 0;
        wait = wait > LoopThread.MaxWait ? LoopThread.MaxWait : wait;
        _engine.World.In(wait, () =>
        {
            if (version == _wakeVersion && IsUp)
            {
                _engine.Woke();
                PlanPump(TimeSpan.Zero);
            }
        });
    }
}
