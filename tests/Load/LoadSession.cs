using System.Diagnostics;
using System.Globalization;
using Engine.Tests.Load.Checks;
using Engine.Tests.Load.Driving;
using Engine.Tests.Load.Targets;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load;

/// <summary>An engine under load, and everything that is known of it from the outside.</summary>
internal sealed class LoadSession : IAsyncDisposable
{
    private readonly string? _directory;
    private readonly JournalPlace? _journal;
    private readonly JournalReader? _reader;
    private Observer _observer;

    private LoadSession(LoadPlan plan, Workload workload, Target target, JournalPlace? journal, string? directory)
    {
        (Plan, Target, _journal, _directory) = (plan, target, journal, directory);
        Audit = new JournalAudit(plan.Limits, Findings);
        _reader = target.Journal is { } read ? new JournalReader(read, Audit) : null;
        Workload = workload;
        Traffic = new Traffic(target, workload, Ledger, Findings, plan.Seed);
        _observer = Look();
    }

    internal LoadPlan Plan { get; }

    internal Target Target { get; }

    internal Findings Findings { get; } = new();

    internal Ledger Ledger { get; } = new();

    internal JournalAudit Audit { get; }

    internal Workload Workload { get; }

    internal Traffic Traffic { get; }

    /// <summary>The most memory that the engine's process was seen to take.</summary>
    internal long MemoryPeak { get; private set; }

    /// <summary>How often the queue was looked at meanwhile.</summary>
    internal long Looks { get; private set; }

    /// <summary>How long the engine took from its end until it served again.</summary>
    internal TimeSpan RestartTime { get; private set; }

    /// <summary>Starts what is to be loaded.</summary>
    internal static async Task<LoadSession> StartAsync(LoadPlan plan)
    {
        // The users of another run may have used up their allowances, and own their projects.
        string users = plan.Url is null
            ? "user"
            : string.Create(CultureInfo.InvariantCulture, $"load-{Environment.ProcessId}-{Stopwatch.GetTimestamp():x}");
        var workload = new Workload(plan.Limits, plan.Seed, plan.Users, plan.Padding, plan.Url is not null, users);
        if (plan.Url is { } url)
        {
            return new LoadSession(plan, workload, HttpTarget.Existing(workload, url), null, null);
        }

        string directory = plan.Directory is null
            ? Directory.CreateTempSubdirectory("engine-load-").FullName
            : Directory.CreateDirectory(Path.Combine(plan.Directory, $"load-{Environment.ProcessId}")).FullName;
        JournalPlace? journal = null;
        try
        {
            journal = await JournalPlace.CreateAsync(plan.Journal, Path.Combine(directory, "data"), plan.SnapshotBytes);
            LoadSession? session = null;
            Target target = plan.Target == TargetKind.Http
                ? await HttpTarget.StartAsync(workload, directory, journal, plan.SnapshotBytes, plan.HeapLimitMiB)
                : await InProcessTarget.StartAsync(
                    workload, journal, plan.SnapshotBytes, () => session!._reader!.ReadOnAsync());
            return session = new LoadSession(plan, workload, target, journal, directory);
        }
        catch
        {
            await DeleteAsync(journal, directory);
            throw;
        }
    }

    /// <summary>Loads it by callers who wait for their answers.</summary>
    internal Task<Recorder> ClosedAsync(
        int callers,
        long count,
        Func<long, ValueTask<Operation>>? operation = null,
        CancellationToken stop = default) =>
        Task.Run(() => WithStreamsAsync(() => ClosedLoop.RunAsync(
            callers, count, operation ?? Traffic.AnyAsync, TimeProvider.System, stop)));

    /// <summary>Loads it by callers who come when they come.</summary>
    internal Task<Recorder> OpenAsync(
        IEnumerable<TimeSpan> arrivals,
        int places,
        Func<long, ValueTask<Operation>>? operation = null,
        CancellationToken stop = default) =>
        Task.Run(() => WithStreamsAsync(() => OpenLoop.RunAsync(
            arrivals, places, operation ?? Traffic.AnyAsync, TimeProvider.System, stop)));

    /// <summary>Waits until what was accepted is done, as far as it can be today.</summary>
    internal async Task DrainAsync()
    {
        try
        {
            if (!await _observer.UntilIdleAsync())
            {
                throw new NoAnswerException("The engine is gone: what it accepted is not done.");
            }
        }
        catch (TimeoutException stuck)
        {
            Findings.Unless(
                false, "V2", $"{Audit.Queued} jobs are still queued and {Audit.Running} running: {stuck.Message}");
        }
    }

    /// <summary>Settles when the work is done, starts the engine again on what it stored, and settles once more.</summary>
    /// <returns>How many submissions were sent once more.</returns>
    internal async Task<int> SettleAcrossARestartAsync()
    {
        await DrainAsync();
        await SettleAsync();
        await EndAsync(kill: false);
        await StartAgainAsync();
        await DrainAsync();
        return await SettleAsync(resend: true);
    }

    /// <summary>Ends the engine. What answers it gave is in its journal from here on, or lost.</summary>
    internal async Task EndAsync(bool kill)
    {
        // Those who are under way may get no answer.
        Traffic.MayEnd = true;
        var ending = Target.EndAsync(kill);
        await StopLookingAsync();
        await ending;
    }

    internal async Task StartAgainAsync()
    {
        long began = Stopwatch.GetTimestamp();
        await Target.StartAgainAsync();
        RestartTime = Stopwatch.GetElapsedTime(began);
        Traffic.MayEnd = false;
        _observer = Look();
    }

    /// <summary>Holds everything that was answered against the journal and against what the engine says now. Nothing is
    /// under way.</summary>
    /// <returns>How many submissions were sent once more.</returns>
    internal async Task<int> SettleAsync(bool resend = false)
    {
        await StopLookingAsync();
        await (_reader?.ReadOnAsync() ?? Task.CompletedTask);
        var settlement = new Settlement(this);
        await settlement.RunAsync();
        int resent = resend ? await settlement.ResendAsync() : 0;
        Findings.Unless(
            Plan.MaxMemoryMiB == 0 || MemoryPeak <= Plan.MaxMemoryMiB * 1024L * 1024L,
            "F21", $"the engine took {MemoryPeak / 1024 / 1024} MiB of memory, {Plan.MaxMemoryMiB} may be");
        _observer = Look();
        return resent;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await StopLookingAsync();
        }
        finally
        {
            await Target.DisposeAsync();
            _reader?.Dispose();
            await DeleteAsync(_journal, _directory);
        }
    }

    private static async Task DeleteAsync(JournalPlace? journal, string? directory)
    {
        if (journal is not null)
        {
            await journal.DisposeAsync();
        }

        if (directory is not null)
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private Observer Look()
    {
        var patience = TimeSpan.FromSeconds(30) + (2 * Plan.Limits.Hold);
        bool mustKeepUp = Target is HttpTarget && Plan.SnapshotBytes > 0;
        var observer = new Observer(
            Target, _reader, mustKeepUp, Audit, Findings, patience, () => Traffic.MayEnd);
        observer.Start();
        return observer;
    }

    private async Task StopLookingAsync()
    {
        await _observer.DisposeAsync();
        MemoryPeak = Math.Max(MemoryPeak, _observer.MemoryPeak);
        Looks += _observer.Looks;
    }

    private async Task<Recorder> WithStreamsAsync(Func<Task<Recorder>> driveAsync)
    {
        using var stop = new CancellationTokenSource();
        var held = Task.WhenAll(Enumerable.Range(0, Plan.Streams)
            .Select(number => Task.Run(() => HoldStreamsAsync(number, stop.Token)))
            .ToList());
        var recorder = await driveAsync();
        await stop.CancelAsync();
        await held;
        return recorder;
    }

    private async Task HoldStreamsAsync(int number, CancellationToken stop)
    {
        var dice = Dice.For(Plan.Seed, 0x57_0000 + (ulong)number);
        try
        {
            await Ledger.FirstAsync(stop);
            while (!stop.IsCancellationRequested && await Traffic.WatchAsync(Ledger.AnyRecent(ref dice)!, stop))
            {
                Ledger.Count("streams_opened");
            }
        }
        catch (OperationCanceledException)
        {
            // Nothing was accepted at all.
        }
        catch (NoAnswerException)
        {
            // The engine has ended: so do its streams.
        }
    }
}
