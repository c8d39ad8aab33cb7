using System.Globalization;
using Engine.Tests.Hosts;
using Engine.Tests.Load.Driving;
using Engine.Tests.Load.Targets;
using Engine.Tests.Load.Work;
using Xunit.Abstractions;

namespace Engine.Tests.Load;

/// <summary>Those who only watch: many at a time, and some who do not read.</summary>
public sealed class StreamLoadTests(ITestOutputHelper output)
{
    /// <summary>What a request may cost while the crowd watches, as a multiple of what it costs without. Processor
    /// time: neither is measured by waiting. Work for each watcher would cost a hundred times as much.</summary>
    private const double MaxCost = 4;

    /// <summary>Of so many measurements the least counts. What a request costs the processors varies fourfold on a busy
    /// machine, crowd or no crowd: threads that look for work before they sleep, collections, code that is compiled. It
    /// is no work for the request, and does not fall into every measurement.</summary>
    private const int Measurements = 8;

    [Theory]
    [InlineData("inprocess", 5_000, 16_000)]
    [InlineData("http", 500, 1_920)]
    public async Task A_crowd_of_idle_watchers_does_not_slow_down_those_who_work(
        string target, int watchers, int operations)
    {
        var plan = new LoadPlan
        {
            Target = target == "http" ? TargetKind.Http : TargetKind.InProcess,
            Journal = target == "http" ? JournalKind.Faster : JournalKind.Memory,
            Limits = new Limits { Daily = 2 },
            MaxMemoryMiB = 500,
        };
        await using var session = await LoadSession.StartAsync(plan);
        await session.ClosedAsync(8, operations);

        var (_, costBefore) = await MeasureAsync(session, operations);
        long memoryBefore = session.Target.MemoryBytes;
        await using var crowd = await IdleCrowd.OpenAsync(session, watchers);
        long memory = session.Target.MemoryBytes - memoryBefore;
        Assert.Equal(watchers, crowd.Count);
        var (recorder, cost) = await MeasureAsync(session, operations);
        int ended = await crowd.CloseAsync();
        var (_, costAfter) = await MeasureAsync(session, operations);
        await session.DrainAsync();
        await session.SettleAsync();

        double ratio = cost / Math.Max(costBefore, costAfter);
        double memoryKiB = memory / 1024.0 / watchers;
        Figures.Report(output, string.Create(
            CultureInfo.InvariantCulture,
            $"load_idle_{target} watchers {watchers} cost_us {cost:F1} " +
            $"cost_without_us {costBefore:F1} {costAfter:F1} ratio {ratio:F2} memory_per_watcher_kib {memoryKiB:F1}"));
        session.AssertClean(output, $"idle_{target}", recorder);
        Assert.Equal(0, ended);
        Assert.Equal(operations / Measurements, recorder.All.Count);
        Assert.InRange(ratio, 0, MaxCost);
    }

    [Fact]
    public async Task F21_readers_who_do_not_read_lose_events_and_know_it_and_delay_nobody()
    {
        const int Stuck = 15;
        const int Batch = 500;
        var plan = new LoadPlan { Target = TargetKind.Http, Limits = new Limits { Depth = Batch } };
        await using var session = await LoadSession.StartAsync(plan);
        var host = ((HttpTarget)session.Target).Address;
        var (job, _) = await session.Traffic.SubmitForAsync("watched", ask => ask with
        {
            Tier = Limits.Scale,
            Type = Workload.Build,
            Iterations = 2 * Batch,
        });

        // Half of the work is done and a confirmation awaited: nothing happens while everybody takes a seat.
        await foreach (var change in session.Target.WatchAsync(job!, () => { }, CancellationToken.None))
        {
            if (change.State == JobState.AwaitingConfirmation)
            {
                break;
            }
        }

        var stuck = await Task.WhenAll(Enumerable.Range(0, Stuck).Select(_ => StuckReader.OpenAsync(host, job!)));
        var opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var prompt = session.Traffic.WatchAsync(job!, CancellationToken.None, opened.SetResult);
        await opened.Task.WaitAsync(HostProcess.Guard);
        Assert.True(await session.Target.ConfirmAsync(job!));

        // Each iteration is an event, and so is each stage and each progress. None of those is read by the stuck.
        await prompt.WaitAsync(HostProcess.Guard);
        long promptly = session.Ledger.Answers["stream_events"];
        Assert.Equal(JobState.Completed, session.Ledger.SeenEnds[job!.Id]);

        int resynced = 0;
        int cutOff = 0;
        foreach (var reader in stuck)
        {
            using (reader)
            {
                var read = await reader.ReadToEndAsync();
                Assert.Equal(read.Select(change => change.Id), read.Select(change => change.Id).Order().Distinct());
                Assert.InRange(read.Count, 1, (3 * Batch) - 1);

                // On a machine that is very slow the host loses patience with them first, as it may.
                if (read[^1].State == JobState.Completed)
                {
                    resynced++;
                    Assert.Contains(read, change => change.IsResync);
                }
                else
                {
                    cutOff++;
                }
            }
        }

        await session.DrainAsync();
        await session.SettleAsync();
        Figures.Report(output, string.Create(
            CultureInfo.InvariantCulture,
            $"load_stuck_readers {Stuck} resynced {resynced} cut_off {cutOff} read_promptly {promptly}"));
        Assert.Empty(session.Findings.Told);
    }

    private static async Task<(Recorder Last, double CostUs)> MeasureAsync(LoadSession session, int operations)
    {
        var last = new Recorder();
        double least = double.MaxValue;
        int share = operations / Measurements;
        for (int i = 0; i < Measurements; i++)
        {
            var before = session.Target.ProcessorTime;
            last = await session.ClosedAsync(8, share);
            least = Math.Min(least, (session.Target.ProcessorTime - before).TotalMicroseconds / share);
        }

        return (last, least);
    }
}
