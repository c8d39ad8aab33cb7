using System.Collections.Specialized;
using System.Diagnostics;
using System.Globalization;
using Quartz;
using Quartz.Impl;

namespace Engine.Bench.Throughput;

/// <summary>The same life cycle (given in, started, ended) in Quartz.NET with its in-memory store, which knows no users,
/// tiers, limits or positions.</summary>
/// <remarks>A job of its own for each trigger: where all triggers share one job, as when a job is triggered, the store
/// searches a list of them, and is slower by a factor of about a hundred with 10,000 open.</remarks>
internal static class QuartzBaseline
{
    // The first time in a process until its code is compiled as well as it will be: half a second leaves it at half its
    // rate. After that until as many jobs are open as shall be.
    private static readonly TimeSpan FirstWarmUp = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan LaterWarmUp = TimeSpan.FromSeconds(0.5);

    // Measured among two to 256 threads, batches of 1 to 256: these were the fastest, by the number of open jobs.
    private static readonly (int Threads, int Batch, int Open)[] Fastest = [(10, 10, 64), (10, 1, 64), (10, 1, 512)];

    private static bool _isCompiled;
    private static long _lastId;

    /// <summary>Empty jobs a second in the fastest of a few settings, with hardly a job waiting.</summary>
    internal static async Task<double> BestAsync(TimeSpan duration)
    {
        double best = 0;
        foreach (var (threads, batch, open) in Fastest)
        {
            best = Math.Max(best, await MeasureAsync(threads, batch, open, workload: null, duration));
        }

        return best;
    }

    /// <summary>Jobs a second with as many jobs open as in the engine under test, which carry the same.</summary>
    internal static Task<double> LoadedAsync(int open, Workload workload, TimeSpan duration) =>
        MeasureAsync(threads: 10, batch: 10, open, workload, duration);

    private static async Task<double> MeasureAsync(
        int threads, int batch, int open, Workload? workload, TimeSpan duration)
    {
        IScheduler scheduler = await new StdSchedulerFactory(new NameValueCollection
        {
            ["quartz.scheduler.instanceName"] = $"bench-{Guid.NewGuid():N}",
            ["quartz.jobStore.type"] = "Quartz.Simpl.RAMJobStore, Quartz",
            ["quartz.threadPool.maxConcurrency"] = threads.ToString(CultureInfo.InvariantCulture),
            ["quartz.scheduler.batchTriggerAcquisitionMaxCount"] = batch.ToString(CultureInfo.InvariantCulture),
        }).GetScheduler();
        using var room = new SemaphoreSlim(open);
        var ended = new NoopJob.Counter(room);
        scheduler.Context[NoopJob.CounterKey] = ended;
        await scheduler.Start();

        TimeSpan warmUp = _isCompiled ? LaterWarmUp : FirstWarmUp;
        _isCompiled = true;
        using var stop = new CancellationTokenSource(duration + warmUp);
        Task[] callers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() => SubmitAsync(scheduler, workload, room, stop.Token)))];
        await Task.Delay(warmUp);
        long before = ended.Value;
        long started = Stopwatch.GetTimestamp();
        await Task.WhenAll(callers);
        double rate = (ended.Value - before) / Stopwatch.GetElapsedTime(started).TotalSeconds;

        // Shutdown waits for running jobs only; what still waits is dropped with the scheduler.
        await scheduler.Shutdown(waitForJobsToComplete: true);
        return rate;
    }

    private static async Task SubmitAsync(
        IScheduler scheduler, Workload? workload, SemaphoreSlim room, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                await room.WaitAsync(stop);
                var (job, trigger) = workload is null ? Empty() : From(workload.Next());
                await scheduler.ScheduleJob(job, trigger, CancellationToken.None);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }

    private static (IJobDetail Job, ITrigger Trigger) Empty() =>
        (JobBuilder.Create<NoopJob>().Build(), TriggerBuilder.Create().StartNow().Build());

    /// <summary>A job that carries what a request does: found by an id and among its user's, its tier a priority, its
    /// project and payload at hand where it runs.</summary>
    private static (IJobDetail Job, ITrigger Trigger) From(JobRequest request)
    {
        string id = Interlocked.Increment(ref _lastId).ToString(CultureInfo.InvariantCulture);
        IJobDetail job = JobBuilder.Create<NoopJob>()
            .WithIdentity(id, request.UserId)
            .UsingJobData(new JobDataMap { { "project", request.ProjectId! }, { "payload", request.Payload } })
            .Build();
        ITrigger trigger = TriggerBuilder.Create()
            .WithIdentity(id, request.UserId)
            .WithPriority(PriorityOf(request))
            .StartNow()
            .Build();
        return (job, trigger);
    }

    private static int PriorityOf(JobRequest request) => request.Tier switch
    {
        "bootstrapper" => TriggerConstants.DefaultPriority,
        "partner" => TriggerConstants.DefaultPriority + 1,
        _ => TriggerConstants.DefaultPriority + 2,
    };

    private sealed class NoopJob : IJob
    {
        internal const string CounterKey = "counter";

        public Task Execute(IJobExecutionContext context)
        {
            ((Counter)context.Scheduler.Context[CounterKey]).Add();
            return Task.CompletedTask;
        }

        internal sealed class Counter(SemaphoreSlim room)
        {
            private long _value;

            internal long Value => Interlocked.Read(ref _value);

            internal void Add()
            {
                Interlocked.Increment(ref _value);
                room.Release();
            }
        }
    }
}
