using Engine.Core.Rules;
using Engine.Estimation;

namespace Engine.Core;

/// <summary>Takes note of every fact the core decides, in order.</summary>
internal interface IEventSink
{
    /// <summary>Called after the event was applied; <paramref name="job"/> is null for events about no single
    /// job.</summary>
    void Recorded(in JobEvent e, Job? job);

    /// <summary>Whether the batch has no room for more events: whoever works in a loop goes on in the next
    /// step.</summary>
    bool IsFull { get; }

    /// <summary>Called for each job that an event made the core forget.</summary>
    void Forgotten(JobId id);
}

/// <summary>The deterministic heart of the engine: the same commands at the same instants give the same
/// events.</summary>
/// <remarks>
/// No clock, no dice, no I/O, no log and no await in here. The rules (<c>Core/Rules</c>) read state and emit events;
/// <see cref="Apply"/> alone changes state, live and in recovery alike, so there is one way for a fact to become state.
/// Estimates are answers, never grounds for a decision.
/// </remarks>
internal sealed class EngineCore
{
    /// <param name="settings">The settings in force.</param>
    /// <param name="estimator">Guesses waits.</param>
    /// <param name="sink">Told of every event.</param>
    /// <param name="isLedger">It applies events and decides nothing (<see cref="EngineState.IsLedger"/>).</param>
    /// <param name="tableSeed">Random where callers choose ids (<see cref="JobTable"/>); decides nothing.</param>
    internal EngineCore(
        EngineSettings settings,
        IWaitEstimator estimator,
        IEventSink sink,
        bool isLedger = false,
        ulong tableSeed = 0)
    {
        State = new EngineState(isLedger, tableSeed);
        Sink = sink;
        Estimator = estimator;
        Settings = settings;
        Configuring.Adopt(this, settings);
    }

    internal EngineState State { get; }

    internal EngineSettings Settings { get; set; }

    /// <summary>What jobs are shown as, by number.</summary>
    internal StatusBook Statuses { get; } = new();

    internal IWaitEstimator Estimator { get; }

    internal IEventSink Sink { get; }

    /// <inheritdoc cref="CommonEvents"/>
    internal CommonEvents Common { get; } = new();

    /// <summary>The instant that every decision until the next call is judged by. The logical clock never goes back:
    /// a wall clock that does stands still for the engine (A7, F14).</summary>
    /// <param name="wall">What the wall clock says.</param>
    /// <param name="monotonicMs">What a clock says that nobody sets: leases are measured by it alone (F14).</param>
    internal void AdvanceTo(Instant wall, long monotonicMs)
    {
        State.MonotonicMs = monotonicMs;
        if (wall > State.Now || Planted.Is(PlantedBug.ClockGoesBack))
        {
            State.Now = wall;
        }
    }

    /// <summary>Lets the estimator learn what the state keeps of completed runs: once, when the state is
    /// restored.</summary>
    internal void TeachEstimator()
    {
        foreach (var tier in State.Tiers.Values)
        {
            foreach (long durationMs in tier.Durations)
            {
                Estimator.Record(tier.Policy, new TimeSpan(durationMs * TimeSpan.TicksPerMillisecond));
            }
        }
    }

    /// <summary>How long a job of a tier may wait at a place. Whoever guesses may be somebody else's: without one of
    /// the known confidences a guess could be neither kept nor shown.</summary>
    internal WaitEstimate EstimateOf(Tier tier, long position)
    {
        var estimate = Estimator.Estimate(tier, position, Settings.Workers);
        return estimate.Confidence is EstimateConfidence.Low or EstimateConfidence.Medium
            ? estimate
            : estimate with { Confidence = EstimateConfidence.Low };
    }

    /// <summary>Makes a decision a fact. Returns the job it is about, if it is about one.</summary>
    internal Job? Emit(in JobEvent e)
    {
        var job = Apply(e);
        Sink.Recorded(e, job);
        return job;
    }

    /// <summary>The only method that changes state. Returns the job the event is about, if it is about one.</summary>
    internal Job? Apply(in JobEvent e)
    {
        State.LastEventId++;
        var job = e.Kind switch
        {
            EventKind.JobSubmitted => Submitting.ApplySubmitted(this, e),
            EventKind.AnswerKept => Submitting.ApplyAnswer(this, e),
            EventKind.JobReleased => Releasing.ApplyReleased(this, e),
            EventKind.JobDeferred => Releasing.ApplyDeferred(this, e),
            EventKind.RunStarted => Claiming.ApplyStarted(this, e),
            EventKind.StageEntered => Reporting.ApplyStage(this, e),
            EventKind.ProgressReported => Reporting.ApplyProgress(this, e),
            EventKind.IterationStarted => Iterating.ApplyStarted(this, e),
            EventKind.JobConfirmed => Iterating.ApplyConfirmed(this, e),
            EventKind.RunEnded => Finishing.ApplyRunEnded(this, e),
            EventKind.CancelRequested => Cancelling.ApplyRequested(this, e),
            EventKind.JobEnded => Cancelling.ApplyEnded(this, e),
            EventKind.JobsPurged => Retaining.ApplyPurged(this, e),
            EventKind.OrderingChanged => Configuring.ApplyOrdering(this, e),
            EventKind.None => throw new InvariantViolationException("An event without a kind reached the core."),
        };

        if (job is not null)
        {
            job.LastEventId = State.LastEventId;
        }

        return job;
    }

    /// <summary>The job an event is about, about to be changed; it must be there.</summary>
    internal Job JobOf(in JobEvent e)
    {
        if (e.KnownJob is not { } job)
        {
            bool known = State.Jobs.TryGetValue(e.JobId, out job);
            Invariant.Holds(known && job is not null);
        }

        State.Image?.Keep(job);
        return job;
    }

    /// <summary>The job whose open run the lease is for, or null when that run is over (L5).</summary>
    internal Job? HolderOf(in RunLease lease)
    {
        // The hint may be another engine's job, or stand for another job by now: it counts only if it runs here.
        var job = lease.Hint as Job;
        if (job is null || job.Id != lease.JobId || !State.Leases.Contains(job))
        {
            State.Jobs.TryGetValue(lease.JobId, out job);
        }

        return job is not null
            && job.State == JobState.Running
            && ((job.Runs == lease.Run && job.RunEpoch == lease.Epoch)
                || Planted.Is(PlantedBug.StaleCompletionAccepted))
                ? job
                : null;
    }

    /// <summary>A job by id, if it is the user's; null as user sees every job (LA-21).</summary>
    internal Job? Find(JobId id, string? userId) =>
        State.Jobs.TryGetValue(id, out var job) && (userId is null || job.User.Id == userId) ? job : null;
}
