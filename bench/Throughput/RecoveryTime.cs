using System.Buffers;
using System.Diagnostics;
using Engine.Core;
using Engine.Core.Imaging;
using Engine.Estimation;
using Engine.Runtime;
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
        EngineUnderTest first = await EngineUnderTest.StartAsync(open(), snapshotBytes: 0);
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

        EngineUnderTest second = EngineUnderTest.Create(open(), snapshotBytes: 0);
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

    /// <summary>Queues so many jobs, takes a snapshot, and starts again from it.</summary>
    internal static async Task<SnapshotFigures> MeasureSnapshotAsync(Func<IJournal> open, int jobs)
    {
        EngineUnderTest first = await EngineUnderTest.StartAsync(open(), snapshotBytes: 0);
        await using (first)
        {
            await first.FillAsync(jobs);
            await first.Engine.StopAsync();
        }

        TimeSpan save;
        TimeSpan copy;
        TimeSpan pause;
        await using (IJournal journal = open())
        {
            JournalOwnership ownership = await journal.AcquireAsync();
            var core = new EngineCore(
                EngineSettings.From(first.Engine.Options), new MovingAverageEstimator(), new BatchWriter());
            await Recovery.ReplayAsync(core, journal, ownership, CancellationToken.None);
            (ImageTaker taker, copy, pause) = Copy(core, ownership.LastSequence);
            long started = Stopwatch.GetTimestamp();
            ReadOnlySequence<byte> state;
            using (StateImage image = taker.ToImage())
            {
                state = SnapshotCodec.Write(image);
            }

            SnapshotCodec.Check(core.Settings, state);
            await journal.SaveSnapshotAsync(ownership.Epoch, ownership.LastSequence, state);
            save = Stopwatch.GetElapsedTime(started);
            await journal.TruncateAsync(ownership.Epoch, ownership.LastSequence + 1);
        }

        GC.Collect();
        EngineUnderTest second = EngineUnderTest.Create(open(), snapshotBytes: 0);
        await using (second)
        {
            long started = Stopwatch.GetTimestamp();
            await second.Engine.StartAsync();
            TimeSpan load = Stopwatch.GetElapsedTime(started);
            second.ContinueFrom(first);
            await second.VerifyAsync();
            RecoveryReport report = second.Engine.Recovery!;
            EngineUnderTest.Require(
                report.LiveJobs == jobs && report.ReplayedEvents == 0,
                $"{report.LiveJobs} of {jobs} jobs came back, {report.ReplayedEvents} events were read");
            return new SnapshotFigures(load, save, copy, pause, report.SnapshotBytes);
        }
    }

    /// <summary>Copies the state as the loop does. Returns what that took in all, and the longest it did at
    /// once.</summary>
    private static (ImageTaker Taker, TimeSpan All, TimeSpan Longest) Copy(EngineCore core, long sequence)
    {
        // What the replay left young would be moved meanwhile, and what it left pointing to it looked through: no pause of
        // the copy's.
        GC.Collect();
        GC.Collect(0);
        long started = Stopwatch.GetTimestamp();
        var taker = new ImageTaker(core.State, sequence, core.State.Now);
        TimeSpan longest = Stopwatch.GetElapsedTime(started);
        while (!taker.IsWhole)
        {
            long before = Stopwatch.GetTimestamp();
            taker.Advance(ImageOperation.UsuallyCopiedPerStep);
            TimeSpan step = Stopwatch.GetElapsedTime(before);
            longest = step > longest ? step : longest;
        }

        return (taker, Stopwatch.GetElapsedTime(started), longest);
    }
}

/// <summary>What a snapshot costs.</summary>
/// <param name="Load">A start that begins with it and reads nothing else.</param>
/// <param name="Save">Encoding it, checking it, writing it, syncing it and reading it back.</param>
/// <param name="Copy">Copying the state, which is the loop's part.</param>
/// <param name="Pause">The longest that the loop does nothing else.</param>
/// <param name="Bytes">Its size.</param>
internal sealed record SnapshotFigures(TimeSpan Load, TimeSpan Save, TimeSpan Copy, TimeSpan Pause, long Bytes);
