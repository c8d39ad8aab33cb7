namespace Engine.Tests;

/// <summary>Seeded chance (SplitMix64): equal seeds give equal plans on every machine and runtime.</summary>
internal struct Dice(ulong seed)
{
    private ulong _state = seed;

    internal ulong Next()
    {
        ulong x = _state += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    /// <summary>0 to <paramref name="count"/> - 1.</summary>
    internal int Below(int count) => (int)(Next() % (ulong)count);

    internal bool Chance(int percent) => Below(100) < percent;

    /// <summary>Dice of their own for one part of a plan: a throw more here changes nothing there.</summary>
    internal static Dice For(ulong seed, ulong part) => new(new Dice(seed ^ (part * 0xD1342543DE82EF95)).Next());
}
