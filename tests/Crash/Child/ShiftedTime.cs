namespace Engine.Tests.Crash.Child;

/// <summary>The system's clock, ahead by some days: midnights pass, timers and monotonic time stay real.</summary>
internal sealed class ShiftedTime(long aheadMs) : TimeProvider
{
    private long _aheadMs = aheadMs;

    internal void Leap(TimeSpan by) => Interlocked.Add(ref _aheadMs, (long)by.TotalMilliseconds);

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddMilliseconds(Interlocked.Read(ref _aheadMs));
}
