namespace Engine;

/// <summary>A moment in UTC, in whole milliseconds since 1970-01-01T00:00Z: the only time the core knows.</summary>
/// <param name="Ms">Milliseconds since 1970.</param>
internal readonly record struct Instant(long Ms) : IComparable<Instant>
{
    internal const long MsPerDay = 86_400_000;

    /// <summary>Later than any moment that can occur.</summary>
    internal static Instant Never => new(long.MaxValue);

    /// <summary>The UTC day, counted from 1970-01-01 as day 0.</summary>
    internal int Day => (int)Math.DivRem(Ms, MsPerDay, out long rest) - (rest < 0 ? 1 : 0);

    /// <summary>The midnight that ends this day: when allowances reset (A-U8, LA-14).</summary>
    internal Instant NextMidnight => StartOf(Day + 1);

    internal static Instant StartOf(int day) => new(day * MsPerDay);

    internal static Instant From(DateTimeOffset moment) => new(moment.ToUnixTimeMilliseconds());

    internal Instant Add(TimeSpan span) => new(Ms + (span.Ticks / TimeSpan.TicksPerMillisecond));

    internal TimeSpan Since(Instant earlier) => new((Ms - earlier.Ms) * TimeSpan.TicksPerMillisecond);

    internal DateTimeOffset ToDateTimeOffset() => DateTimeOffset.FromUnixTimeMilliseconds(Ms);

    public int CompareTo(Instant other) => Ms.CompareTo(other.Ms);

    public static bool operator <(Instant left, Instant right) => left.Ms < right.Ms;

    public static bool operator >(Instant left, Instant right) => left.Ms > right.Ms;

    public static bool operator <=(Instant left, Instant right) => left.Ms <= right.Ms;

    public static bool operator >=(Instant left, Instant right) => left.Ms >= right.Ms;
}
