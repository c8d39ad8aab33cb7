using System.Runtime.CompilerServices;
using Engine.Tests.Load.Checks;
using Engine.Tests.Load.Work;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Engine.Tests.Load.Targets;

/// <summary>An engine in this process, set up as an application does: with its worker pool, by its public
/// API.</summary>
internal sealed class InProcessTarget : Target
{
    private readonly Workload _workload;
    private readonly JournalPlace _journal;
    private readonly Func<Task> _readOnAsync;
    private readonly int _snapshotBytes;
    private readonly Stack<IHostedService> _started = new();
    private ServiceProvider? _services;
    private JobEngine? _engine;

    private InProcessTarget(Workload workload, JournalPlace journal, int snapshotBytes, Func<Task> readOnAsync) =>
        (_workload, _journal, _snapshotBytes, _readOnAsync) = (workload, journal, snapshotBytes, readOnAsync);

    internal JobEngine Engine => _engine ?? throw new NoAnswerException("The engine was stopped.");

    internal override JournalPlace? Journal => _journal;

    internal override long MemoryBytes => GC.GetTotalMemory(forceFullCollection: false);

    internal override TimeSpan ProcessorTime => Environment.CpuUsage.TotalTime;

    /// <summary>Starts one.</summary>
    /// <param name="workload">What it is to serve.</param>
    /// <param name="journal">Where its events go.</param>
    /// <param name="snapshotBytes">After how much of it snapshots are taken, or 0 for none.</param>
    /// <param name="readOnAsync">Called before any of it is cut off.</param>
    internal static async Task<InProcessTarget> StartAsync(
        Workload workload, JournalPlace journal, int snapshotBytes, Func<Task> readOnAsync)
    {
        var target = new InProcessTarget(workload, journal, snapshotBytes, readOnAsync);
        await target.StartAgainAsync();
        return target;
    }

    internal override async ValueTask<SubmitAnswer> SubmitAsync(Ask ask)
    {
        try
        {
            var result = await Engine.SubmitAsync(new JobRequest
            {
                Type = ask.Type,
                UserId = ask.User,
                ProjectId = ask.Project,
                Tier = ask.Tier,
                Priority = ask.Priority,
                Payload = _workload.Payload(ask),
                IdempotencyKey = ask.Key,
            }).ConfigureAwait(false);
            return result.Outcome switch
            {
                SubmitOutcome.Queued => new(Answer.Queued, result.JobId, result.Repeated),
                SubmitOutcome.Scheduled => new(Answer.Scheduled, result.JobId, result.Repeated),
                SubmitOutcome.Refused => new(
                    Answer.Refused, Reason: Wire(result.Refusal!.Reason), RetryAfter: result.Refusal.RetryAfter),
            };
        }
        catch (Exception gone) when (gone is EngineStoppedException or NoAnswerException)
        {
            return new(Answer.None, Reason: gone.Message);
        }
    }

    internal override async ValueTask<JobLook?> LookAsync(Acknowledged job) =>
        await AskAsync(engine => engine.GetAsync(job.Id, job.User)) is { } view
            ? new JobLook(view.State, view.Position, view.WaitingFor?.Kind.ToString(), view.ScheduledFor)
            : null;

    internal override async ValueTask<bool> CancelAsync(Acknowledged job) =>
        (await AskAsync(engine => engine.CancelAsync(job.Id, job.User))).Outcome
            is CancelOutcome.Cancelled or CancelOutcome.Requested;

    internal override async ValueTask<bool> ConfirmAsync(Acknowledged job) =>
        (await AskAsync(engine => engine.ConfirmAsync(job.Id, job.User))).Outcome == ConfirmOutcome.Confirmed;

    internal override async ValueTask<QueueLook> QueueAsync()
    {
        var queue = await AskAsync(engine => engine.GetQueueAsync());
        long ended = queue.Tiers.Sum(tier => tier.Completed + tier.Failed + tier.Cancelled);
        return new QueueLook(queue.Queued, queue.Running, queue.GlobalCap, ended);
    }

    internal override async IAsyncEnumerable<Change> WatchAsync(
        Acknowledged job, Action opened, [EnumeratorCancellation] CancellationToken stop)
    {
        using var watch = await AskAsync(engine => engine.WatchAsync(job.Id, job.User));
        if (watch is null)
        {
            yield break;
        }

        opened();
        yield return new Change(watch.Snapshot.LastEventId, watch.Snapshot.State, IsResync: false);
        var updates = watch.ReadAllAsync(stop).GetAsyncEnumerator(stop);
        await using (updates.ConfigureAwait(false))
        {
            while (await NextAsync(updates))
            {
                var update = updates.Current;
                yield return new Change(update.EventId, update.State, update.Kind == JobUpdateKind.Resync);
            }
        }

        async ValueTask<bool> NextAsync(IAsyncEnumerator<JobUpdate> from)
        {
            try
            {
                return await from.MoveNextAsync();
            }
            catch (Exception over) when (over is OperationCanceledException or EngineStoppedException)
            {
                return false;
            }
        }
    }

    internal override async Task EndAsync(bool kill)
    {
        if (kill)
        {
            throw new NotSupportedException("An engine in this process cannot be killed without it.");
        }

        _engine = null;
        while (_started.TryPop(out var part))
        {
            await part.StopAsync(CancellationToken.None);
        }

        if (_services is not null)
        {
            await _services.DisposeAsync();
        }
    }

    internal override async Task StartAgainAsync()
    {
        var limits = _workload.Limits;
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddEngine(engine =>
        {
            engine.UseJournal(_ => new ReadBeforeCut(_journal.Open(), _readOnAsync));
            engine.AddTiers(limits.Tiers).Configure(options =>
            {
                options.GlobalCap = limits.GlobalCap;
                options.MaxConcurrentRuns = limits.Runs;
                options.Resources[Workload.Gpu] = limits.Gpus;
                options.MaxDaysAhead = limits.DaysAhead;
                options.RetentionCount = limits.Retention;
                options.InboxCapacity = limits.Inbox;
                options.SnapshotJournalBytes = _snapshotBytes;
            });
            engine.AddHandler(Workload.Quick, Handler)
                .AddHandler(Workload.Steps, Handler)
                .AddHandler(Workload.Heavy, Handler, type => type with { Resources = [Workload.Gpu] })
                .AddHandler(Workload.Held, Handler)
                .AddHandler(Workload.HeldGpu, Handler, type => type with { Resources = [Workload.Gpu] })
                .AddHandler(Workload.Build, Handler, type => type with { Pipeline = Pipeline.Build });
        });
        _services = services.BuildServiceProvider();
        foreach (var part in _services.GetServices<IHostedService>())
        {
            await part.StartAsync(CancellationToken.None);
            _started.Push(part);
        }

        _engine = _services.GetRequiredService<JobEngine>();

        LoadHandler Handler(IServiceProvider _) => new(limits.Hold);
    }

    public override async ValueTask DisposeAsync() => await EndAsync(kill: false);

    private static string Wire(RefusalReason reason) => reason switch
    {
        RefusalReason.GlobalCapReached => SubmitAnswer.CapReached,
        RefusalReason.ScheduleFull => SubmitAnswer.ScheduleFull,
        RefusalReason.IdempotencyKeyReused => SubmitAnswer.KeyReused,
        RefusalReason.Stopping => SubmitAnswer.Stopping,
        _ => reason.ToString(),
    };

    private async ValueTask<T> AskAsync<T>(Func<JobEngine, ValueTask<T>> ask)
    {
        try
        {
            return await ask(Engine).ConfigureAwait(false);
        }
        catch (EngineStoppedException stopped)
        {
            throw new NoAnswerException(stopped.Message, stopped);
        }
    }
}
