using Engine.Core;
using Engine.Core.Imaging;
using Engine.Core.Rules;
using Engine.Diagnostics;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Tests;

/// <summary>The real loop on any journal, stepped by the test in virtual time, with a snapshotter that the test
/// calls.</summary>
internal sealed class SteppedEngine
{
    private readonly CommandLoop _loop;

    private SteppedEngine(
        JobEngineOptions options,
        IJournal journal,
        JournalOwnership ownership,
        EngineCore core,
        BatchWriter writer,
        Recovery.Report found,
        ManualTimeProvider time,
        ILogger logger)
    {
        (Time, Core, Ownership, Found) = (time, core, ownership, found);
        Progress = new JournalProgress(ownership.LastSequence);
        var metrics = new EngineMetrics();
        _loop = new CommandLoop(
            core, writer, new LoopContext(core, new LiveFeed()), Inbox, journal, ownership, time, metrics,
            logger)
        {
            Progress = Progress,
        };
        Snapshotter = new Snapshotter(
            journal,
            ownership.Epoch,
            EngineSettings.From(options),
            _ => ImageAsync(),
            Progress,
            found,
            options.SnapshotJournalBytes,
            time,
            metrics,
            NullLogger.Instance)
        {
            GrowthPerByte = options.SnapshotGrowth,
        };
    }

    internal Inbox Inbox { get; } = new(65_536);

    internal ManualTimeProvider Time { get; }

    internal EngineCore Core { get; }

    internal JournalOwnership Ownership { get; }

    internal Recovery.Report Found { get; }

    internal JournalProgress Progress { get; }

    internal Snapshotter Snapshotter { get; }

    internal TimeSpan? NextWake => _loop.NextWake;

    internal static async Task<SteppedEngine> StartAsync(
        JobEngineOptions options, IJournal journal, ManualTimeProvider time, ILogger? logger = null)
    {
        var writer = new BatchWriter();
        var core = new EngineCore(EngineSettings.From(options), new MovingAverageEstimator(), writer);
        var ownership = await journal.AcquireAsync();
        var found = await Recovery.ReplayAsync(core, journal, ownership, CancellationToken.None);
        writer.Batch.Forgotten.Clear();
        var engine = new SteppedEngine(
            options, journal, ownership, core, writer, found, time, logger ?? NullLogger.Instance);
        await engine.AskAsync(static _ => true);
        return engine;
    }

    /// <summary>A core that was restored from the journal as a start would.</summary>
    internal static async Task<EngineCore> RecoveredAsync(
        JobEngineOptions options, IJournal journal, JournalOwnership ownership)
    {
        var core = new EngineCore(EngineSettings.From(options), new MovingAverageEstimator(), new BatchWriter());
        await Recovery.ReplayAsync(core, journal, ownership, CancellationToken.None);
        return core;
    }

    /// <summary>Asks, and steps until the answer is durable.</summary>
    internal async Task<T> AskAsync<T>(Func<EngineCore, T> question)
    {
        var operation = new FuncOperation<T>(loop => question(loop.Core));
        var answer = operation.Task;
        await Inbox.WriteAsync(operation, CancellationToken.None);
        while (!answer.IsCompleted)
        {
            if (!_loop.Step())
            {
                await Task.Yield();
            }
        }

        return await answer;
    }

    /// <summary>Puts operations in, and steps until nothing is left to do.</summary>
    internal async Task RunAsync(params Operation[] operations)
    {
        foreach (var operation in operations)
        {
            await Inbox.WriteAsync(operation, CancellationToken.None);
        }

        while (_loop.Step())
        {
        }
    }

    private async ValueTask<StateImage> ImageAsync()
    {
        var operation = new ImageOperation();
        var answer = operation.Task;
        await Inbox.WriteAsync(operation, CancellationToken.None);
        while (!answer.IsCompleted)
        {
            if (!_loop.Step())
            {
                await Task.Yield();
            }
        }

        return (await answer).ToImage();
    }

    internal Task<SubmitResult> SubmitAsync(string user, JobId id) =>
        AskAsync(core => Submitting.Decide(core, Submission(user, id)));

    internal static Submission Submission(string user, JobId id, string? key = null) => new(
        id, true, "work", user, $"{user}-project", "bootstrapper", 0, new byte[20], null, key, default);

    /// <summary>Starts what can run, and ends what ran before.</summary>
    internal Task<int> WorkAsync(List<RunLease> open, int max) => AskAsync(core =>
    {
        foreach (var lease in open)
        {
            Finishing.Decide(core, lease, new RunOutcome.Completed());
        }

        open.Clear();
        JobTypeEntry[] types = [core.State.Types["work"]];
        while (open.Count < max && Claiming.Decide(core, types, Ownership.Epoch) is { } job)
        {
            Leasing.Renew(core, job);
            open.Add(job.Lease);
        }

        return open.Count;
    });
}
