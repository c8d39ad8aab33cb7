using Engine.Core;
using Engine.Core.Rules;
using Engine.Diagnostics;
using Engine.Estimation;
using Engine.Hosting;
using Engine.Runtime;
using Engine.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine;

/// <summary>The front door: submit, watch, cancel and confirm jobs; claim and end runs.</summary>
/// <remarks>
/// All members may be called from any thread. An answer is given only when everything it shows is durable. After the
/// first storage error every call ends with <see cref="EngineStoppedException"/>: what was asked last may have happened
/// or not, and a restart decides from what is stored (D5).
/// </remarks>
public sealed partial class JobEngine : IRunReporter, IAsyncDisposable
{
    private readonly IJournal _journal;
    private readonly IWaitEstimator _estimator;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Inbox _inbox;
    private readonly ClockLead _clock;
    private readonly JournalDelay _delay;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile JobEngineOptions _options;
    private LoopThread? _loop;
    private SnapshotThread? _snapshots;
    private int _health = (int)EngineHealth.Starting;

    /// <summary>Makes an engine that decides nothing before <see cref="StartAsync"/>.</summary>
    /// <param name="options">The settings; checked here.</param>
    /// <param name="journal">Where events are kept; the engine disposes it.</param>
    /// <param name="time">The only clock.</param>
    /// <param name="estimator">Guesses waits; by default the documented formula.</param>
    /// <param name="logger">Where the engine says what an operator should know.</param>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">A setting breaks its rule.</exception>
    public JobEngine(
        JobEngineOptions options,
        IJournal journal,
        TimeProvider time,
        IWaitEstimator? estimator = null,
        ILogger<JobEngine>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(journal);
        ArgumentNullException.ThrowIfNull(time);
        OptionsRules.Check(options);
        _options = OptionsRules.Copy(options);
        _journal = journal;
        _time = time;
        _estimator = estimator ?? new MovingAverageEstimator();
        _logger = logger ?? NullLogger<JobEngine>.Instance;
        _inbox = new Inbox(options.InboxCapacity);
        _clock = new ClockLead(time);
        _delay = new JournalDelay(time);
        Metrics.Observe(_clock, _delay);
    }

    /// <summary>Whether the engine has started and its storage is sound.</summary>
    public EngineHealth Health => (EngineHealth)Volatile.Read(ref _health);

    /// <summary>What acknowledged work survives.</summary>
    public Durability Durability => _journal.Durability;

    /// <summary>Completes when the engine has stopped, with the exception that stopped it if it was one.</summary>
    public Task Stopped => _stopped.Task;

    /// <summary>What the start found; null before it.</summary>
    public RecoveryReport? Recovery { get; private set; }

    /// <summary>Whether nobody else can have become the owner of the journal, so that what the engine shows is current.
    /// False while a journal's lease has run out and was not renewed (<see cref="ILeasedJournal"/>): answers may be out of
    /// date then, though nothing can be changed. Always true for journals without leases.</summary>
    public bool HoldsJournal => _journal is not ILeasedJournal { HoldsLease: false };

    /// <summary>How far the engine's own clock is ahead of the wall clock. Zero, unless the wall clock has gone back (F14).
    /// The engine's never does: it stands still until the other has caught up, and nothing that waits for a time
    /// (scheduled jobs, retries, time-outs of confirmations, the end of the day) comes due before. Work that waits for its
    /// turn goes on. docs/monitoring.md says what can be done.</summary>
    public TimeSpan ClockLead => _clock.Value;

    /// <summary>For how long something has been waiting for an answer of the journal; zero when nothing does. A disk that hangs
    /// gives no error: while this grows nothing is acknowledged, and many questions wait, too. docs/monitoring.md says what is
    /// told of it.</summary>
    public TimeSpan JournalDelay => _delay.Value;

    /// <summary>Whether the loop was started, so that it must be stopped.</summary>
    internal bool HasStarted => _loop is not null;

    /// <summary>Told when the journal is this engine's, before it is read; set before the start.</summary>
    internal Action? Acquired { get; set; }

    /// <summary>Told of runs that should stop; set by the worker pool before the start.</summary>
    internal Action<RunLease>? StopRun { get; set; }

    /// <summary>Told of jobs that are forgotten, in a list that is valid for the call; set by the host of the run logs
    /// before the start.</summary>
    internal Action<List<JobId>>? Forget { get; set; }

    /// <summary>The settings in force.</summary>
    internal JobEngineOptions Options => _options;

    internal TimeProvider Time => _time;

    internal EngineMetrics Metrics { get; } = new();

    /// <summary>Submits a job. Whether it is queued, scheduled or refused is one decision.</summary>
    public ValueTask<SubmitResult> SubmitAsync(JobRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (RequestRules.Objection(request, _options) is { } refusal)
        {
            return new(new SubmitResult { Outcome = SubmitOutcome.Refused, Refusal = refusal });
        }

        var operation = SubmitOperation.Pool.Rent();
        operation.Ask(RequestRules.ToSubmission(request, request.Id ?? JobId.New(_time)));
        return SendAsync(operation, cancellationToken);
    }

    /// <summary>Shows a job, or null when there is none of this id, or it is not <paramref name="userId"/>'s (LA-21).</summary>
    /// <param name="jobId">Which job.</param>
    /// <param name="userId">The owner to check for, or null to show any job.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public ValueTask<JobView?> GetAsync(
        JobId jobId, string? userId = null, CancellationToken cancellationToken = default) =>
        AskAsync(loop => View(loop, jobId, userId), cancellationToken);

    /// <summary>Lists a user's jobs, newest first. What one call looks at is bounded, so that a page may be short, or
    /// empty, with a cursor to go on (<see cref="JobPage"/>).</summary>
    public ValueTask<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(query.UserId, nameof(query));
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(query.Limit, 200);
        return AskAsync(loop => Viewing.List(loop.Core, query), cancellationToken);
    }

    /// <summary>Counts the queue.</summary>
    public ValueTask<QueueSummary> GetQueueAsync(CancellationToken cancellationToken = default) =>
        AskAsync(static loop => Viewing.Summarize(loop.Core), cancellationToken);

    /// <summary>A user's counters for today under a tier (A-U3, A-U6).</summary>
    public ValueTask<UsageCounters> GetUsageAsync(
        string userId, string? tier, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(userId);
        return AskAsync(
            loop => Viewing.UsageOf(
                loop.Core, loop.Core.State.Users.GetValueOrDefault(userId), loop.Core.TierFor(tier), iterationsUsed: 0),
            cancellationToken);
    }

    /// <summary>Cancels a job in any state that is not final. A running handler gets its cancellation token.</summary>
    public ValueTask<CancelResult> CancelAsync(
        JobId jobId, string? userId = null, CancellationToken cancellationToken = default) =>
        AskAsync(
            loop =>
            {
                if (loop.Core.Find(jobId, userId) is not { } job)
                {
                    return new CancelResult(CancelOutcome.NotFound, null);
                }

                var outcome = Cancelling.Decide(loop.Core, job);
                return new CancelResult(outcome, View(loop, jobId, userId));
            },
            cancellationToken);

    /// <summary>Grants a suspended job its next batch of iterations and queues it at its original place.</summary>
    public ValueTask<ConfirmResult> ConfirmAsync(
        JobId jobId, string? userId = null, CancellationToken cancellationToken = default) =>
        AskAsync(
            loop =>
            {
                if (loop.Core.Find(jobId, userId) is not { } job)
                {
                    return new ConfirmResult(ConfirmOutcome.NotFound, 0, null);
                }

                var (outcome, granted) = Iterating.DecideConfirm(loop.Core, job);
                return new ConfirmResult(outcome, granted, View(loop, jobId, userId));
            },
            cancellationToken);

    /// <summary>Watches one job: subscribes first, then takes the snapshot, so that no change falls between (DA-24).</summary>
    /// <param name="jobId">Which job.</param>
    /// <param name="userId">The owner to check for, or null.</param>
    /// <param name="afterEventId">Resume after this event: known later ones are replayed; when they are no longer known
    /// the first update is a <see cref="JobUpdateKind.Resync"/>. Null: only what happens from now on.</param>
    /// <param name="cancellationToken">Gives up waiting for the subscription.</param>
    /// <returns>Null when there is no such job. Dispose it to stop watching.</returns>
    public ValueTask<JobWatch?> WatchAsync(
        JobId jobId, string? userId = null, long? afterEventId = null, CancellationToken cancellationToken = default) =>
        KeepAsync(
            AskAsync(
                loop =>
                {
                    if (View(loop, jobId, userId) is not { } view)
                    {
                        return null;
                    }

                    var watcher = loop.Feed.Watch(view, afterEventId, out bool mustResync);
                    return new JobWatch(this, watcher, view, mustResync);
                },
                CancellationToken.None),
            static watch => watch?.Dispose(),
            cancellationToken);

    /// <summary>Watches every job of every user from now on: for operators and live displays.</summary>
    public ValueTask<UpdateFeed> WatchAllAsync(CancellationToken cancellationToken = default) =>
        KeepAsync(
            AskAsync(
                loop => new UpdateFeed(this, loop.Feed.WatchAll(loop.Core.State.LastEventId)), CancellationToken.None),
            static feed => feed.Dispose(),
            cancellationToken);

    /// <summary>Changes tiers, resources, job types, the global cap and most other settings while running. Raised limits
    /// take effect at once; under lowered ones running work ends in its own time (A9). What was decided stays decided: the
    /// instant of a job that is scheduled, for example.</summary>
    /// <param name="change">Changes a copy of the settings; called again when another change came between.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">A value breaks its rule, or is one of those
    /// that are read at the start (<see cref="JobEngineOptions"/>); nothing was changed.</exception>
    public async ValueTask ReconfigureAsync(
        Action<JobEngineOptions> change, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        bool adopted;
        do
        {
            var before = _options;
            var options = OptionsRules.Copy(before);
            change(options);
            OptionsRules.Check(options);
            OptionsRules.CheckFixed(before, options);
            var settings = EngineSettings.From(options);
            adopted = await AskAsync(
                loop =>
                {
                    // Somebody else's change came between: this one is made again, on top of it.
                    if (!ReferenceEquals(_options, before))
                    {
                        return false;
                    }

                    Configuring.Adopt(loop.Core, settings);
                    Configuring.DecideOrdering(loop.Core);
                    _options = options;
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
        }
        while (!adopted);
    }

    /// <summary>Waits for work: answers with the best runs for these types as soon as there is one, at most
    /// <see cref="ClaimRequest.MaxRuns"/>; empty when the engine stops.</summary>
    /// <remarks>A claim that is given up by its token takes nothing: runs that were already on their way to it go back to
    /// their place, without having been worked on.</remarks>
    public ValueTask<IReadOnlyList<ClaimedRun>> ClaimAsync(
        ClaimRequest request, CancellationToken cancellationToken = default)
    {
        RequestRules.CheckClaim(request);
        return ClaimAsync(
            new ClaimOperation([.. request.Types.Distinct()], request.MaxRuns, waits: true), cancellationToken);
    }

    /// <summary>Claims what can run now, at most <see cref="ClaimRequest.MaxRuns"/>, without waiting; empty when nothing
    /// can.</summary>
    public ValueTask<IReadOnlyList<ClaimedRun>> TryClaimAsync(
        ClaimRequest request, CancellationToken cancellationToken = default)
    {
        RequestRules.CheckClaim(request);
        return ClaimAsync(
            new ClaimOperation([.. request.Types.Distinct()], request.MaxRuns, waits: false), cancellationToken);
    }

    /// <summary>Records how a run ended. A stale lease changes nothing (L5).</summary>
    /// <exception cref="ArgumentException">A result, checkpoint or error is larger than allowed.</exception>
    public ValueTask<LeaseAnswer> EndRunAsync(RunLease lease, RunOutcome outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        RequestRules.CheckOutcome(outcome, _options);
        var operation = EndRunOperation.Pool.Rent();
        operation.Lease = lease;
        operation.Outcome = outcome;
        return SendAsync(operation, CancellationToken.None);
    }

    /// <summary>Moves a run to a stage of its pipeline. Messages are cut at 500 characters.</summary>
    public ValueTask<LeaseAnswer> MoveToStageAsync(RunLease lease, string stage, string? message = null) =>
        AskAsync(
            loop => Reporting.DecideStage(loop.Core, lease, stage, RequestRules.ShortMessage(message)),
            CancellationToken.None);

    /// <summary>Records a run's progress, 0 to 100 percent. Messages are cut at 500 characters.</summary>
    public ValueTask<LeaseAnswer> ReportProgressAsync(RunLease lease, int percent, string? message = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(percent);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percent, 100);
        return AskAsync(
            loop => Reporting.DecideProgress(loop.Core, lease, percent, RequestRules.ShortMessage(message)),
            CancellationToken.None);
    }

    /// <summary>Counts one more iteration, or says why not (A-I1 to A-I4).</summary>
    public ValueTask<IterationAnswer> BeginIterationAsync(RunLease lease) =>
        AskAsync(loop => Iterating.DecideBegin(loop.Core, lease), CancellationToken.None);

    /// <summary>Renews a run's lease by <see cref="JobEngineOptions.LeaseDuration"/>.</summary>
    public ValueTask<LeaseAnswer> HeartbeatAsync(RunLease lease) =>
        AskAsync(loop => Leasing.DecideHeartbeat(loop.Core, lease), CancellationToken.None);

    /// <summary>Renews many leases in one go; the answers for runs that should stop or are lost are given back.</summary>
    internal ValueTask<List<(RunLease Lease, LeaseAnswer Answer)>> HeartbeatAsync(RunLease[] leases) =>
        AskAsync(loop => Leasing.DecideHeartbeats(loop.Core, leases), CancellationToken.None);

    /// <summary>Runs a question on the loop and answers when what it saw is durable.</summary>
    internal ValueTask<TResult> AskAsync<TResult>(
        Func<LoopContext, TResult> question, CancellationToken cancellationToken) =>
        SendAsync(new FuncOperation<TResult>(question), cancellationToken);

    private static JobView? View(LoopContext loop, JobId jobId, string? userId) =>
        loop.Core.Find(jobId, userId) is { } job ? Viewing.View(loop.Core, job, forOperator: userId is null) : null;

    private ValueTask<TResult> SendAsync<TResult>(Operation<TResult> operation, CancellationToken cancellationToken)
    {
        if (_loop is null)
        {
            throw new InvalidOperationException("The engine has not been started.");
        }

        // Read before the operation is sent: afterwards it may be answered, taken and used for somebody else.
        var answer = operation.Task;
        var written = _inbox.WriteAsync(operation, cancellationToken);
        if (!written.IsCompletedSuccessfully)
        {
            return SendSlowlyAsync(written, answer, cancellationToken);
        }

        return cancellationToken.CanBeCanceled ? GiveUpAsync(answer, cancellationToken) : answer;
    }

    private static async ValueTask<TResult> SendSlowlyAsync<TResult>(
        ValueTask written, ValueTask<TResult> answer, CancellationToken cancellationToken)
    {
        await written.ConfigureAwait(false);
        return await answer.AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    // The operation goes on: the caller only stops to wait for its answer.
    private static ValueTask<TResult> GiveUpAsync<TResult>(ValueTask<TResult> answer, CancellationToken cancellationToken) =>
        answer.IsCompleted ? answer : new(answer.AsTask().WaitAsync(cancellationToken));
}
