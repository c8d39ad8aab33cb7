using System.Runtime.InteropServices;
using Engine.Hosting;
using Engine.RunLogs;
using Engine.Runtime;
using Engine.Storage;
using Engine.Storage.Faster;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Tests.Crash.Child;

/// <summary>The process that is killed: an engine on the embedded journal, as a host would run it, under load.</summary>
internal static class ChildProgram
{
    internal const int SegmentSizeBytes = 64 * 1024;
    private const int Failed = 1;

    internal static async Task<int> RunAsync(ChildOptions options)
    {
        var ledger = new Ledger();
        var again = new SemaphoreSlim(0);
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() => ObeyParent(again)) { IsBackground = true, Name = "parent" }.Start();
        using var onTerm = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            stop.TrySetResult();
        });

        try
        {
            while (!await ServeAsync(options, ledger, stop.Task))
            {
                ledger.Write("locked");
                if (options.Mode != ChildMode.Contend)
                {
                    return 0;
                }

                await again.WaitAsync();
            }

            return 0;
        }
        catch (Exception exception)
        {
            ledger.Write("failed", exception.GetType().Name, exception.Message);
            await Console.Error.WriteLineAsync(exception.ToString());
            return Failed;
        }
    }

    /// <summary>Runs an engine from start to stop; false when another process owns the directory.</summary>
    private static async Task<bool> ServeAsync(ChildOptions options, Ledger ledger, Task stop)
    {
        var time = new ShiftedTime(options.ClockMs);
        var pauses = new Pauses(options.Pause, options.PauseAt, point => ledger.Write("at", point));
        var faster = new FasterJournal(new FasterJournalOptions
        {
            Directory = options.JournalDirectory,
            SegmentSizeBytes = SegmentSizeBytes,
            Durability = options.Durability,
            Reached = point => pauses.Reached(point.ToString()),
        });
        var journal = new ChildJournal(faster, pauses, options.AcknowledgeEarlyMs);
        await using var engine = new JobEngine(Workload.Options(), journal, time);
        var effects = new Effects(options.EffectsPath);
        var handler = new CrashHandler(journal, effects, ledger);
        var workers = new WorkerPool(
            engine,
            Workload.PooledTypes.Select(type => new HandlerRegistration(type, handler)),
            new MemoryRunLogStore(time),
            NullLogger<WorkerPool>.Instance);
        await using (workers)
        {
            try
            {
                await engine.StartAsync();
            }
            catch (JournalLockedException)
            {
                return false;
            }

            using var feed = await engine.WatchAllAsync();
            ledger.Write("up", journal.Epoch);
            var load = new Load(engine, options, ledger, effects, time);
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
                    await engine.Stopped;
                    throw new InvalidOperationException("The engine stopped though nobody asked it to.");
                }

                ledger.Write("idle");
                await stop;
            }

            // As a host does it: nothing new, handlers end, everything durable, then the directory is let go.
            await new EngineHostedService(engine, workers).StopAsync(CancellationToken.None);
            await working;
            await watching;
        }

        await engine.DisposeAsync();
        ledger.Write("down");
        return true;
    }

    /// <summary>Nothing outlives the test: without a parent there is no child.</summary>
    private static void ObeyParent(SemaphoreSlim again)
    {
        while (Console.In.ReadLine() is not null)
        {
            again.Release();
        }

        Posix.Signal(Environment.ProcessId, Posix.SigKill);
    }
}
