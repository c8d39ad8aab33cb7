namespace Engine.Bench.Throughput;

/// <summary>One run of all measurements, in an order in which none disturbs the next.</summary>
internal sealed class ThroughputRun(Journals journals, ThroughputPlan plan)
{
    private const int Shallow = 1_000;
    private const int FewRetained = 1_000;

    internal static string[] Parts { get; } =
        ["baselines", "life-cycles", "depths", "handlers", "calls", "recovery"];

    private readonly Dictionary<string, double> _rates = [];
    private readonly List<double> _quartzRates = [];

    internal async Task RunAsync(IReadOnlyCollection<string> parts)
    {
        Func<Task>[] runs =
            [BaselinesAsync, LifeCyclesAsync, DepthsAsync, HandlersAsync, SingleCallsAsync, RecoveryAsync];
        foreach (var (part, runAsync) in Parts.Zip(runs))
        {
            if (parts.Contains(part))
            {
                await runAsync();
            }
        }

        if (_quartzRates.Count > 0)
        {
            PrintRate("quartz_loaded_life_cycles", Figures.Median(_quartzRates), "jobs/s");
        }

        PrintRatio("life_cycles", "redis_benchmark_set");
        PrintRatio("life_cycles", "redis_benchmark_set_pipelined");
        PrintRatio("life_cycles", "channel_baseline");
        PrintRatio("life_cycles", "quartz_best_life_cycles");
        PrintRatio("life_cycles", "quartz_loaded_life_cycles");
        PrintRatio("life_cycles", "limits_off_life_cycles");
        PrintRatio("deep_life_cycles", "shallow_life_cycles");
    }

    private void PrintRate(string name, double value, string unit)
    {
        _rates[name] = value;
        Figures.Print(name, value, unit);
    }

    private void PrintRatio(string name, string basis)
    {
        if (_rates.TryGetValue(name, out double rate) && _rates.TryGetValue(basis, out double basisRate))
        {
            Figures.Print($"{name}_to_{basis}", rate / basisRate, "ratio");
        }
    }

    private async Task BaselinesAsync()
    {
        if (journals.RedisAddress is { } redis)
        {
            int requests = plan.Calls * 5;
            if (await RedisBaseline.SetsAsync(redis, pipeline: 1, requests) is { } sets)
            {
                PrintRate("redis_benchmark_set", sets, "ops/s");
                PrintRate(
                    "redis_benchmark_set_pipelined",
                    (await RedisBaseline.SetsAsync(redis, pipeline: 64, requests * 10))!.Value,
                    "ops/s");
            }
        }

        PrintRate("channel_baseline", await ChannelBaseline.ThroughputAsync(plan.Window), "ops/s");
        PrintRate("channel_round_trips", await ChannelBaseline.RoundTripsAsync(plan.Window), "ops/s");
        double best = await QuartzBaseline.BestAsync(plan.Window / 2);
        await QuartzRoundsAsync();

        // On a busy machine the setting that usually loses may win: the best is the best of all.
        PrintRate("quartz_best_life_cycles", _quartzRates.Append(best).Max(), "jobs/s");
    }

    // Before the engines and after them, but never beside them: their heaps would cost its collections.
    private async Task QuartzRoundsAsync()
    {
        var workload = new Workload(limited: true);
        for (int round = 0; round < plan.Rounds; round++)
        {
            _quartzRates.Add(await QuartzBaseline.LoadedAsync(plan.Queued, workload, plan.Window / 2));
        }
    }

    private async Task LifeCyclesAsync()
    {
        await CompareLimitsAsync();
        if (_quartzRates.Count > 0)
        {
            GC.Collect();
            await QuartzRoundsAsync();
        }
    }

    // In turns, so that all meet the same machine.
    private async Task CompareLimitsAsync()
    {
        await using EngineUnderTest limited = await EngineUnderTest.StartAsync(
            journals.OpenNew(), limited: true, retained: plan.Retained);
        await using EngineUnderTest free = await EngineUnderTest.StartAsync(
            journals.OpenNew(), limited: false, retained: plan.Retained);
        await using EngineUnderTest forgetful = await EngineUnderTest.StartAsync(
            journals.OpenNew(), limited: true, retained: FewRetained);
        await limited.FillAsync(plan.Queued);
        await free.FillAsync(plan.Queued);
        await forgetful.FillAsync(plan.Queued);
        await limited.WarmUpAsync(plan.Window, plan.Retained);
        await free.WarmUpAsync(plan.Window, plan.Retained);
        await forgetful.WarmUpAsync(plan.Window, FewRetained);

        long bytes = limited.Journal.Bytes;
        long appends = limited.Journal.Appends;
        long allocated = 0;
        TimeSpan processor = default;
        long jobs = 0;
        TimeSpan window = default;
        TimeSpan paused = default;
        var limitedRates = new List<double>();
        var freeRates = new List<double>();
        var forgetfulRates = new List<double>();
        for (int round = 0; round < plan.Rounds; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            TimeSpan processorBefore = Environment.CpuUsage.TotalTime;
            TimeSpan pausedBefore = GC.GetTotalPauseDuration();
            var (ended, elapsed) = await limited.CycleAsync(plan.Window);
            paused += GC.GetTotalPauseDuration() - pausedBefore;
            window += elapsed;
            processor += Environment.CpuUsage.TotalTime - processorBefore;
            allocated += GC.GetTotalAllocatedBytes(precise: true) - before;
            jobs += ended;
            limitedRates.Add(ended / elapsed.TotalSeconds);
            (ended, elapsed) = await free.CycleAsync(plan.Window);
            freeRates.Add(ended / elapsed.TotalSeconds);
            (ended, elapsed) = await forgetful.CycleAsync(plan.Window);
            forgetfulRates.Add(ended / elapsed.TotalSeconds);
        }

        await limited.VerifyAsync();
        await free.VerifyAsync();
        await forgetful.VerifyAsync();
        PrintRate("life_cycles", Figures.Median(limitedRates), "jobs/s");
        Figures.Print("processor_time_per_job", processor.TotalMicroseconds / jobs, "us");
        Figures.Print("allocated_per_job", (double)allocated / jobs, "B");
        Figures.Print("collector_pauses", 100 * paused / window, "percent");
        Figures.Print("journal_bytes_per_job", (double)(limited.Journal.Bytes - bytes) / jobs, "B");
        Figures.Print("jobs_per_append", (double)jobs / (limited.Journal.Appends - appends), "jobs");
        PrintRate("limits_off_life_cycles", Figures.Median(freeRates), "jobs/s");
        PrintRate("forgetful_life_cycles", Figures.Median(forgetfulRates), "jobs/s");
    }

    private async Task DepthsAsync()
    {
        await using EngineUnderTest shallow = await EngineUnderTest.StartAsync(
            journals.OpenNew(), retained: plan.Retained);
        await using EngineUnderTest deep = await EngineUnderTest.StartAsync(
            journals.OpenNew(), retained: plan.Retained);
        await shallow.FillAsync(Shallow);
        await shallow.WarmUpAsync(plan.Window / 2, plan.Retained);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        IReadOnlyList<JobId> waiting = await deep.FillAsync(plan.Deep, sampled: 1_000);
        long kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        Figures.Print("memory_per_waiting_job", (double)kept / plan.Deep, "B");

        Latencies positions = await SingleCalls.PositionsAsync(deep, waiting, plan.Calls);
        Figures.Print("positions_among", plan.Deep, "jobs");
        Figures.Print("position_p50", positions.Microseconds(0.5), "us");
        Figures.Print("position_p99", positions.Microseconds(0.99), "us");
        Latencies inCore = SingleCalls.PositionsInCore(plan.Deep, plan.Calls);
        Figures.Print("position_in_core_p99", inCore.Microseconds(0.99), "us");

        await deep.WarmUpAsync(plan.Window / 2, plan.Retained);
        var shallowRates = new List<double>();
        var deepRates = new List<double>();
        for (int round = 0; round < plan.Rounds; round++)
        {
            var (jobs, elapsed) = await shallow.CycleAsync(plan.Window / 2);
            shallowRates.Add(jobs / elapsed.TotalSeconds);
            (jobs, elapsed) = await deep.CycleAsync(plan.Window / 2);
            deepRates.Add(jobs / elapsed.TotalSeconds);
        }

        await shallow.VerifyAsync();
        await deep.VerifyAsync();
        PrintRate("shallow_life_cycles", Figures.Median(shallowRates), "jobs/s");
        PrintRate("deep_life_cycles", Figures.Median(deepRates), "jobs/s");
    }

    private async Task HandlersAsync() => Figures.Print(
        "handler_life_cycles",
        await HandlerLifeCycles.MeasureAsync(journals.OpenNew(), plan.Queued, plan.Window),
        "jobs/s");

    private async Task SingleCallsAsync()
    {
        await using EngineUnderTest engine = await EngineUnderTest.StartAsync(journals.OpenNew());
        Latencies latencies = await SingleCalls.AcknowledgementsAsync(engine, plan.Calls, plan.Window * 2);
        Figures.Note($"acknowledgements: {latencies.Count}, durability {engine.Journal.Durability}");
        Figures.Print("acknowledgement_p50", latencies.Microseconds(0.5), "us");
        Figures.Print("acknowledgement_p99", latencies.Microseconds(0.99), "us");
    }

    private async Task RecoveryAsync()
    {
        var (events, elapsed) = await RecoveryTime.MeasureAsync(journals.Reopenable(), plan.RecoveryEvents);
        Figures.Print("recovery_events", events, "events");
        Figures.Print("recovery_time", elapsed.TotalMilliseconds, "ms");
        Figures.Print("recovery_rate", events / elapsed.TotalSeconds, "events/s");

        SnapshotFigures figures = await RecoveryTime.MeasureSnapshotAsync(journals.Reopenable(), plan.Deep);
        Figures.Print("snapshot_jobs", plan.Deep, "jobs");
        Figures.Print("snapshot_load_time", figures.Load.TotalMilliseconds, "ms");
        Figures.Print("snapshot_save_time", figures.Save.TotalMilliseconds, "ms");
        Figures.Print("snapshot_copy_time", figures.Copy.TotalMilliseconds, "ms");
        Figures.Print("snapshot_pause", figures.Pause.TotalMilliseconds, "ms");
        Figures.Print("snapshot_size", figures.Bytes, "B");
        Figures.Print("snapshot_size_per_job", (double)figures.Bytes / plan.Deep, "B");
    }
}
