namespace Engine.Simulation;

/// <summary>The clocks of a simulated machine: a monotonic one that only the world moves on, and a wall clock that may
/// step, drift, stand still or run backwards beside it (F14).</summary>
/// <remarks>Timers go by the monotonic clock and fire as events of the world, on its thread.</remarks>
internal sealed class SimClock : TimeProvider
{
    private readonly World _world;
    private long _monotonicTicks;
    private long _wallAnchorTicks;
    private long _anchorTicks;
    private double _rate = 1;

    internal SimClock(World world, DateTimeOffset start)
    {
        _world = world;
        _wallAnchorTicks = start.UtcTicks;
    }

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Time that has passed since the world began.</summary>
    internal TimeSpan Elapsed => new(_monotonicTicks);

    /// <summary>How fast the wall clock goes: 1 as it should, 0 it stands still, below 0 it runs backwards.</summary>
    internal double WallRate
    {
        get => _rate;
        set
        {
            Anchor();
            _rate = value;
        }
    }

    /// <inheritdoc/>
    public override long GetTimestamp() => _monotonicTicks;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => new(WallTicks(), TimeSpan.Zero);

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new SimTimer(_world, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Lets the wall clock jump, as an operator or a time server would; monotonic time stays.</summary>
    internal void StepWall(TimeSpan by)
    {
        Anchor();
        _wallAnchorTicks = Math.Clamp(
            _wallAnchorTicks + by.Ticks, DateTimeOffset.UnixEpoch.UtcTicks, DateTimeOffset.MaxValue.UtcTicks / 2);
    }

    /// <summary>Sets the wall clock.</summary>
    internal void SetWall(DateTimeOffset to)
    {
        Anchor();
        _wallAnchorTicks = to.UtcTicks;
    }

    /// <summary>Called by the world alone, when its time moves on.</summary>
    internal void MoveTo(long ticks) => _monotonicTicks = ticks;

    private long WallTicks()
    {
        long passed = _monotonicTicks - _anchorTicks;
        return _wallAnchorTicks + (_rate == 1 ? passed : (long)(passed * _rate));
    }

    private void Anchor() => (_wallAnchorTicks, _anchorTicks) = (WallTicks(), _monotonicTicks);

    private sealed class SimTimer(World world, TimerCallback callback, object? state) : ITimer
    {
        private long _version;
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            // What was planned before finds another version when its time has come.
            _version++;
            _period = period;
            if (dueTime >= TimeSpan.Zero)
            {
                Plan(dueTime);
            }

            return true;
        }

        public void Dispose() => _version++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Plan(TimeSpan wait)
        {
            long version = _version;
            world.In(wait, () =>
            {
                if (version != _version)
                {
                    return;
                }

                if (_period > TimeSpan.Zero)
                {
                    Plan(_period);
                }

                callback(state);
            });
        }
    }
}
