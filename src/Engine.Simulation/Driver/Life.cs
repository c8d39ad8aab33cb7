using Engine.Core;
using Engine.Core.Imaging;
using Engine.Diagnostics;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Simulation.Audit;
using Engine.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Simulation.Driver;

/// <summary>One life of the engine: the production core, loop and recovery, stepped by the world on its one thread,
/// from
/// the opening of the journal to the end of the process.</summary>
internal sealed class Life : IDisposable
{
    // A loop that does not come to rest within this many steps of one instant does not come to rest.
    private const int MaxIdleWakes = 1000;
    private const int StepsAtOnce = 4;

    // So few that the state changes between two of them.
    private const int CopiedPerStep = 1;

    private readonly SimEngine _engine;
    private readonly BatchWriter _writer = new();
#pragma warning disable CA2213 // A process that is killed closes nothing; the storage knows that it is gone.
    private readonly PortJournal _journal;
#pragma warning restore CA2213
    private readonly EngineMetrics _metrics = new();
    private readonly List<SimCall> _calls = [];
    private readonly List<SimClaim> _claims = [];
    private readonly List<string[]> _waiting = [];
    private Inbox _inbox = null!;
    private LoopContext _context = null!;
    private JournalProgress? _progress;
    private Snapshotter? _snapshotter;
    private bool _takesSnapshot;
    private ImageOperation? _imageAsked;
    private TaskCompletionSource<StateImage>? _imageWanted;
    private Task _snapshot = Task.CompletedTask;
    private bool _isPumpPlanned;
    private long _wakeVersion;
    private int _idleWakes;

    internal Life(SimEngine engine, IJournal journal)
    {
        _engine = engine;
        Stored = journal;
        Witness = new Witness(engine.Inquest, _writer) { WorkersServeAll = engine.WorkersServeAll };
        _journal = new PortJournal(this, journal, engine.Inquest, () => engine.CrashesAtPort(this));
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
    internal bool IsPaused { get; set; }

    /// <summary>The loop takes calls.</summary>
    internal bool IsUp { get; private set; }

    internal bool HasFailed => _journal.HasFailed;

    internal long Epoch { get; private set; }

    /// <summary>Starts as a process does: own the journal, replay it. The first step then ends the runs of the one
    /// before.</summary>
    internal async Task StartAsync()
    {
        Options = _engine.Options;
        Core = new EngineCore(EngineSettings.From(Options), new MovingAverageEstimator(), Witness);
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
        if (_engine.Inquest.Excuse is null)
        {
            _engine.Inquest.Ledger.Check(Core, Witness.Model, _engine.Inquest);
        }

        _inbox = new Inbox(65_536);
        var feed = new LiveFeed();
        feed.StartAfter(Core.State.LastEventId);
        _context = new LoopContext(Core, feed);
        Loop = new CommandLoop(
            Core, _writer, _context, _inbox, _journal, ownership, _engine.World.Clock, _metrics, NullLogger.Instance)
        {
            Progress = _engine.SnapshotBytes > 0 ? _progress = new JournalProgress(ownership.LastSequence) : null,
        };
        Witness.NothingExpiresBefore = () => Loop.NothingExpiresBefore;
        if (_progress is not null)
        {
            if (found.SnapshotSequence > 0)
            {
                _engine.Inquest.Sometimes.Saw(Corner.StartedFromSnapshot);
            }

            _snapshotter = new Snapshotter(
                _journal,
                ownership.Epoch,
                Core.Settings,
                _ => ImageAsync(),
                _progress,
                found,
                _engine.SnapshotBytes,
                _engine.World.Clock,
                _metrics,
                NullLogger.Instance)
            {
                // Often: the worlds are small.
                GrowthPerByte = 1,
            };
        }

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
        call.Index = _calls.Count;
        _calls.Add(call);
        Write(call);
        PlanPump(_engine.StepTime());
    }

    internal void Claim(SimClaim claim)
    {
        _claims.Add(claim);
        Write(claim.Operation);
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
        _progress?.Dispose();
        foreach (var call in _calls.ToArray())
        {
            call.Life = null;
            call.Lost();
        }

        _calls.Clear();
        foreach (var claim in _claims.ToArray())
        {
            claim.Done(null);
        }

        _claims.Clear();
    }

    internal void Resume()
    {
        IsPaused = false;
        _isPumpPlanned = false;
        PlanPump(TimeSpan.Zero);
    }

    /// <summary>The journal is closed properly, as a process does that ends by itself: a snapshot that is being taken
    /// ends first.</summary>
    internal async void CloseJournal()
    {
        await _snapshot.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _journal.DisposeAsync().ConfigureAwait(false);
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
        FollowJournal();
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

        _waiting.Clear();
        foreach (var claim in _claims)
        {
            if (claim.Waits)
            {
                _waiting.Add(claim.Types);
            }
        }

        if (!_context.IsStopping && !Witness.IsSuperseded && _journal.InFlight == 0)
        {
            Witness.AtRest(_waiting);
        }

        PlanWake();
    }

    private void AfterSteps()
    {
        if (!Witness.IsSuperseded)
        {
            Witness.SyncClock();
        }

        GiveImage();
        for (int i = 0; i < _claims.Count; i++)
        {
            var claim = _claims[i];
            if (!claim.Task.IsCompleted)
            {
                continue;
            }

            _claims.RemoveAt(i--);
            Taken(claim);
        }
    }

    /// <summary>Does what the thread of the snapshots does in production.</summary>
    private async void FollowJournal()
    {
        if (_snapshotter is not { IsDue: true } || _takesSnapshot || IsDead || Witness.IsSuperseded)
        {
            return;
        }

        _takesSnapshot = true;
        try
        {
            var taken = _snapshotter.TakeAsync(CancellationToken.None).AsTask();
            _snapshot = taken;
            if (await taken.ConfigureAwait(false) is not null && !IsDead)
            {
                _engine.Inquest.Sometimes.Saw(Corner.SnapshotTaken);
            }

            _takesSnapshot = false;
        }
        catch (EngineStoppedException) when (Loop!.HasEnded)
        {
            // The loop says why.
        }
        catch (IOException exception)
        {
            // Not tried again in this life: a disk that is in trouble, or an owner that was superseded meanwhile.
            if (!_engine.MayRefuse && !Witness.IsSuperseded && !IsDead)
            {
                _engine.Inquest.Fail("D4", $"A snapshot of a sound journal failed: {exception.Message}");
            }
        }
    }

    private ValueTask<StateImage> ImageAsync()
    {
        _imageAsked = new ImageOperation { CopiedPerStep = CopiedPerStep };
        _imageWanted = new TaskCompletionSource<StateImage>();
        Write(_imageAsked);
        PlanPump(_engine.StepTime());
        return new ValueTask<StateImage>(_imageWanted.Task);
    }

    // Here, and not where the loop answers: what follows is another thread's work.
    private void GiveImage()
    {
        if (_imageAsked is not { Task: { IsCompleted: true } answer })
        {
            return;
        }

        _imageAsked = null;
        try
        {
            var taken = answer.GetAwaiter().GetResult();
            var image = taken.ToImage();
            if (image.LastEventId < Core.State.LastEventId)
            {
                _engine.Inquest.Sometimes.Saw(Corner.ChangedWhileCopied);
            }

            _imageWanted!.SetResult(image);
        }
        catch (EngineStoppedException stopped)
        {
            _imageWanted!.SetException(stopped);
        }
    }

    private void Taken(SimClaim claim)
    {
        if (!claim.Task.IsCompletedSuccessfully)
        {
            claim.Done(null);
            return;
        }

        var runs = claim.Task.Result;
        foreach (var run in runs)
        {
            // A superseded life's model has learned nothing since: what it does not know was decided too late.
            long unknown = Witness.IsSuperseded ? long.MaxValue : 0;
            long seen = Witness.Model.Find(run.Lease.JobId) is { } job && job.Holds(run.Lease) ? job.RunEvent : unknown;
            Witness.CheckPublished(seen, 1, HasFailed);
            Witness.Renewed(run.Lease);
            Witness.CheckHandedOut(run);
            if (!Witness.IsSuperseded)
            {
                _engine.Inquest.Ledger.Claimed(run.Lease);
            }
        }

        claim.Done(runs);
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
        wait = wait > TimeSpan.FromDays(1) ? TimeSpan.FromDays(1) : wait;
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

/// <summary>A claim: the engine's own operation, which stays with the loop; its answer is looked for after each
/// step.</summary>
internal sealed class SimClaim(string[] types, int maxRuns, bool waits, Action<IReadOnlyList<ClaimedRun>?> done)
{
    private ValueTask<IReadOnlyList<ClaimedRun>>? _task;

    internal string[] Types { get; } = types;

    internal bool Waits { get; } = waits;

    internal ClaimOperation Operation { get; } = new(types, maxRuns, waits);

    internal ValueTask<IReadOnlyList<ClaimedRun>> Task => _task ??= Operation.Task;

    internal void Done(IReadOnlyList<ClaimedRun>? runs) => done(runs);
}
