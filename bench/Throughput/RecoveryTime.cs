using System.Diagnostics;
using Engine.Storage;

namespace Engine.Bench.Throughput;

/// <summary>How long an engine takes to be itself again from its events.</summary>
internal static class RecoveryTime
{
    private const int StillOpen = 10_000;

    /// <summary>Writes about so many events, stops, and starts again on the same journal.</summary>
    internal static async Task<(long Events, TimeSpan Elapsed)> MeasureAsync(Func<IJournal> open, long events)
    {
        long written = 0;
        EngineUnderTest first = await EngineUnderTest.StartAsync(open());
        await using (first)
        {
            // A life cycle is three events; a remainder is left open, so that there is something to restore.
            await first.FillAsync(StillOpen);
            await first.CycleAsync(TimeSpan.FromMinutes(2), atMost: (events - StillOpen) / 3);
            await first.Engine.StopAsync();
        }

        await using (IJournal journal = open())
        {
            await journal.AcquireAsync();
            await foreach (JournalFrame frame in journal.ReadAsync(1))
            {
                written += frame.EventCount;
            }
        }

        EngineUnderTest second = EngineUnderTest.Create(open());
        await using (second)
        {
            long started = Stopwatch.GetTimestamp();
            await second.Engine.StartAsync();
            TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
            second.ContinueFrom(first);
            await second.VerifyAsync();
            return (written, elapsed);
        }
    }
}
