using System.Diagnostics;
using Engine.Storage;

namespace Engine.Bench.Throughput;

/// <summary>Life cycles as most applications have them: a handler, and the engine's own worker pool.</summary>
internal static class HandlerLifeCycles
{
    private const int ConcurrentRuns = 512;
    private const int Window = 512;
    private const int Callers = 4;

    /// <summary>Jobs a second from submission to the end of the handler, at a steady number of open jobs.</summary>
    internal static async Task<double> MeasureAsync(IJournal journal, int open, TimeSpan duration)
    {
        using var handler = new NoopHandler();
        await using EngineUnderTest engine = await EngineUnderTest.StartAsync(
            journal,
            limited: true,
            builder => builder.AddHandler(Workload.JobType, _ => handler)
                .Configure(options => options.MaxConcurrentRuns = ConcurrentRuns));
        var workload = new Workload(limited: true);
        handler.Allow(Math.Max(open, Callers * Window));

        // The first quarter warms up.
        using var stop = new CancellationTokenSource(duration * 1.25);
        Task[] callers = [.. Enumerable.Range(0, Callers).Select(_ => Task.Run(() => SubmitAsync(
            engine.Engine, workload, handler, stop.Token)))];
        await Task.Delay(duration / 4);
        long before = handler.Ended;
        long started = Stopwatch.GetTimestamp();
        await Task.WhenAll(callers);
        double rate = (handler.Ended - before) / Stopwatch.GetElapsedTime(started).TotalSeconds;
        return rate;
    }

    private static async Task SubmitAsync(
        JobEngine engine, Workload workload, NoopHandler handler, CancellationToken stop)
    {
        var submissions = new ValueTask<SubmitResult>[Window];
        try
        {
            while (true)
            {
                await handler.TakeRoomAsync(Window, stop);
                for (int i = 0; i < Window; i++)
                {
                    submissions[i] = engine.SubmitAsync(workload.Next(), CancellationToken.None);
                }

                for (int i = 0; i < Window; i++)
                {
                    EngineUnderTest.RequireQueued(await submissions[i]);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }

    private sealed class NoopHandler : IJobHandler, IDisposable
    {
        // Room for one window of submissions each, so that the gate is not what is measured.
        private readonly SemaphoreSlim _room = new(0);
        private long _ended;

        internal long Ended => Interlocked.Read(ref _ended);

        public Task<JobOutcome> RunAsync(JobContext context, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _ended) % Window == 0)
            {
                _room.Release();
            }

            return Task.FromResult(JobOutcome.Done);
        }

        public void Dispose() => _room.Dispose();

        internal void Allow(int open) => _room.Release(open / Window);

        internal Task TakeRoomAsync(int count, CancellationToken stop)
        {
            Debug.Assert(count == Window);
            return _room.WaitAsync(stop);
        }
    }
}
