using System.Numerics;

namespace Engine.Simulation;

/// <summary>Dice for one part of a simulation: the same seed and name give the same throws, on every machine and in
/// every
/// version.</summary>
/// <remarks>xoshiro256**, seeded by SplitMix64. One stream a subsystem, so that one more throw in the workload does not
/// shift what the disk does.</remarks>
internal sealed class RandomStream
{
    private ulong _s0;
    private ulong _s1;
    private ulong _s2;
    private ulong _s3;

    /// <summary>Makes a stream of its own.</summary>
    public RandomStream(ulong seed)
    {
        _s0 = SplitMix(ref seed);
        _s1 = SplitMix(ref seed);
        _s2 = SplitMix(ref seed);
        _s3 = SplitMix(ref seed);
    }

    /// <summary>The stream of one subsystem.</summary>
    /// <param name="root">The one seed of the whole simulation.</param>
    /// <param name="name">Which subsystem.</param>
    public static RandomStream Named(ulong root, string name)
    {
        ArgumentNullException.ThrowIfNull(name);

        // FNV-1a: string.GetHashCode differs from process to process.
        ulong hash = 14695981039346656037;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 1099511628211;
        }

        return new RandomStream(Mix(root ^ hash));
    }

    /// <summary>64 random bits.</summary>
    public ulong Next()
    {
        ulong result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        ulong t = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= t;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A number from 0 to <paramref name="bound"/> - 1.</summary>
    public int Below(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        return (int)Math.BigMul(Next(), (ulong)bound, out _);
    }

    /// <summary>A number from <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public long Between(long low, long high)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(high, low);
        ulong span = (ulong)(high - low) + 1;
        return span == 0 ? (long)Next() : low + (long)Math.BigMul(Next(), span, out _);
    }

    /// <summary>A span from <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public TimeSpan Between(TimeSpan low, TimeSpan high) => new(Between(low.Ticks, high.Ticks));

    /// <summary>A number from 0 (included) to 1 (excluded).</summary>
    public double Fraction() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True this often: 0 never, 1 always.</summary>
    public bool Chance(double probability) => Fraction() < probability;

    /// <summary>One of these, each as likely as the others.</summary>
    public T Pick<T>(params ReadOnlySpan<T> items) => items[Below(items.Length)];

    /// <summary>Mixes the bits of a number: equal in, equal out; any bit changes half of the result.</summary>
    internal static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    private static ulong SplitMix(ref ulong state) => Mix(state += 0x9E3779B97F4A7C15);
}
