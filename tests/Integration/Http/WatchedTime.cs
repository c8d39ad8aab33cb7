using System.Threading.Channels;

namespace Engine.Tests.Http;

/// <summary>A manual clock that tells when a timer of a certain length has been set, so that a test moves the clock
/// when somebody waits for it and not a moment earlier.</summary>
internal sealed class WatchedTime(TimeSpan length) : TimeProvider
{
    private readonly ManualTimeProvider _inner = new();
    private readonly Channel<ITimer> _set = Channel.CreateUnbounded<ITimer>();

    public override long TimestampFrequency => _inner.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => _inner.GetUtcNow();

    public override long GetTimestamp() => _inner.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = _inner.CreateTimer(callback, state, dueTime, period);
        if (dueTime == length)
        {
            _set.Writer.TryWrite(timer);
        }

        return timer;
    }

    /// <summary>Waits until such a timer is set, then lets exactly its time pass.</summary>
    internal async Task PassAsync()
    {
        await _set.Reader.ReadAsync().AsTask().WaitAsync(TestEngine.Guard);
        _inner.Advance(length);
    }
}
