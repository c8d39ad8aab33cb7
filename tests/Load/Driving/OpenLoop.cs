namespace Engine.Tests.Load.Driving;

/// <summary>Requests that come when they come, whether those before are answered or not. Each one's time runs from
/// the moment at which it was meant to start: a request that could not be sent because everything stood still waited,
/// too, and a caller would have noticed (coordinated omission).</summary>
internal static class OpenLoop
{
    /// <summary>Starts a request at each moment, and returns when all are answered.</summary>
    /// <param name="arrivals">The moments, from now, in order.</param>
    /// <param name="places">How many may be under way; the next one waits for a place, and its time runs.</param>
    /// <param name="operation">Does request number n, from 0; never throws.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Sends no more.</param>
    internal static async Task<Recorder> RunAsync(
        IEnumerable<TimeSpan> arrivals,
        int places,
        Func<long, ValueTask<Operation>> operation,
        TimeProvider time,
        CancellationToken stop)
    {
        var recorder = new Recorder();
        using var free = new SemaphoreSlim(places);
        long began = time.GetTimestamp();
        long number = 0;
        foreach (var intended in arrivals)
        {
            while (intended - time.GetElapsedTime(began) is var wait && wait > TimeSpan.Zero)
            {
                // Whole milliseconds: a shorter wait would be none at all, and this loop would take a processor.
                var whole = TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds));
                await Task.Delay(whole, time, CancellationToken.None).ConfigureAwait(false);
            }

            if (stop.IsCancellationRequested)
            {
                break;
            }

            if (!free.Wait(0, CancellationToken.None))
            {
                recorder.HeldBack++;
                await free.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            }

            recorder.Lag.Record(time.GetElapsedTime(began) - intended);
            _ = OneAsync(number++, intended);
        }

        for (int i = 0; i < places; i++)
        {
            await free.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        }

        recorder.Elapsed = time.GetElapsedTime(began);
        return recorder;

        async Task OneAsync(long n, TimeSpan intended)
        {
            var kind = await operation(n).ConfigureAwait(false);
            recorder.Record(kind, time.GetElapsedTime(began) - intended);
            free.Release();
        }
    }
}
