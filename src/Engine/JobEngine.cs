using Engine.Runtime;
using Engine.Storage;

namespace Engine;

/// <summary>The front door: submit, watch, cancel and confirm jobs; claim and end runs.</summary>
/// <remarks>
/// All members may be called from any thread. An answer is given only when everything it shows is durable. After the
/// first storage error every call ends with <see cref="EngineStoppedException"/>: what was asked last may have happened
/// or not, and a restart decides from what is stored (D5).
/// </remarks>
public sealed class JobEngine : IRunReporter, IAsyncDisposable
{
    /// <summary>Whether the engine has started and its storage is sound.</summary>
    public EngineHealth Health => throw new NotImplementedException();

    /// <summary>What acknowledged work survives.</summary>
    public Durability Durability => throw new NotImplementedException();

    /// <summary>Completes when the engine has stopped, with the exception that stopped it if it was one.</summary>
    public Task Stopped => throw new NotImplementedException();

    /// <summary>Acquires the journal, replays it, ends the runs that lost their worker, and starts to decide.</summary>
    /// <exception cref="JournalException">The journal is locked or damaged; nothing was changed.</exception>
    public ValueTask StartAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Refuses new work, lets running handlers end until <paramref name="cancellationToken"/> is set, then stops.
    /// Runs still open are found lost, and queued again, at the next start.</summary>
    public ValueTask StopAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Submits a job. Whether it is queued, scheduled or refused is one decision.</summary>
    public ValueTask<SubmitResult> SubmitAsync(JobRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Shows a job, or null when there is none of this id, or it is not <paramref name="userId"/>'s (LA-21).</summary>
    /// <param name="jobId">Which job.</param>
    /// <param name="userId">The owner to check for, or null to show any job.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public ValueTask<JobView?> GetAsync(JobId jobId, string? userId = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Lists a user's jobs, newest first.</summary>
    public ValueTask<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Counts the queue.</summary>
    public ValueTask<QueueSummary> GetQueueAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>A user's counters for today under a tier (A-U3, A-U6).</summary>
    public ValueTask<UsageCounters> GetUsageAsync(string userId, string? tier, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Cancels a job in any state that is not final. A running handler gets its cancellation token.</summary>
    public ValueTask<CancelResult> CancelAsync(JobId jobId, string? userId = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Grants a suspended job its next batch of iterations and queues it at its original place.</summary>
    public ValueTask<ConfirmResult> ConfirmAsync(JobId jobId, string? userId = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Watches one job: subscribes first, then takes the snapshot, so that no change falls between (DA-24).</summary>
    /// <param name="jobId">Which job.</param>
    /// <param name="userId">The owner to check for, or null.</param>
    /// <param name="afterEventId">Resume after this event: known later ones are replayed; when they are no longer known
    /// the first update is a <see cref="JobUpdateKind.Resync"/>. Null: only what happens from now on.</param>
    /// <param name="cancellationToken">Gives up waiting for the subscription.</param>
    /// <returns>Null when there is no such job. Dispose it to stop watching.</returns>
    public ValueTask<JobWatch?> WatchAsync(JobId jobId, string? userId = null, long? afterEventId = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Watches every job of every user from now on: for operators and live displays.</summary>
    public ValueTask<UpdateFeed> WatchAllAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Changes tiers, resources, job types and the global cap while running. Raised limits take effect at once;
    /// under lowered ones running work ends in its own time (A9).</summary>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">A value breaks its rule; nothing was changed.</exception>
    public ValueTask ReconfigureAsync(Action<JobEngineOptions> change, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Waits for work: answers with the best runs for these types as soon as there is one, at most
    /// <see cref="ClaimRequest.MaxRuns"/>; empty when cancelled or stopping.</summary>
    public ValueTask<IReadOnlyList<ClaimedRun>> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Records how a run ended. A stale lease changes nothing (L5).</summary>
    public ValueTask<LeaseAnswer> EndRunAsync(RunLease lease, RunOutcome outcome) => throw new NotImplementedException();

    /// <summary>Moves a run to a stage of its pipeline.</summary>
    public ValueTask<LeaseAnswer> MoveToStageAsync(RunLease lease, string stage, string? message = null) => throw new NotImplementedException();

    /// <summary>Records a run's progress, 0 to 100 percent.</summary>
    public ValueTask<LeaseAnswer> ReportProgressAsync(RunLease lease, int percent, string? message = null) => throw new NotImplementedException();

    /// <summary>Counts one more iteration, or says why not (A-I1 to A-I4).</summary>
    public ValueTask<IterationAnswer> BeginIterationAsync(RunLease lease) => throw new NotImplementedException();

    /// <summary>Renews a run's lease by <see cref="JobEngineOptions.LeaseDuration"/>.</summary>
    public ValueTask<LeaseAnswer> HeartbeatAsync(RunLease lease) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}

/// <summary>How an engine is.</summary>
public enum EngineHealth
{
    /// <summary>Not started, or replaying its journal.</summary>
    Starting = 1,

    /// <summary>Deciding.</summary>
    Running = 2,

    /// <summary>Refusing new work, ending the old.</summary>
    Stopping = 3,

    /// <summary>Stopped as asked.</summary>
    Stopped = 4,

    /// <summary>Stopped by a storage error; only a restart helps (D5).</summary>
    Failed = 5,
}

/// <summary>The engine has stopped: what was asked last may have happened or not.</summary>
public sealed class EngineStoppedException : InvalidOperationException
{
    /// <summary>Creates the exception without details.</summary>
    public EngineStoppedException()
    {
    }

    /// <summary>Creates the exception with a reason.</summary>
    public EngineStoppedException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public EngineStoppedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>A running watch of one job.</summary>
public sealed class JobWatch : IDisposable
{
    /// <summary>The job as it was when watching began: updates with a higher event id follow.</summary>
    public JobView Snapshot => throw new NotImplementedException();

    /// <summary>What happens to the job, until it is final or the watch is disposed. Bounded: a reader that falls too far
    /// behind gets a <see cref="JobUpdateKind.Resync"/> in place of what it missed (F21).</summary>
    public IAsyncEnumerable<JobUpdate> ReadAllAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotImplementedException();
}

/// <summary>A running watch of all jobs.</summary>
public sealed class UpdateFeed : IDisposable
{
    /// <summary>What happens, until disposed or the engine stops. Bounded like <see cref="JobWatch.ReadAllAsync"/>.</summary>
    public IAsyncEnumerable<JobUpdate> ReadAllAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotImplementedException();
}
