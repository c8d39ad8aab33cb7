namespace Engine.Tests;

/// <summary>The system's clock, ahead by some time: midnights pass, timers and monotonic time stay real.</summary>
internal sealed class ShiftedTime(long aheadMs) : TimeProvider
{
    private long _aheadMs = aheadMs;

    /// <summary>It is noon now. A test that counts on one day never sees another, whenever it is run.</summary>
    internal static ShiftedTime AtNoon() =>
        new((long)(TimeSpan.FromHours(12) - System.GetUtcNow().TimeOfDay).TotalMilliseconds);

    internal void Leap(TimeSpan by) => Interlocked.Add(ref _aheadMs, (long)by.TotalMilliseconds);

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddMilliseconds(Interlocked.Read(ref _aheadMs));
}
