namespace Engine.Tests.Load.Driving;

/// <summary>A fixed number of callers, each of whom waits for its answer before it asks again.</summary>
/// <remarks>It never overloads anything: what slows down is asked less. And a stall is one slow answer for each
/// caller, however many would have come meanwhile. Both are what an <see cref="OpenLoop"/> is for.</remarks>
internal static class ClosedLoop
{
    /// <summary>Runs numbers 0 to <paramref name="count"/> - 1, or until told to stop.</summary>
    internal static async Task<Recorder> RunAsync(
        int callers, long count, Func<long, ValueTask<Operation>> operation, TimeProvider time, CancellationToken stop)
    {
        var recorder = new Recorder();
        long next = -1;
        long began = time.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(CallAsync)));
        recorder.Elapsed = time.GetElapsedTime(began);
        return recorder;

        async Task CallAsync()
        {
            while (!stop.IsCancellationRequested && Interlocked.Increment(ref next) is var number && number < count)
            {
                long started = time.GetTimestamp();
                var kind = await operation(number).ConfigureAwait(false);
                recorder.Record(kind, time.GetElapsedTime(started));
            }
        }
    }
}
