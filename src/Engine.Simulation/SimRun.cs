using Engine.Core;
using Engine.Runtime;
using Engine.Simulation.Actors;
using Engine.Simulation.Audit;
using Engine.Simulation.Driver;
using Engine.Simulation.Storage;
using Engine.Simulation.Storage.Disk;
using Engine.Simulation.Storage.Faster;
using Engine.Simulation.Storage.Redis;

namespace Engine.Simulation;

/// <summary>What came of a simulation.</summary>
/// <param name="Finding">The first broken promise, or null.</param>
/// <param name="Steps">Events of the world.</param>
/// <param name="Simulated">Virtual time that passed in the safety phase.</param>
/// <param name="Events">Facts that the engine decided.</param>
/// <param name="Lives">How often the engine was started.</param>
/// <param name="StaleRefused">Words under leases that were over, each of them refused.</param>
/// <param name="Hashes">The digest of the run at every 1,000 steps, and at its end.</param>
internal sealed record SimResult(
    Finding? Finding,
    long Steps,
    TimeSpan Simulated,
    long Events,
    int Lives,
    long StaleRefused,
    IReadOnlyList<ulong> Hashes);

/// <summary>Runs one plan: a safety phase with all its faults and every check, then a liveness phase without faults, in
/// which every job must come to its end.</summary>
internal sealed class SimRun
{
    private const int StepsPerHash = 1000;

    // More than any plan's hour holds; a run that goes on for longer goes round in circles.
    private const long MaxSteps = 20_000_000;

    private readonly SimPlan _plan;
    private readonly World _world;
    private readonly Inquest _inquest;
    private readonly SimEngine _engine;
    private readonly ISimStorage _storage;
    private readonly Clients _clients;
    private readonly Chaos _chaos;
    private readonly List<Worker> _workers = [];
    private readonly List<ulong> _hashes = [];
    private readonly TextWriter? _trace;
    private readonly Sometimes _sometimes;
    private bool _isHealed;

    private SimRun(SimPlan plan, Sometimes sometimes, TextWriter? trace)
    {
        _plan = plan;
        _trace = trace;
        _world = new World(plan.Seed, plan.Start);
        _inquest = new Inquest(_world, sometimes) { Trace = trace };
        _sometimes = sometimes;
        _storage = StorageOf(plan);
        _engine = new SimEngine(_world, _storage, _inquest, plan.Options)
        {
            WorkersServeAll = plan.WorkersServeAll,
            SnapshotBytes = plan.Has(Faults.Snapshots) ? plan.SnapshotBytes : 0,
            BatchBytes = plan.BatchBytes,
            MayRefuse = plan.Has(Faults.FailingDisk),
        };
        var net = new Net(_world, plan);
        _clients = new Clients(_world, _engine, plan, net);
        _chaos = new Chaos(_world, _engine, plan);
        var homes = _world.Stream("workers.home");
        for (int i = 0; i < plan.Workers; i++)
        {
            string[] types = plan.WorkersServeAll || i == 0 ? SimNames.Types : [SimNames.Types[i % 3]];
            _workers.Add(new Worker(_world, _engine, plan, net, _world.Stream($"worker{i}"), types, homes.Chance(0.5)));
        }

        _engine.Refused = () => sometimes.Saw(
            _storage is SimulatedFasterStore ? Corner.LieRefused : Corner.RedisFailOverLostAcknowledged);
        _engine.CameUp = () => _workers.ForEach(static worker => worker.Claim());
    }

    /// <summary>Runs a plan to its end, or to its first finding.</summary>
    internal static SimResult Run(SimPlan plan, Sometimes? sometimes = null, TextWriter? trace = null)
    {
        using var thread = new OneThread();
        Planted.Bug = plan.Bug;
        try
        {
            return new SimRun(plan, sometimes ?? new Sometimes(), trace).Run();
        }
        finally
        {
            Planted.Bug = PlantedBug.None;
        }
    }

    private ISimStorage StorageOf(SimPlan plan) => plan.Uses switch
    {
        StorageKind.List => new PlainStorage(
            _world,
            new StorageFaults(
                plan.Has(Faults.SlowDisk) ? 0.002 : 0, plan.Has(Faults.FailingDisk) ? 0.0005 : 0),
            _sometimes),
        StorageKind.Disk => DiskOf(plan),
        StorageKind.Redis => RedisOf(plan),
    };

    private SimulatedFasterStore DiskOf(SimPlan plan)
    {
        bool slow = plan.Has(Faults.SlowDisk);
        bool failing = plan.Has(Faults.FailingDisk);
        var store = new SimulatedFasterStore(_world);
        var lies = _world.Stream("lies");
        store.Disk.Sometimes = name =>
        {
            Corner? lie = name switch
            {
                "disk: a bit flips" => Corner.DiskFlippedABit,
                "disk: a write is lost" => Corner.DiskLostAWrite,
                "disk: a write is misdirected" => Corner.DiskMisdirectedAWrite,
                _ => null,
            };
            if (name == "disk: it is full")
            {
                _sometimes.Saw(Corner.DiskFull);
            }

            if (lie is { } corner)
            {
                _sometimes.Saw(corner);

                // At once the newest commit is the one that nothing proves yet; later on some other is hurt.
                if (lies.Chance(0.5))
                {
                    _world.In(lies.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(5)), () => _engine.Crash());
                }
            }
        };
        if (plan.Has(Faults.LyingDisk))
        {
            // One lie, and no other fault: what a single copy can notice is promised for a single place.
            var faults = lies.Below(3) switch
            {
                0 => new DiskFaults { Flip = 0.02, Budget = 1 },
                1 => new DiskFaults { LostWrite = 0.02, Budget = 1 },
                _ => new DiskFaults { Misdirect = 0.02, Budget = 1 },
            };
            _world.In(
                lies.Between(TimeSpan.Zero, plan.Length),
                () => store.Disk.Faults = _isHealed ? DiskFaults.None : faults);
        }
        else
        {
            store.Disk.Faults = new DiskFaults
            {
                SyncError = failing ? 0.0003 : 0,
                WriteError = failing ? 0.0001 : 0,
                ReadError = failing ? 0.02 : 0,
                NoSpace = failing ? 0.002 : 0,
                Stall = slow ? 0.002 : 0,
                StallTime = TimeSpan.FromSeconds(3),
            };
        }

        _sometimes.Saw(Corner.EmbeddedJournalUsed);
        return store;
    }

    private SimulatedRedisStore RedisOf(SimPlan plan)
    {
        bool slow = plan.Has(Faults.SlowDisk);
        bool failing = plan.Has(Faults.FailingDisk);
        var dice = _world.Stream("redis.plan");
        var lease = TimeSpan.FromSeconds(dice.Pick(1, 3, 5, 10));
        var store = new SimulatedRedisStore(_world)
        {
            Configure = options => options.LeaseDuration = lease,
            FoundOwned = () => _sometimes.Saw(Corner.RedisWasOwned),
        };
        store.Server.Sometimes = name =>
        {
            Corner? corner = name switch
            {
                "redis: a command is lost" => Corner.RedisCommandLost,
                "redis: an answer is lost" => Corner.RedisAnswerLost,
                "redis: a command is late" => Corner.RedisCommandLate,
                "redis: a command is refused" => Corner.RedisRefused,
                "redis: the server is killed" => Corner.RedisKilled,
                "redis: the power fails" => Corner.RedisLostPower,
                _ => null,
            };
            if (corner is { } seen)
            {
                _sometimes.Saw(seen);
            }
        };
        store.Server.Faults = new RedisFaults
        {
            LoseCommand = failing ? 0.0003 : 0,
            LoseAnswer = failing ? 0.0005 : 0,
            Refuse = failing ? 0.0005 : 0,
            KillServer = failing ? 0.0002 : 0,
            CutPower = failing ? 0.0002 : 0,
            Delay = slow ? 0.001 : 0,
        };
        if (failing)
        {
            store.Trouble(_world, plan.Trouble);
        }

        if (plan.Has(Faults.FailOver))
        {
            // Soon after an append: a replica lags by milliseconds.
            _world.In(dice.Between(TimeSpan.Zero, plan.Length), () => store.Server.NextAppend = () => _world.In(
                dice.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(40)), () => FailOver(store)));
        }

        _sometimes.Saw(Corner.RedisJournalUsed);
        return store;
    }

    /// <summary>Whoever wrote what the replica lacks notices, and acknowledges nothing more; whoever starts afterwards
    /// takes what is there, a beginning of what was.</summary>
    private void FailOver(SimulatedRedisStore store)
    {
        if (_isHealed)
        {
            return;
        }

        _sometimes.Saw(Corner.RedisFailedOver);
        var lost = store.FailOver(_inquest.AckedSequence, _engine.Epoch);
        if (lost.Ownership)
        {
            // The take-over itself is undone: the former owner, should it still live, is the owner once more.
            _sometimes.Saw(Corner.RedisFailOverLostOwnership);
            _inquest.EndEarly();
        }
        else if (lost.Frames)
        {
            _sometimes.Saw(Corner.RedisFailOverLostAcknowledged);
            _engine.LosePast();
            _world.In(TimeSpan.FromSeconds(30), _engine.Crash);
        }
    }

    private SimResult Run()
    {
        _engine.Start();
        _clients.Start();
        _chaos.Start();
        Go(_plan.Length);
        var simulated = _world.Elapsed;
        if (_inquest is { Finding: null, IsOver: false })
        {
            EndWell();
        }

        Conclude();
        _hashes.Add(_world.Hash);
        return new SimResult(
            _inquest.Finding,
            _world.Steps,
            simulated,
            _inquest.EventCount,
            _engine.Lives,
            _inquest.StaleRefused,
            _hashes);
    }

    /// <summary>Lets time pass, up to an instant, the first finding, or until there is nothing more to wait
    /// for.</summary>
    private void Go(TimeSpan until, Func<bool>? isDone = null)
    {
        while (_inquest is { Finding: null, IsOver: false } && isDone?.Invoke() != true && Step(until))
        {
            _engine.AfterEvent();
            _world.Note(_world.Elapsed.Ticks);
            if (_world.Steps % StepsPerHash == 0)
            {
                _hashes.Add(_world.Hash);
                _trace?.WriteLine(
                    $"step {_world.Steps} at {_world.Elapsed}: events {_inquest.EventCount}, lives {_engine.Lives}, "
                    + $"hash {_world.Hash:x16}");
                if (_world.Steps > MaxSteps)
                {
                    _inquest.Fail("V6", $"{MaxSteps} steps, and no end.");
                }
            }
        }
    }

    /// <summary>Whatever is thrown by an event is a finding too: it has a seed.</summary>
    private bool Step(TimeSpan until)
    {
        try
        {
            return _world.Step(until);
        }
        catch (Exception exception)
        {
            _inquest.Fail("SIM", exception.ToString());
            return false;
        }
    }

    /// <summary>The faults are over: in bounded time every job ends, slots return, and the engine falls asleep (V1 to
    /// V6);
    /// then the whole journal is read once more (D4).</summary>
    private void EndWell()
    {
        _clients.IsQuiet = true;
        _isHealed = true;
        _storage.Heal();
        _chaos.End();
        _workers.ForEach(static worker => worker.IsHonest = true);

        // First the engine must be there, and know what time it was.
        var soon = _world.Elapsed + TimeSpan.FromMinutes(5);
        Go(soon, () => _engine.IsUp);
        if (_engine.IsUp)
        {
            _engine.MustStart = true;
            _chaos.CatchUp(_engine.Life!.Witness.Model.NowMs);
        }

        Go(soon, () => _engine.IsUp && _engine.Life!.Witness.Model.Live == 0);
        if (_storage is SimulatedRedisStore redis && _engine.IsUp)
        {
            // Signs of life every second, for days, would be all that is simulated.
            redis.Configure = static options => options.LeaseDuration = TimeSpan.FromMinutes(10);
            _engine.Crash();
            Go(_world.Elapsed + TimeSpan.FromMinutes(1), () => _engine.IsUp);
        }

        if (_inquest is { Finding: null, IsOver: false } && !_engine.IsUp)
        {
            _inquest.Fail("V5", "Five minutes after the last fault the engine is not up.");
        }

        if (_inquest is { Finding: null, IsOver: false })
        {
            var bound = Bound(_engine.Life!.Witness.Model);
            Go(_world.Elapsed + bound, () => _engine.IsUp && _engine.Life!.Witness.Model.Live == 0);
            if (_inquest is { Finding: null, IsOver: false } && _engine.Life?.Witness.Model is { Live: > 0 } model)
            {
                var stuck = model.Jobs.Values.First(job => !job.State.IsFinal);
                _inquest.Fail("V2",
                    $"{model.Live} jobs have not ended {bound} after the last fault; {stuck.Id} is {stuck.State}, "
                    + $"due {stuck.DueMs}, lease until {stuck.LeaseEndsMs}, now {model.NowMs}.");
            }
        }

        if (_inquest is { Finding: null, IsOver: false })
        {
            // Idle: nothing but what is to be forgotten, once each, may wake it.
            long wakes = _engine.Wakes;
            int kept = _engine.Life!.Witness.Model.Jobs.Count;
            Go(_world.Elapsed + TimeSpan.FromHours(1));
            if (_engine.Wakes - wakes > 20 + kept)
            {
                _inquest.Fail("V6", $"An idle engine woke up {_engine.Wakes - wakes} times in an hour.");
            }

            // Nor does it sleep on when there is something to forget: by the wall clock, as the engine's own stands still,
            // and which may have been set while it slept.
            var latest = _world.Clock.GetUtcNow() - _plan.Options.RetentionTime - LoopThread.MaxWait
                - TimeSpan.FromSeconds(10);
            if (_engine.Life.Witness.Model.Ended.First is { Value: var oldest }
                && oldest.FinishedMs < latest.ToUnixTimeMilliseconds())
            {
                _inquest.Fail("F26", $"{oldest.Id} ended at {oldest.FinishedMs}, and an idle engine keeps it still.");
            }
        }

        if (_inquest is { Finding: null, IsOver: false })
        {
            // One more life, on the whole journal: the same state again.
            _engine.Life!.Witness.CheckEverything();
            if (_inquest.DurableEvents == _inquest.EventCount)
            {
                _engine.Life!.Witness.CheckHash(_inquest.AckedSequence);
            }

            int lives = _engine.Lives;
            _engine.Crash();
            Go(_world.Elapsed + TimeSpan.FromMinutes(11), () => _engine.Lives > lives && _engine.IsUp);
            if (_inquest is { Finding: null, IsOver: false } && !_engine.IsUp)
            {
                _inquest.Fail("V5", "The last life of all does not come up.");
            }
        }
    }

    /// <summary>What became of a lie, when nothing is wrong with that.</summary>
    private void Conclude()
    {
        if (_storage is SimulatedFasterStore { Doubts: not StoreDoubts.None } && _inquest.Finding is null)
        {
            if (_inquest.Excuse is not null)
            {
                _sometimes.Saw(Corner.LieCostTheLastCommit);
            }
            else if (!_inquest.IsOver)
            {
                _sometimes.Saw(Corner.LieMadeNoDifference);
            }
        }
    }

    /// <summary>How long what is left may take at most: days of allowances, time-outs, and every run one after the
    /// other.</summary>
    private TimeSpan Bound(Model model)
    {
        int days = 3;
        var jobs = model.Jobs.Values.Where(static job => !job.State.IsFinal).ToList();
        if (jobs.Count > 0)
        {
            // Limits may have been lowered after jobs were taken in for a day: the rest moves on, day by day.
            days += jobs.Max(job => job.ChargedDay) - model.Today;
            days += jobs.GroupBy(static job => job.User)
                .Max(group => group.Count() / group.Min(job => model.TierOf(job.Tier).DailyLimit) + 1);
        }

        var runs = (_plan.LongestRun + TimeSpan.FromMinutes(1)) * 10 * (jobs.Count + 1);
        return TimeSpan.FromDays(Math.Max(days, 3)) + model.Options.ConfirmationTimeout + runs
            + TimeSpan.FromDays(jobs.Count == 0 ? 0 : 4);
    }
}
