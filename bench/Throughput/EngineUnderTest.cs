using System.Diagnostics;
using Engine.Hosting;
using Engine.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Engine.Bench.Throughput;

/// <summary>An engine as an application sets it up, with callers and workers that use its public API only.</summary>
internal sealed class EngineUnderTest : IAsyncDisposable
{
    /// <summary>Runs that one worker takes at a time.</summary>
    internal const int ClaimSize = 256;

    private const int DefaultRetained = 100_000;
    private const int Workers = 8;
    private const int SubmitWindow = 1_024;
    private static readonly RunOutcome Done = new RunOutcome.Completed();
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly ServiceProvider _services;
    private readonly Workload _workload;
    private readonly Stack<IHostedService> _started = new();
    private long _submitted;
    private long _ended;

    private EngineUnderTest(ServiceProvider services, CountingJournal journal, Workload workload)
    {
        _services = services;
        _workload = workload;
        Journal = journal;
        Engine = services.GetRequiredService<JobEngine>();
    }

    internal JobEngine Engine { get; }

    internal CountingJournal Journal { get; }

    /// <summary>Jobs that have been acknowledged and not yet ended.</summary>
    internal long Open => _submitted - _ended;

    /// <summary>Starts an engine on a journal.</summary>
    /// <param name="journal">Disposed with the engine.</param>
    /// <param name="limited">All limits on, or none that ever binds.</param>
    /// <param name="configure">Adds to the configuration.</param>
    /// <param name="retained">How many ended jobs it keeps.</param>
    /// <param name="snapshotBytes">After how many bytes of journal it takes a snapshot; 0 for never.</param>
    internal static async Task<EngineUnderTest> StartAsync(
        IJournal journal,
        bool limited = true,
        Action<EngineBuilder>? configure = null,
        int retained = DefaultRetained,
        int? snapshotBytes = null)
    {
        EngineUnderTest engine = Create(journal, limited, configure, retained, snapshotBytes);
        foreach (IHostedService part in engine._services.GetServices<IHostedService>())
        {
            await part.StartAsync(CancellationToken.None);
            engine._started.Push(part);
        }

        return engine;
    }

    /// <summary>The same, not started, and without a worker pool.</summary>
    internal static EngineUnderTest Create(
        IJournal journal,
        bool limited = true,
        Action<EngineBuilder>? configure = null,
        int retained = DefaultRetained,
        int? snapshotBytes = null)
    {
        var counting = new CountingJournal(journal);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddEngine(engine =>
        {
            engine.UseJournal(_ => counting).AddTiers(Workload.TiersFor(limited)).Configure(options =>
            {
                options.GlobalCap = 10_000_000;
                options.MaxConcurrentRuns = 0;
                options.RetentionCount = retained;
                options.Resources[Workload.Resource] = 100_000;
                options.SnapshotJournalBytes = snapshotBytes ?? options.SnapshotJournalBytes;
            });
            if (configure is null)
            {
                // Served by workers of our own.
                engine.Configure(options => options.Types.Add(new JobType { Name = Workload.JobType }));
            }

            configure?.Invoke(engine);
        });
        return new EngineUnderTest(services.BuildServiceProvider(), counting, new Workload(limited));
    }

    /// <summary>Submits until so many jobs are open, and keeps the ids of some of them.</summary>
    internal async Task<IReadOnlyList<JobId>> FillAsync(long open, int sampled = 0)
    {
        var sample = new List<JobId>(sampled);
        long missing = open - Open;
        long every = sampled == 0 ? long.MaxValue : Math.Max(1, missing / sampled);
        var submissions = new ValueTask<SubmitResult>[SubmitWindow];
        for (long done = 0; done < missing;)
        {
            int count = (int)Math.Min(SubmitWindow, missing - done);
            for (int i = 0; i < count; i++)
            {
                submissions[i] = Engine.SubmitAsync(_workload.Next());
            }

            for (int i = 0; i < count; i++)
            {
                SubmitResult result = await submissions[i];
                RequireQueued(result);
                if ((done + i) % every == 0)
                {
                    sample.Add(result.JobId);
                }
            }

            done += count;
        }

        _submitted += Math.Max(0, missing);
        return sample;
    }

    /// <summary>Runs life cycles for a while at a steady number of open jobs: every worker claims runs, ends them all
    /// well and submits as many new jobs. Returns how many jobs ended, and how long it took.</summary>
    internal async Task<(long Jobs, TimeSpan Elapsed)> CycleAsync(TimeSpan duration, long atMost = long.MaxValue)
    {
        using var stop = new CancellationTokenSource(duration);
        long target = atMost == long.MaxValue ? long.MaxValue : _ended + atMost;
        long before = _ended;
        long started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => Task.Run(() => WorkAsync(target, stop.Token))))
            .WaitAsync(duration < Patience ? duration + Patience : duration);
        return (_ended - before, Stopwatch.GetElapsedTime(started));
    }

    /// <summary>Runs life cycles until the code is compiled and ended jobs are forgotten as new ones end.</summary>
    internal async Task WarmUpAsync(TimeSpan atLeast, int retained)
    {
        await CycleAsync(atLeast);
        await CycleAsync(Patience, atMost: Math.Max(0, retained + (retained / 5) - _ended));
    }

    /// <summary>A fast wrong answer is no result: compares the engine's own counts with what was acknowledged.</summary>
    internal async Task VerifyAsync()
    {
        QueueSummary queue = await Engine.GetQueueAsync();
        long completed = queue.Tiers.Sum(tier => tier.Completed);
        Require(completed == _ended, $"{_ended} jobs ended, the engine counts {completed}");
        Require(
            queue.Queued + queue.Running + queue.Scheduled == Open,
            $"{Open} jobs are open, the engine counts {queue.Queued} + {queue.Running} + {queue.Scheduled}");
    }

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out IHostedService? part))
        {
            await part.StopAsync(CancellationToken.None);
        }

        await _services.DisposeAsync();
    }

    /// <summary>Takes over the count of what an earlier engine on the same journal did.</summary>
    internal void ContinueFrom(EngineUnderTest earlier) =>
        (_submitted, _ended) = (earlier._submitted, earlier._ended);

    internal static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"Wrong result: {otherwise}.");
        }
    }

    // Without a message made beforehand: this is called for every job, and its strings would count as the engine's.
    internal static void RequireQueued(in SubmitResult result)
    {
        if (result.Outcome != SubmitOutcome.Queued)
        {
            throw new InvalidOperationException($"Wrong result: a submission was {result.Outcome}: {result.Refusal}.");
        }
    }

    private async Task WorkAsync(long target, CancellationToken stop)
    {
        var claim = new ClaimRequest { Types = [Workload.JobType], MaxRuns = ClaimSize };
        var ends = new ValueTask<LeaseAnswer>[ClaimSize];
        var submissions = new ValueTask<SubmitResult>[ClaimSize];
        while (!stop.IsCancellationRequested && Interlocked.Read(ref _ended) < target)
        {
            // Not with the token: a claim that is given up may leave runs behind. There is always a job to be had, as
            // every worker submits what it ended.
            IReadOnlyList<ClaimedRun> runs = await Engine.ClaimAsync(claim, CancellationToken.None);
            for (int i = 0; i < runs.Count; i++)
            {
                ends[i] = Engine.EndRunAsync(runs[i].Lease, Done);
                submissions[i] = Engine.SubmitAsync(_workload.Next(), CancellationToken.None);
            }

            for (int i = 0; i < runs.Count; i++)
            {
                LeaseAnswer answer = await ends[i];
                if (answer != LeaseAnswer.Accepted)
                {
                    throw new InvalidOperationException($"Wrong result: the end of a run was answered with {answer}.");
                }
            }

            for (int i = 0; i < runs.Count; i++)
            {
                SubmitResult result = await submissions[i];
                RequireQueued(result);
            }

            Interlocked.Add(ref _submitted, runs.Count);
            Interlocked.Add(ref _ended, runs.Count);
        }
    }
}
