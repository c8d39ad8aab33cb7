namespace Engine.Runtime;

/// <summary>Drives the loop: steps while there is something to do, sleeps until the bell or the clock says there is.</summary>
internal sealed class LoopThread
{
    private readonly CommandLoop _loop;
    private readonly Inbox _inbox;
    private readonly Action<Exception?> _onEnded;
    private readonly ITimer _timer;
    private readonly Thread _thread;
    private readonly Func<bool> _mustStayAwake;
    private TimeSpan _armed = Timeout.InfiniteTimeSpan;

    internal LoopThread(CommandLoop loop, Inbox inbox, TimeProvider time, Action<Exception?> onEnded)
    {
        (_loop, _inbox, _onEnded) = (loop, inbox, onEnded);
        _timer = time.CreateTimer(
            static bell => ((Inbox)bell!).Ring(), inbox, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _mustStayAwake = MustStayAwake;
        _thread = new Thread(Run) { IsBackground = true, Name = "Engine loop" };
    }

    internal void Start() => _thread.Start();

    private void Run()
    {
        while (!_loop.HasEnded)
        {
            if (!_loop.Step())
            {
                _inbox.Sleep(_mustStayAwake);
            }
        }

        _timer.Dispose();
        _onEnded(_loop.Failure);
    }

    // Called when the bell already rings for everybody: a timer that fires as soon as it is set is heard.
    private bool MustStayAwake()
    {
        var wake = _loop.NextWake;
        if (_loop.HasWork || wake <= TimeSpan.Zero)
        {
            return true;
        }

        Arm(wake ?? Timeout.InfiniteTimeSpan);
        return false;
    }

    private void Arm(TimeSpan wait)
    {
        wait = wait > MaxWait ? MaxWait : wait;
        if (wait != _armed || wait != Timeout.InfiniteTimeSpan)
        {
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
            _armed = wait;
        }
    }

    /// <summary>It never sleeps for longer. Timers go by a clock that nobody sets, and that stands still with a machine
    /// that is suspended: what is due by the wall clock is late by this much at most when that was set forward meanwhile
    /// (F14). Waking up for nothing now and then harms nobody.</summary>
    internal static TimeSpan MaxWait { get; } = TimeSpan.FromMinutes(5);
}
