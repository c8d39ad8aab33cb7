namespace Engine.Tests;

/// <summary>A clock that stands still until it is told to go on; timers fire while it does.</summary>
internal sealed class ManualTimeProvider(DateTimeOffset start) : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private DateTimeOffset _now = start;
    private long _monotonicTicks;

    internal ManualTimeProvider()
        : this(new DateTimeOffset(2030, 6, 15, 10, 30, 0, TimeSpan.Zero))
    {
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
        {
            return _now;
        }
    }

    public override long GetTimestamp()
    {
        lock (_gate)
        {
            return _monotonicTicks;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Lets time pass, and every timer fire that is due on the way, in order.</summary>
    internal void Advance(TimeSpan by)
    {
        long end;
        lock (_gate)
        {
            end = _monotonicTicks + by.Ticks;
        }

        while (TakeDue(end) is { } timer)
        {
            timer.Fire();
        }

        lock (_gate)
        {
            _now += TimeSpan.FromTicks(end - _monotonicTicks);
            _monotonicTicks = end;
        }
    }

    /// <summary>Lets the wall clock jump, as an operator or a time server would; monotonic time stays.</summary>
    internal void JumpWallClock(TimeSpan by)
    {
        lock (_gate)
        {
            _now += by;
        }
    }

    private ManualTimer? TakeDue(long end)
    {
        lock (_gate)
        {
            var next = _timers.Where(timer => timer.DueTicks <= end).MinBy(timer => timer.DueTicks);
            if (next is not null)
            {
                long passed = Math.Max(0, next.DueTicks - _monotonicTicks);
                _now += TimeSpan.FromTicks(passed);
                _monotonicTicks += passed;
                next.Rearm();
            }

            return next;
        }
    }

    private sealed class ManualTimer(ManualTimeProvider owner, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        internal long DueTicks { get; private set; } = long.MaxValue;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (owner._gate)
            {
                owner._timers.Remove(this);
                _period = period;
                DueTicks = dueTime < TimeSpan.Zero ? long.MaxValue : owner._monotonicTicks + dueTime.Ticks;
                if (DueTicks != long.MaxValue)
                {
                    owner._timers.Add(this);
                }
            }

            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        internal void Fire() => callback(state);

        internal void Rearm()
        {
            if (_period > TimeSpan.Zero)
            {
                DueTicks += _period.Ticks;
            }
            else
            {
                owner._timers.Remove(this);
                DueTicks = long.MaxValue;
            }
        }
    }
}
