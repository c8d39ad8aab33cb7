namespace Engine.Bench.Throughput;

/// <summary>One run of all measurements, in an order in which none disturbs the next.</summary>
internal sealed class ThroughputRun(Journals journals, ThroughputPlan plan)
{
    private const int Shallow = 1_000;

    internal async Task RunAsync()
    {
        double channel = await ChannelAsync();
        double best = await QuartzBaseline.BestAsync(plan.Window / 2);
        Figures.Print("quartz_best_life_cycles", best, "jobs/s");
        double loaded = await QuartzBaseline.LoadedAsync(plan.Queued, plan.Window / 2);
        Figures.Print("quartz_loaded_life_cycles", loaded, "jobs/s");

        double rate = await LifeCyclesAsync();
        Figures.Print("life_cycles_to_channel", rate / channel, "ratio");
        Figures.Print("life_cycles_to_quartz_best", rate / best, "ratio");
        Figures.Print("life_cycles_to_quartz_loaded", rate / loaded, "ratio");
        await DepthsAsync();
        await HandlersAsync();
        await SingleCallsAsync();
        await RecoveryAsync();
    }

    private async Task<double> ChannelAsync()
    {
        double channel = await ChannelBaseline.ThroughputAsync(plan.Window);
        Figures.Print("channel_baseline", channel, "ops/s");
        Figures.Print("channel_round_trips", await ChannelBaseline.RoundTripsAsync(plan.Window), "ops/s");
        return channel;
    }

    // With limits and without in turns, so that both meet the same machine.
    private async Task<double> LifeCyclesAsync()
    {
        await using EngineUnderTest limited = await EngineUnderTest.StartAsync(journals.OpenNew(), limited: true);
        await using EngineUnderTest free = await EngineUnderTest.StartAsync(journals.OpenNew(), limited: false);
        await limited.FillAsync(plan.Queued);
        await free.FillAsync(plan.Queued);
        await limited.CycleAsync(plan.Window);
        await free.CycleAsync(plan.Window);

        long bytes = limited.Journal.Bytes;
        long appends = limited.Journal.Appends;
        long allocated = 0;
        TimeSpan processor = default;
        long jobs = 0;
        var limitedRates = new List<double>();
        var freeRates = new List<double>();
        for (int round = 0; round < plan.Rounds; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            TimeSpan processorBefore = Environment.CpuUsage.TotalTime;
            var (ended, elapsed) = await limited.CycleAsync(plan.Window);
            processor += Environment.CpuUsage.TotalTime - processorBefore;
            allocated += GC.GetTotalAllocatedBytes(precise: true) - before;
            jobs += ended;
            limitedRates.Add(ended / elapsed.TotalSeconds);
            (ended, elapsed) = await free.CycleAsync(plan.Window);
            freeRates.Add(ended / elapsed.TotalSeconds);
        }

        await limited.VerifyAsync();
        await free.VerifyAsync();
        double rate = Figures.Median(limitedRates);
        double freeRate = Figures.Median(freeRates);
        Figures.Print("life_cycles", rate, "jobs/s");
        Figures.Print("processor_time_per_job", processor.TotalMicroseconds / jobs, "us");
        Figures.Print("allocated_per_job", (double)allocated / jobs, "B");
        Figures.Print("journal_bytes_per_job", (double)(limited.Journal.Bytes - bytes) / jobs, "B");
        Figures.Print("jobs_per_append", (double)jobs / (limited.Journal.Appends - appends), "jobs");
        Figures.Print("limits_off_life_cycles", freeRate, "jobs/s");
        Figures.Print("limits_on_to_off", rate / freeRate, "ratio");
        return rate;
    }

    private async Task DepthsAsync()
    {
        await using EngineUnderTest shallow = await EngineUnderTest.StartAsync(journals.OpenNew());
        await using EngineUnderTest deep = await EngineUnderTest.StartAsync(journals.OpenNew());
        await shallow.FillAsync(Shallow);
        await shallow.CycleAsync(plan.Window / 2);
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

        await deep.CycleAsync(plan.Window / 2);
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
        Figures.Print("shallow_life_cycles", Figures.Median(shallowRates), "jobs/s");
        Figures.Print("deep_life_cycles", Figures.Median(deepRates), "jobs/s");
        Figures.Print("deep_to_shallow", Figures.Median(deepRates) / Figures.Median(shallowRates), "ratio");
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
    }
}
