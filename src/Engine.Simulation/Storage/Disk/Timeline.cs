namespace Engine.Simulation.Storage.Disk;

/// <summary>Lets code that blocks on a disk run in virtual time: it runs through at once, and a clock of its own says
/// when each of its calls began and ended.</summary>
/// <remarks>What such a span of code does to the disk is dated; a crash undoes what is dated later than itself. So the
/// production code needs no awaits to be stopped between any two of its calls. Without a world, nothing takes
/// time.</remarks>
internal sealed class Timeline(World? world)
{
    /// <summary>A call that never returns ends then.</summary>
    internal const long Never = long.MaxValue / 4;

    private long _cursor = -1;

    /// <summary>Whether nothing takes time.</summary>
    internal bool IsInstant => world is null;

    /// <summary>The instant of the code that is running, in ticks.</summary>
    internal long Now => _cursor >= 0 ? _cursor : WorldNow;

    /// <summary>The instant of the world, in ticks: everything dated up to now has happened.</summary>
    internal long WorldNow => world?.Elapsed.Ticks ?? 0;

    /// <summary>Runs code from an instant on; when it ends.</summary>
    internal long Run(long start, Action work)
    {
        long outer = _cursor;
        _cursor = IsInstant ? 0 : start;
        try
        {
            work();
            return _cursor;
        }
        finally
        {
            _cursor = outer;
        }
    }

    /// <summary>The code that is running waits.</summary>
    internal void WaitUntil(long instant)
    {
        if (_cursor >= 0 && instant > _cursor)
        {
            _cursor = instant;
        }
    }

    /// <summary>Plans something for an instant that is not over; nothing for <see cref="Never"/>.</summary>
    internal void At(long instant, Action what)
    {
        if (world is null)
        {
            what();
        }
        else if (instant < Never)
        {
            world.In(new TimeSpan(Math.Max(0, instant - WorldNow)), what);
        }
    }
}
