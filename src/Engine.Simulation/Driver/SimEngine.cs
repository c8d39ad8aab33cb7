using Engine.Simulation.Audit;
using Engine.Simulation.Storage;
using Engine.Simulation.Storage.Faster;
using Engine.Storage;

namespace Engine.Simulation.Driver;

/// <summary>An engine over all its lives: starts it again after each end, on what its storage kept.</summary>
internal sealed partial class SimEngine(World world, ISimStorage storage, Inquest inquest, JobEngineOptions options)
{
    private readonly RandomStream _crashDice = world.Stream("crash");
    private readonly RandomStream _loopDice = world.Stream("loop");
    private readonly RandomStream _tableDice = world.Stream("table");
    private readonly Queue<Action> _late = new();
    private Life? _zombie;
    private bool _mustCrash;
    private bool _stopsGracefully;
    private int _failedStarts;
    private int _failedReads;

    internal World World { get; } = world;

    internal Inquest Inquest { get; } = inquest;

    /// <summary>The settings that the next life starts with: those in force.</summary>
    internal JobEngineOptions Options { get; set; } = options;

    internal bool WorkersServeAll { get; set; }

    /// <summary>How often a call of the storage port is the last thing that a process does.</summary>
    internal double PortCrashChance { get; set; }

    /// <summary>By how much the journal grows until a snapshot is due; 0 for never.</summary>
    internal int SnapshotBytes { get; set; }

    /// <summary>With how many bytes of events a batch is full; 0 for as many as usual.</summary>
    internal int BatchBytes { get; set; }

    /// <summary>The storage may be in trouble, and say so.</summary>
    internal bool MayRefuse
    {
        get => field || storage.Doubts != StoreDoubts.None;
        set;
    }

    /// <summary>The storage may have changed what it was given.</summary>
    internal bool MayLie => (storage.Doubts & StoreDoubts.MayRefuse) != 0;

    /// <inheritdoc cref="ISimStorage.FailedReads"/>
    internal int FailedReads => storage.FailedReads;

    /// <summary>Nothing fails any more: every start must succeed.</summary>
    internal bool MustStart { get; set; }

    /// <summary>How long it takes until a dead engine is started again, at most.</summary>
    internal TimeSpan Downtime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How a life ends when it is cut short.</summary>
    internal bool MayLosePower { get; set; }

    internal Life? Life { get; private set; }

    internal bool IsUp => Life is { IsUp: true };

    internal int Lives { get; private set; }

    /// <summary>The newest epoch of all.</summary>
    internal long Epoch { get; private set; }

    /// <summary>Times that the loop woke up by the clock.</summary>
    internal long Wakes { get; private set; }

    /// <summary>Called when a journal was refused as damaged, and may have been.</summary>
    internal Action? Refused { get; set; }

    /// <summary>Called when the engine takes calls again.</summary>
    internal Action? CameUp { get; set; }

    internal void Start()
    {
        Lives++;
        _failedReads = storage.FailedReads;
        Life = new Life(this, storage.Open());
        var life = Life;
        Watch(life, life.StartAsync());
    }

    /// <summary>Called after each event of the world.</summary>
    internal void AfterEvent()
    {
        _zombie?.AfterEvent();
        Life?.AfterEvent();
        if (_mustCrash)
        {
            _mustCrash = false;
            Inquest.Sometimes.Saw(Corner.CrashAtPortCall);
            Crash();
        }
    }

    /// <summary>The process dies, or its machine; it is started again later.</summary>
    internal void Crash()
    {
        if (Life is not { } life)
        {
            return;
        }

        if (life.IsPaused)
        {
            Inquest.Sometimes.Saw(Corner.KilledWhileStandingStill);
        }

        var kind = MayLosePower && _crashDice.Chance(0.6) ? CrashKind.PowerCut : CrashKind.Kill;
        Inquest.Sometimes.Saw(kind == CrashKind.PowerCut ? Corner.PowerCut : Corner.ProcessKilled);
        if (life is { IsUp: false })
        {
            Inquest.Sometimes.Saw(Corner.CrashInRecovery);
        }

        storage.Crash(kind);
        End(_zombie);
        _zombie = null;
        End(life);
        RestartLater();
    }

    /// <summary>The owner stops dead for a while; another process takes over, and then the first wakes up.</summary>
    internal void TakeOver(TimeSpan pause)
    {
        if (_zombie is not null || Life is not { IsUp: true, IsPaused: false } life)
        {
            return;
        }

        life.Pause();
        storage.Pause(life.Stored);
        _zombie = life;
        Life = null;
        Start();
        World.In(pause, () =>
        {
            if (!life.IsDead)
            {
                life.Resume();
                storage.Resume(life.Stored);
            }
        });

        // One that has nothing to write is never told that it was superseded; its host's lease runs out all the same.
        World.In(pause + TimeSpan.FromMinutes(1), () =>
        {
            if (ReferenceEquals(life, _zombie))
            {
                _zombie = null;
                End(life);
                storage.Kill(life.Stored);
            }
        });
    }

    /// <summary>The process stands still for a while, and nobody takes over: what comes in meanwhile waits, its timers
    /// ring late, its clocks have gone on, and it goes on as if nothing had been.</summary>
    internal void StandStill(TimeSpan time)
    {
        if (Life is not { IsPaused: false } life)
        {
            return;
        }

        Inquest.Sometimes.Saw(Corner.ProcessStoodStill);
        life.Pause();
        storage.Pause(life.Stored);
        World.In(time, () =>
        {
            if (ReferenceEquals(life, Life))
            {
                GoOn();
            }
        });
    }

    /// <summary>Ends a standstill.</summary>
    internal void GoOn()
    {
        if (Life is { IsPaused: true } life)
        {
            life.Resume();
            storage.Resume(life.Stored);
            RingLate();
        }
    }

    /// <summary>Does something in the engine's own process: not while that stands still.</summary>
    internal void InProcess(Action what)
    {
        if (Life is { IsPaused: true })
        {
            _late.Enqueue(what);
        }
        else
        {
            what();
        }
    }

    /// <summary>The storage has lost what the lives that run were told it had: they must say nothing more of
    /// it.</summary>
    internal void LosePast()
    {
        foreach (var life in new[] { Life, _zombie })
        {
            // One that still waits for the ownership was told nothing.
            life?.HasLostItsPast = life.Epoch > 0;
        }
    }

    internal void StopGracefully(TimeSpan deadline)
    {
        if (Life is not { IsUp: true } life || _stopsGracefully)
        {
            return;
        }

        _stopsGracefully = true;
        life.Stop(forGood: false);
        World.In(deadline / 2, () =>
        {
            if (!life.IsDead)
            {
                life.Stop(forGood: true);
            }
        });
        MustStop(life, deadline * 2, life.StoodStill);
    }

    private void MustStop(Life life, TimeSpan within, TimeSpan stoodStill) => World.In(within, () =>
    {
        if (life.IsDead || !ReferenceEquals(life, Life))
        {
            return;
        }

        if (life.StoodStill > stoodStill)
        {
            MustStop(life, life.StoodStill - stoodStill, life.StoodStill);
        }
        else
        {
            Inquest.Fail("V7", "The engine was asked to stop, and has not within twice its time.");
        }
    });

    // ---- what lives tell -------------------------------------------------------------------------------------------

    internal void Acquired(Life life, JournalOwnership ownership)
    {
        Inquest.Found(
            ownership.LastSequence,
            ownership.LastChecksum,
            storage.KeepsAtLeast(Inquest.AckedSequence, Inquest.ProvenSequence));
        if (Inquest.Finding is not null)
        {
            throw new JournalDamagedException("The simulation has found what it was looking for.");
        }

        _zombie?.Witness.Supersede();
        Epoch = ownership.Epoch;
        Options = life.Options;
        life.Witness.Begin(Inquest.Retell(Options), ownership.Epoch);
    }

    internal void Started(Life life)
    {
        _failedStarts = 0;
        if (Inquest.Excuse is not null)
        {
            // What is there is a beginning of what was, and the state it gives is sound. Callers know of more.
            Inquest.EndEarly();
        }

        if (ReferenceEquals(life, Life))
        {
            CameUp?.Invoke();
        }
    }

    internal void Ended(Life life)
    {
        var failure = life.Loop?.Failure;
        if (failure is not null && !(life.HasFailed && failure is JournalException))
        {
            Inquest.Fail("C", $"The loop failed by itself: {failure.Message}");
        }

        if (failure is JournalException && life.Stored is SimulatedJournal && life.Loop!.Failure!.Message.Contains(
            "of trying", StringComparison.Ordinal))
        {
            Inquest.Sometimes.Saw(Corner.RedisAwayTooLong);
        }

        bool wasZombie = ReferenceEquals(life, _zombie);
        if (wasZombie && failure is JournalException)
        {
            Inquest.Sometimes.Saw(Corner.SecondOwnerFencedFirst);
        }

        if (failure is null && !wasZombie)
        {
            Inquest.Sometimes.Saw(Corner.StoppedGracefully);
        }

        End(life);
        life.CloseJournal();
        if (wasZombie)
        {
            _zombie = null;
        }
        else
        {
            RestartLater();
        }
    }

    internal void Woke() => Wakes++;

    internal bool IsCrashing(Life life) => _mustCrash && ReferenceEquals(life, Life);

    internal bool CrashesAtPort(Life life)
    {
        // The dice are thrown only where a crash is possible: without the fault nothing else shifts.
        if (_mustCrash || (PortCrashChance > 0 && ReferenceEquals(life, Life) && _crashDice.Chance(PortCrashChance)))
        {
            _mustCrash = true;
            return true;
        }

        return false;
    }

    /// <summary>Another for each life, as in reality: what anybody sees must be the same under any.</summary>
    internal ulong NewTableSeed() => _tableDice.Next();

    internal TimeSpan StepTime() => _loopDice.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(2));

    // ---- calls -----------------------------------------------------------------------------------------------------

    private void Post(SimCall call)
    {
        if (_zombie is { IsDead: false } zombie && _loopDice.Chance(0.5))
        {
            // A connection from before is still open.
            zombie.Post(call);
        }
        else if (Life is { IsUp: true } life)
        {
            life.Post(call);
        }
        else
        {
            call.Lost();
        }
    }

    private static void End(Life? life)
    {
        life?.Dispose();
    }

    private void RestartLater()
    {
        Life = null;
        _stopsGracefully = false;
        RingLate();
        World.In(_crashDice.Between(TimeSpan.FromMilliseconds(200), Downtime), Start);
    }

    /// <summary>What fell due while the process stood still happens, in any order.</summary>
    private void RingLate()
    {
        while (_late.TryDequeue(out var what))
        {
            World.In(TimeSpan.Zero, () => InProcess(what));
        }
    }

    private async void Watch(Life life, Task start)
    {
        try
        {
            await start.ConfigureAwait(false);
        }
        catch (JournalDamagedException exception) when (!life.IsDead && storage.FailedReads == _failedReads)
        {
            if (MayLie)
            {
                Refused?.Invoke();
                Inquest.EndEarly();
            }

            Inquest.Fail("F8", $"A sound journal was refused: {exception.Message}");
        }
        catch (Exception exception)
        {
            if (exception is JournalDamagedException && !life.IsDead)
            {
                Inquest.Sometimes.Saw(Corner.ReadErrorRefused);
            }

            // A disk in trouble may refuse, but not for ever, and not without trouble.
            if (++_failedStarts > (MayRefuse && !MustStart ? 20 : 0) || exception is not IOException)
            {
                Inquest.Fail("V5", $"The engine does not start any more: {exception.Message}");
            }

            End(life);
            life.CloseJournal();
            if (ReferenceEquals(life, Life))
            {
                RestartLater();
            }
        }
    }
}
