namespace Engine.Simulation;

/// <summary>A simulated world: one seed, one thread, one queue of events, and time that jumps from one to the
/// next.</summary>
/// <remarks>Nothing in it waits, and nothing runs anywhere else: an event is an <see cref="Action"/> that plans others.
/// Everything random comes from <see cref="Stream"/>, so that a seed is the whole story.</remarks>
internal sealed class World
{
    private readonly EventQueue _events;

    internal World(ulong seed, DateTimeOffset start)
    {
        Seed = seed;
        _events = new EventQueue(Stream("schedule"));
        Clock = new SimClock(this, start);
    }

    internal ulong Seed { get; }

    internal SimClock Clock { get; }

    /// <summary>Time that has passed.</summary>
    internal TimeSpan Elapsed => Clock.Elapsed;

    /// <summary>Events that have happened.</summary>
    internal long Steps { get; private set; }

    /// <summary>Events that are planned.</summary>
    internal int Planned => _events.Count;

    /// <summary>A digest of all that was noted: equal for equal runs.</summary>
    internal ulong Hash { get; private set; } = 0x9E3779B97F4A7C15;

    /// <summary>The dice of one subsystem. Called twice for a name it starts again from its first throw: keep
    /// it.</summary>
    internal RandomStream Stream(string name) => RandomStream.Named(Seed, name);

    /// <summary>Plans something for later. What is planned for the same instant happens in an order the seed
    /// decides.</summary>
    internal void In(TimeSpan delay, Action what)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        _events.Add(checked(Clock.Elapsed.Ticks + delay.Ticks), what);
    }

    /// <summary>Lets the next event happen, unless it is later than <paramref name="until"/>. Returns whether one
    /// did.</summary>
    internal bool Step(TimeSpan until)
    {
        if (_events.NextAt > until.Ticks)
        {
            return false;
        }

        var what = _events.Take(out long at);
        Clock.MoveTo(at);
        Steps++;
        what();
        return true;
    }

    /// <summary>Lets everything happen that is planned up to an instant, and moves on to it.</summary>
    internal void RunUntil(TimeSpan until)
    {
        while (Step(until))
        {
        }

        if (until.Ticks > Clock.Elapsed.Ticks)
        {
            Clock.MoveTo(until.Ticks);
        }
    }

    /// <summary>Adds a fact to the digest by which two runs of a seed are compared.</summary>
    internal void Note(long fact) => Hash = RandomStream.Mix((Hash * 0xD1342543DE82EF95) + (ulong)fact);
}
