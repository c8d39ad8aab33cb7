using System.Diagnostics;
using System.Threading.Channels;
using System.Threading.Tasks.Sources;

namespace Engine.Bench.Throughput;

/// <summary>What the way into the engine costs with nothing behind it: the yardstick that travels with the machine.</summary>
internal static class ChannelBaseline
{
    private const int Capacity = 65_536;
    private const int Window = 256;

    /// <summary>Items a second through a bounded channel from two writers to one reader.</summary>
    internal static async Task<double> ThroughputAsync(TimeSpan duration)
    {
        var channel = Create<object>();
        using var stop = new CancellationTokenSource(duration);
        var item = new object();
        long started = Stopwatch.GetTimestamp();
        Task[] writers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                if (!channel.Writer.TryWrite(item))
                {
                    await channel.Writer.WriteAsync(item);
                }
            }
        }))];
        Task<long> reader = Task.Run(async () =>
        {
            long count = 0;
            while (await channel.Reader.WaitToReadAsync())
            {
                while (channel.Reader.TryRead(out _))
                {
                    count++;
                }
            }

            return count;
        });
        await Task.WhenAll(writers);
        channel.Writer.Complete();
        long read = await reader;
        return read / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>Questions a second that are asked over such a channel and answered, from two windows of 256.</summary>
    internal static async Task<double> RoundTripsAsync(TimeSpan duration)
    {
        var channel = Create<Question>();
        using var stop = new CancellationTokenSource(duration);
        long started = Stopwatch.GetTimestamp();
        Task reader = Task.Run(async () =>
        {
            while (await channel.Reader.WaitToReadAsync())
            {
                while (channel.Reader.TryRead(out Question? question))
                {
                    question.Answer();
                }
            }
        });
        long[] counts = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            Question[] questions = [.. Enumerable.Range(0, Window).Select(_ => new Question())];
            long count = 0;
            while (!stop.IsCancellationRequested)
            {
                foreach (Question question in questions)
                {
                    question.Reset();
                    await channel.Writer.WriteAsync(question);
                }

                foreach (Question question in questions)
                {
                    await question.Answered;
                    count++;
                }
            }

            return count;
        })));
        channel.Writer.Complete();
        await reader;
        return counts.Sum() / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static Channel<T> Create<T>() => Channel.CreateBounded<T>(
        new BoundedChannelOptions(Capacity) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private sealed class Question : IValueTaskSource
    {
        private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = true };

        internal ValueTask Answered => new(this, _source.Version);

        internal void Reset() => _source.Reset();

        internal void Answer() => _source.SetResult(true);

        void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

        void IValueTaskSource.OnCompleted(
            Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _source.OnCompleted(continuation, state, token, flags);
    }
}
