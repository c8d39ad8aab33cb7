using System.Diagnostics;
using Engine.Core.Scheduling;

namespace Engine.Bench.Throughput;

/// <summary>How long one caller waits who asks one thing at a time.</summary>
internal static class SingleCalls
{
    private const int WarmUp = 500;

    /// <summary>Submissions, each acknowledged before the next: from the call until it is durable and answered.</summary>
    internal static async Task<Latencies> AcknowledgementsAsync(EngineUnderTest engine, int count, TimeSpan atMost)
    {
        var workload = new Workload(limited: true);
        var latencies = new Latencies(count);
        long begin = Stopwatch.GetTimestamp();
        for (int i = -WarmUp; i < count && (i < 1 || Stopwatch.GetElapsedTime(begin) < atMost); i++)
        {
            JobRequest request = workload.Next();
            long started = Stopwatch.GetTimestamp();
            SubmitResult result = await engine.Engine.SubmitAsync(request);
            if (i >= 0)
            {
                latencies.Add(started);
            }

            EngineUnderTest.RequireQueued(result);
        }

        return latencies;
    }

    /// <summary>Questions for the position of one waiting job after another, through the engine's front door.</summary>
    internal static async Task<Latencies> PositionsAsync(EngineUnderTest engine, IReadOnlyList<JobId> waiting, int count)
    {
        var latencies = new Latencies(count);
        for (int i = -WarmUp; i < count; i++)
        {
            JobId id = waiting[(i + WarmUp) % waiting.Count];
            long started = Stopwatch.GetTimestamp();
            JobView? job = await engine.Engine.GetAsync(id);
            if (i >= 0)
            {
                latencies.Add(started);
            }

            EngineUnderTest.Require(job is { Position: > 0 }, "a waiting job had no position");
        }

        return latencies;
    }

    /// <summary>The same question inside the core, where it is a search in the index.</summary>
    internal static Latencies PositionsInCore(int waiting, int count)
    {
        var index = new PositionIndex();
        for (int i = 1; i <= waiting; i++)
        {
            index.Add(Key(i));
        }

        var latencies = new Latencies(count);
        for (int i = -WarmUp; i < count; i++)
        {
            int any = (int)((ulong)(i + WarmUp) * 0x9E37_79B9_7F4A_7C15 >> 33) % waiting;
            long started = Stopwatch.GetTimestamp();
            long rank = index.RankOf(Key(any + 1));
            if (i >= 0)
            {
                latencies.Add(started);
            }

            EngineUnderTest.Require(rank > 0, "a waiting job had no position");
        }

        return latencies;

        static OrderKey Key(int sequence) =>
            OrderKey.For(Ordering.Strict, (sequence % 3) * 2, 0, sequence, enteredMs: 0, headStartMs: 1);
    }
}
