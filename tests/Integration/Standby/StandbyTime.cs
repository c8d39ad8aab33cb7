using System.Threading.Channels;

namespace Engine.Tests.Standby;

/// <summary>A manual clock that tells when a host that stands by waits to ask again, and for how long.</summary>
internal sealed class StandbyTime : TimeProvider
{
    // The longest that such a host waits; nothing else in a host that is idle waits as briefly.
    private static readonly TimeSpan MaxWait = TimeSpan.FromMilliseconds(250);

    private readonly ManualTimeProvider _inner = new();
    private readonly Channel<TimeSpan> _waits = Channel.CreateUnbounded<TimeSpan>();

    public override long TimestampFrequency => _inner.TimestampFrequency;

    internal TimeSpan Now => GetElapsedTime(0);

    public override DateTimeOffset GetUtcNow() => _inner.GetUtcNow();

    public override long GetTimestamp() => _inner.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = _inner.CreateTimer(callback, state, dueTime, period);
        if (dueTime > TimeSpan.Zero && dueTime <= MaxWait)
        {
            _waits.Writer.TryWrite(dueTime);
        }

        return timer;
    }

    internal void Advance(TimeSpan by) => _inner.Advance(by);

    /// <summary>Waits until somebody waits, then lets exactly that time pass; false when <paramref name="done"/> came
    /// first.</summary>
    internal async Task<bool> PassOneWaitAsync(Task done)
    {
        var wait = _waits.Reader.WaitToReadAsync().AsTask();
        if (await Task.WhenAny(wait, done).WaitAsync(TestEngine.Guard) == done)
        {
            return false;
        }

        Assert.True(_waits.Reader.TryRead(out var length));
        _inner.Advance(length);
        return true;
    }

    /// <summary>Lets time pass, one wait after another, until it is done.</summary>
    internal async Task PassUntilAsync(Task done)
    {
        while (!done.IsCompleted && await PassOneWaitAsync(done))
        {
        }

        await done;
    }
}
