using System.Diagnostics;

namespace Engine.Tests.Load.Driving;

/// <summary>The measuring itself: a stall must show.</summary>
public sealed class DriverTests
{
    private const int Requests = 50;
    private const int StallBegins = 10;
    private const int StallEnds = 30;
    private static readonly TimeSpan Gap = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Stall = (StallEnds - StallBegins) * Gap;

    [Fact]
    public async Task An_open_loop_counts_the_wait_of_those_who_got_no_answer()
    {
        // A request each 10 ms; those of 100 ms to 290 ms are answered at 300 ms.
        var time = new EagerTime();
        var waiting = new List<TaskCompletionSource<Operation>>();

        // On a thread of the pool those who are woken go on at once: the clock does not.
        var recorder = await Task.Run(
            () => OpenLoop.RunAsync(Schedule(), Requests, OperateAsync, time, CancellationToken.None));

        AssertStallIsTold(recorder);
        Assert.Equal(0, recorder.HeldBack);
        Assert.Equal(TimeSpan.Zero, recorder.Lag.Max);

        ValueTask<Operation> OperateAsync(long number)
        {
            if (number is >= StallBegins and < StallEnds)
            {
                waiting.Add(new TaskCompletionSource<Operation>());
                return new(waiting[^1].Task);
            }

            if (number == StallEnds)
            {
                waiting.ForEach(one => one.SetResult(Operation.Submit));
            }

            return new(Operation.Submit);
        }
    }

    [Fact]
    public async Task An_open_loop_counts_the_wait_of_those_who_could_not_even_ask()
    {
        // The same, but everything stands still from 100 ms to 300 ms, the sender with it.
        var time = new EagerTime();
        var recorder = await OpenLoop.RunAsync(Schedule(), 1, StandStillOnce(time), time, CancellationToken.None);

        AssertStallIsTold(recorder);
        Assert.Equal(Stall - Gap, recorder.Lag.Max);
    }

    [Fact]
    public async Task A_closed_loop_sees_the_same_stall_once_which_is_why_there_is_an_open_one()
    {
        var time = new EagerTime();
        var recorder = await ClosedLoop.RunAsync(1, Requests, StandStillOnce(time), time, CancellationToken.None);

        Assert.Equal(Requests, recorder.All.Count);
        Assert.Equal(Stall, recorder.All.Max);
        Assert.Equal(TimeSpan.Zero, recorder.All.At(0.98));
    }

    [Fact]
    public async Task An_open_loop_with_every_place_taken_sends_nothing_and_counts_the_wait()
    {
        var time = new EagerTime();
        var answer = new TaskCompletionSource<Operation>();
        int started = 0;

        // The first is sent at once; the second and the third are slept for.
        var run = Task.Run(() => OpenLoop.RunAsync(Schedule(), 2, OperateAsync, time, CancellationToken.None));
        await time.SecondAwakened;
        Assert.False(run.IsCompleted);
        Assert.Equal(2, Volatile.Read(ref started));

        answer.SetResult(Operation.Submit);
        var recorder = await run;

        Assert.Equal(Requests, recorder.All.Count);
        Assert.InRange(recorder.HeldBack, 1, Requests);

        ValueTask<Operation> OperateAsync(long number)
        {
            Interlocked.Increment(ref started);
            return number < 2 ? new(answer.Task) : new(Operation.Submit);
        }
    }

    [Fact]
    public async Task What_nobody_answered_is_no_latency()
    {
        var recorder = await ClosedLoop.RunAsync(
            1, Requests, _ => new(Operation.Unanswered), new EagerTime(), CancellationToken.None);

        Assert.Equal(0, recorder.All.Count);
        Assert.Equal(Requests, recorder[Operation.Unanswered].Count);
    }

    [Fact]
    public void Arrivals_come_at_the_rate_with_gaps_of_any_length_and_the_same_for_the_same_seed()
    {
        const int Count = 20_000;
        const double Rate = 400;
        var arrivals = Arrivals.Poisson(7, Rate, Count, TimeSpan.MaxValue).ToList();
        var gaps = arrivals.Zip(arrivals.Skip(1), (one, next) => (next - one).TotalSeconds).ToList();
        double mean = gaps.Average();
        double deviation = Math.Sqrt(gaps.Average(gap => (gap - mean) * (gap - mean)));

        Assert.Equal(arrivals, Arrivals.Poisson(7, Rate, Count, TimeSpan.MaxValue));
        Assert.NotEqual(arrivals[0], Arrivals.Poisson(8, Rate, 1, TimeSpan.MaxValue).Single());
        Assert.All(gaps, gap => Assert.True(gap >= 0));
        Assert.InRange(mean * Rate, 0.97, 1.03);

        // Callers who know nothing of each other: the gaps deviate as much as they are long. Even ones would not at
        // all.
        Assert.InRange(deviation / mean, 0.95, 1.05);
        var within = Arrivals.Poisson(7, Rate, Count, TimeSpan.FromSeconds(2)).ToList();
        Assert.Equal(arrivals.TakeWhile(at => at < TimeSpan.FromSeconds(2)), within);
    }

    [Fact]
    public void A_histogram_gives_percentiles_to_one_percent_and_the_largest_exactly()
    {
        var dice = new Dice(3);
        var histogram = new Histogram();
        var all = new List<long>();
        for (int i = 0; i < 20_000; i++)
        {
            // From 100 ns to some minutes, each size as often as any other.
            all.Add((long)(dice.Next() >> 11) >> dice.Below(50));
            histogram.Record(TimeSpan.FromTicks(all[i]));
        }

        all.Sort();
        foreach (double share in new[] { 0.001, 0.1, 0.5, 0.9, 0.99, 0.999 })
        {
            long exact = all[(int)Math.Ceiling(share * all.Count) - 1];
            Assert.InRange(histogram.At(share).Ticks, exact, exact + (exact / 100) + 1);
        }

        Assert.Equal(all[^1], histogram.Max.Ticks);
        Assert.Equal(all[^1], histogram.At(1).Ticks);
        Assert.Equal(all.Count, histogram.Count);
    }

    [Fact]
    public void A_histogram_takes_every_duration_and_counts_from_many_threads()
    {
        var histogram = new Histogram();
        Parallel.For(0, 10_000, i => histogram.Record(TimeSpan.FromTicks(i)));
        Assert.Equal(10_000, histogram.Count);
        Assert.Equal(9_999, histogram.Max.Ticks);

        long[] edges = [-5, 0, 127, 128, 255, 256, 257, long.MaxValue];
        foreach (long edge in edges)
        {
            var one = new Histogram();
            one.Record(TimeSpan.FromTicks(edge));
            Assert.Equal(Math.Max(0, edge), one.At(0.5).Ticks);
        }
    }

    private static IEnumerable<TimeSpan> Schedule() => Enumerable.Range(0, Requests).Select(i => i * Gap);

    private static Func<long, ValueTask<Operation>> StandStillOnce(EagerTime time) => number =>
    {
        time.Pass(number == StallBegins ? Stall : TimeSpan.Zero);
        return new(Operation.Submit);
    };

    // 200 ms, 190 ms, ... 10 ms: twenty of fifty waited.
    private static void AssertStallIsTold(Recorder recorder)
    {
        Assert.Equal(Requests, recorder.All.Count);
        Assert.Equal(Stall, recorder.All.Max);
        Assert.InRange(recorder.All.At(0.9).TotalMilliseconds, 150, 151.5);
        Assert.InRange(recorder.All.At(0.61).TotalMilliseconds, 10, 10.1);
        Assert.Equal(TimeSpan.Zero, recorder.All.At(0.6));
    }

    /// <summary>A clock for one sleeper: it jumps to the moment at which that one wants to be woken.</summary>
    private sealed class EagerTime : TimeProvider
    {
        private readonly TaskCompletionSource _second = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private long _ticks;
        private int _awakened;

        /// <summary>Completes when somebody was woken for the second time, and has done what it could.</summary>
        internal Task SecondAwakened => _second.Task;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _ticks);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Debug.Assert(period == Timeout.InfiniteTimeSpan, "Only single delays are waited for.");
            Pass(dueTime);
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    callback(state);
                    if (Interlocked.Increment(ref _awakened) == 2)
                    {
                        _second.SetResult();
                    }
                },
                null);
            return new Fired();
        }

        internal void Pass(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);

        private sealed class Fired : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
