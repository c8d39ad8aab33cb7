using System.Numerics;

namespace Engine.Tests.Load.Driving;

/// <summary>Durations counted in buckets that are less than 1 % wide: any number of them, from any thread, in fixed
/// memory. The largest is kept as it is.</summary>
internal sealed class Histogram
{
    private const int Precision = 7;
    private const int Half = 1 << Precision;

    private readonly long[] _counts = new long[(64 - Precision) * Half];
    private long _count;
    private long _max;

    internal long Count => Interlocked.Read(ref _count);

    internal TimeSpan Max => TimeSpan.FromTicks(Interlocked.Read(ref _max));

    internal void Record(TimeSpan duration)
    {
        long ticks = Math.Max(0, duration.Ticks);
        Interlocked.Increment(ref _counts[BucketOf(ticks)]);
        Interlocked.Increment(ref _count);
        for (long max = Interlocked.Read(ref _max); ticks > max; max = Interlocked.Read(ref _max))
        {
            if (Interlocked.CompareExchange(ref _max, ticks, max) == max)
            {
                break;
            }
        }
    }

    /// <summary>What the given share of all durations did not exceed, too high by less than 1 %; zero when there are
    /// none.</summary>
    internal TimeSpan At(double share)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        long seen = 0;
        for (int bucket = 0; bucket < _counts.Length; bucket++)
        {
            seen += Interlocked.Read(ref _counts[bucket]);
            if (seen >= rank)
            {
                return TimeSpan.FromTicks(Math.Min(LastOf(bucket), Interlocked.Read(ref _max)));
            }
        }

        return Max;
    }

    // Below 2 x Half every value has a bucket; beyond it each doubling has Half of them.
    private static int BucketOf(long ticks)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)ticks | 1) - Precision);
        return (shift * Half) + (int)(ticks >> shift);
    }

    private static long LastOf(int bucket)
    {
        int shift = Math.Max(0, (bucket / Half) - 1);
        return ((bucket - (shift * Half) + 1L) << shift) - 1;
    }
}
