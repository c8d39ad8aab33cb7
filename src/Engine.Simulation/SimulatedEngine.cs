using Engine.Core.Rules;
using Engine.Hosting;
using Engine.Simulation.Audit;
using Engine.Simulation.Driver;

namespace Engine.Simulation;

/// <summary>The real engine in virtual time, for tests: a day passes in a second, a crash is one call, and the same
/// seed
/// tells the same story.</summary>
/// <remarks>
/// The engine's own core, loop and recovery run on the thread that calls; workers are delays with an outcome. Every
/// fact
/// and answer is checked on the way: the first broken promise is a <see cref="SimulationException"/> from the call
/// during
/// which it was seen. Not for several threads at a time.
/// </remarks>
public sealed class SimulatedEngine : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromHours(1);

    private readonly World _world;
    private readonly Inquest _inquest;
    private readonly PlainStorage _storage;
    private readonly SimEngine _engine;
    private readonly RandomStream _ids;
    private readonly List<SimulatedWorker> _workers = [];

    /// <summary>Starts an engine with an empty journal.</summary>
    /// <param name="options">Its settings, with the job types.</param>
    /// <param name="seed">What chance decides: latencies, ids, and what a power cut leaves.</param>
    /// <param name="start">What the wall clock says at the beginning; by default 2030-01-01T00:00Z.</param>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">A setting breaks its rule.</exception>
    public SimulatedEngine(JobEngineOptions options, ulong seed = 1, DateTimeOffset? start = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        OptionsRules.Check(options);
        var sometimes = new Sometimes();
        _world = new World(seed, start ?? new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        _inquest = new Inquest(_world, sometimes);
        _storage = new PlainStorage(_world, new StorageFaults(), sometimes);
        _ids = _world.Stream("ids");
        _engine = new SimEngine(_world, _storage, _inquest, OptionsRules.Copy(options))
        {
            CameUp = () => _workers.ForEach(static worker => worker.Claim()),
        };
        using var thread = new OneThread();
        _engine.Start();
    }

    /// <summary>The virtual clock.</summary>
    public TimeProvider Time => _world.Clock;

    /// <summary>Virtual time that has passed since the beginning.</summary>
    public TimeSpan Elapsed => _world.Elapsed;

    /// <summary>How often the engine was started, the first time included.</summary>
    public int Starts => _engine.Lives;

    /// <summary>Adds a worker.</summary>
    /// <param name="types">The job types it works on.</param>
    /// <param name="capacity">Runs it works on at a time, at least 1.</param>
    /// <param name="work">What it does with a run; called when the run is claimed.</param>
    public void AddWorker(IReadOnlyList<string> types, int capacity, Func<ClaimedRun, SimulatedRun> work)
    {
        ArgumentNullException.ThrowIfNull(types);
        ArgumentNullException.ThrowIfNull(work);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        var worker = new SimulatedWorker(_world, _engine, [.. types], capacity, work);
        _workers.Add(worker);
        worker.Claim();
    }

    /// <summary>Submits a job and waits, in virtual time, for the answer.</summary>
    public SubmitResult Submit(JobRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var id = JobId.New(_world.Clock.GetUtcNow().ToUnixTimeMilliseconds(), 0, _ids.Next());
        return Ask<SubmitResult>(done => _engine.Submit(request, id, done));
    }

    /// <summary>Shows a job, or null when there is none of this id.</summary>
    public JobView? Get(JobId id)
    {
        JobView? view = null;
        Ask<bool>(done => _engine.Look(
            loop => view = loop.Core.Find(id, null) is { } job ? Viewing.View(loop.Core, job, forOperator: true) : null,
            done));
        return view;
    }

    /// <summary>Cancels a job.</summary>
    public CancelOutcome Cancel(JobId id) => Ask<CancelOutcome>(done => _engine.Cancel(id, null, done));

    /// <summary>Confirms the next iterations of a job.</summary>
    public ConfirmOutcome Confirm(JobId id) => Ask<ConfirmOutcome>(done => _engine.Confirm(id, done));

    /// <summary>Changes settings while the engine runs.</summary>
    public void Reconfigure(Action<JobEngineOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        Ask<bool>(done =>
        {
            _engine.Reconfigure(change);
            _engine.Look(static _ => { }, done);
        });
    }

    /// <summary>Lets virtual time pass.</summary>
    public void RunFor(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        using var thread = new OneThread();
        Go(_world.Elapsed + time, static () => false);
    }

    /// <summary>Lets the wall clock jump; leases go on by a clock that nobody sets.</summary>
    public void JumpWallClock(TimeSpan by) => _world.Clock.StepWall(by);

    /// <summary>Ends the engine's process at once. It starts again by itself within seconds, on what its journal
    /// kept.</summary>
    /// <param name="losesPower">Whether the machine fails too: what was not synced may be lost.</param>
    public void Crash(bool losesPower = false)
    {
        using var thread = new OneThread();
        _engine.MayLosePower = losesPower;
        _engine.Crash();
    }

    /// <inheritdoc/>
    public void Dispose() => _engine.Life?.Dispose();

    private T Ask<T>(Action<Action<T, bool>> ask)
    {
        using var thread = new OneThread();
        T? answer = default;
        var end = _world.Elapsed + Patience;
        bool? isKnown = false;
        while (isKnown == false)
        {
            Go(end, () => _engine.IsUp);
            isKnown = null;
            ask((result, known) => (answer, isKnown) = (result, known));
            Go(end, () => isKnown is not null);
            if (isKnown is null || _world.Elapsed >= end)
            {
                throw new SimulationException($"The engine has not answered within {Patience} of virtual time.");
            }
        }

        return answer!;
    }

    private void Go(TimeSpan until, Func<bool> isDone)
    {
        while (!isDone() && _world.Step(until))
        {
            _engine.AfterEvent();
            if (_inquest.Finding is { } finding)
            {
                throw new SimulationException($"{finding.Invariant} was broken at {finding.At}: {finding.Message}");
            }
        }

        if (!isDone())
        {
            _world.RunUntil(until);
        }
    }
}
