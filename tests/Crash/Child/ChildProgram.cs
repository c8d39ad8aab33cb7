using System.Runtime.InteropServices;
using Engine.RunLogs;
using Engine.Runtime;
using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Snapshots;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Tests.Crash.Child;

/// <summary>The process that is killed: an engine on the embedded journal, or on one in Redis, as a host would run it,
/// under load.</summary>
internal static class ChildProgram
{
    internal const int SegmentSizeBytes = 64 * 1024;
    private const int Failed = 1;

    /// <summary>A process with one engine.</summary>
    internal static async Task<int> RunAsync(ChildOptions options)
    {
        var control = new ChildControl();
        new Thread(() => ObeyParent(control)) { IsBackground = true, Name = "parent" }.Start();
        using var onTerm = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            control.Obey("stop");
        });
        return await RunAsync(options, new Ledger(), control);
    }

    /// <summary>One engine, from its start to its end.</summary>
    internal static async Task<int> RunAsync(ChildOptions options, Ledger ledger, ChildControl control)
    {
        try
        {
            while (await ServeAsync(options, ledger, control) is { } locked)
            {
                ledger.Write("locked");
                if (locked.RetryAfter is { } leaseLeft)
                {
                    // As a standby does: the lease of the dead one ends by itself.
                    await Task.Delay(leaseLeft);
                    continue;
                }

                if (options.Mode != ChildMode.Contend)
                {
                    return 0;
                }

                await control.Again.WaitAsync();
            }

            ledger.Write("down");
            return 0;
        }
        catch (Exception exception)
        {
            ledger.Write("failed", exception.GetType().Name, exception.Message);
            await Console.Error.WriteLineAsync(exception.ToString());
            return Failed;
        }
    }

    /// <summary>Runs an engine from start to stop. Not null when another process owns the journal.</summary>
    private static async Task<JournalLockedException?> ServeAsync(
        ChildOptions options, Ledger ledger, ChildControl control)
    {
        var time = new ShiftedTime(options.ClockMs);
        var pauses = new Pauses(options.Pause, options.PauseAt, control.Go, point => ledger.Write("at", point));
        using var archive = options.SnapshotBytes > 0 ? new ArchiveWriter(options.ArchiveDirectory) : null;
        var journal = new ChildJournal(OpenJournal(options, pauses), pauses, archive, options.AcknowledgeEarlyMs);
        using var effects = new Effects(options.EffectsPath);
        await using var engine = new JobEngine(Workload.Options(options.LeaseMs, options.SnapshotBytes), journal, time);
        var handler = new CrashHandler(journal, effects, ledger);
        var workers = new WorkerPool(
            engine,
            Workload.PooledTypes.Select(type => new HandlerRegistration(type, handler)),
            new MemoryRunLogStore(time),
            NullLogger<WorkerPool>.Instance);
        await using (workers)
        {
            var load = new Load(engine, options, ledger, effects, time);
            try
            {
                await engine.StartAsync();
                using var feed = await engine.WatchAllAsync();
                ledger.Write("up", journal.Epoch);
                await WorkAsync(options, ledger, control.Stop, engine, workers, load, feed);
            }
            catch (JournalLockedException locked)
            {
                return locked;
            }
            catch (Exception error) when (options.Mode == ChildMode.Endure && error is EngineStoppedException or IOException)
            {
                // What was to come. Handlers at work end first: what they do next must have no effect on the engine.
                await workers.StopAsync(CancellationToken.None);
                if (engine.Health == EngineHealth.Failed)
                {
                    await load.ShowSilenceAsync();
                }

                ledger.Write("latched", error.GetType().Name, engine.Health, Reasons(error));
            }
        }

        return null;
    }

    private static async Task WorkAsync(
        ChildOptions options,
        Ledger ledger,
        Task stop,
        JobEngine engine,
        WorkerPool workers,
        Load load,
        UpdateFeed feed)
    {
        var watching = load.WatchAsync(feed);
        await load.SendZombiesAsync();
        workers.Start();
        var working = load.RunAsync();
        var first = await Task.WhenAny(stop, engine.Stopped, working);
        if (first != stop)
        {
            await working;
            if (options.Mode != ChildMode.Drain || first != working)
            {
                await watching;
                await engine.Stopped;
                throw new InvalidOperationException("The engine stopped though nobody asked it to.");
            }

            ledger.Write("idle");
            await stop;
        }

        // As a host does it: nothing new, handlers end, everything durable, then the directory is let go.
        await engine.DrainAsync(CancellationToken.None);
        await workers.StopAsync(CancellationToken.None);
        await engine.StopAsync(CancellationToken.None);
        await working;
        await watching;
    }

    private static string Reasons(Exception? error) =>
        error is null ? "" : $"{error.Message} {Reasons(error.InnerException)}";

    private static IJournal OpenJournal(ChildOptions options, Pauses pauses)
    {
        if (options.RedisAddress.Length > 0)
        {
            return ChildRedis.Open(options.RedisAddress, options.Bug);
        }

        var settings = new FasterJournalOptions
        {
            Directory = options.JournalDirectory,
            SegmentSizeBytes = SegmentSizeBytes,
            Durability = options.Durability,

            // The larger ones of its snapshots are in pieces, as those of more than 2 GiB are.
            Snapshots = new SnapshotSizes(MaxWholeBytes: 20_000, PieceBytes: 5_000),
            Reached = point => pauses.Reached(point.ToString()),
        };
        if (options.Bug != Bug.None)
        {
            settings.Files = new BrokenFiles(options.Bug);
        }

        return new FasterJournal(settings);
    }

    /// <summary>Nothing outlives the test: without a parent there is no child.</summary>
    private static void ObeyParent(ChildControl control)
    {
        while (Console.In.ReadLine() is { } word)
        {
            control.Obey(word);
        }

        Signals.Send(Environment.ProcessId, Signals.Kill);
    }
}
