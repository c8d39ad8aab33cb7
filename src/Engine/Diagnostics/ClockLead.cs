namespace Engine.Diagnostics;

/// <summary>How far the engine's own clock is ahead of the wall clock: told by the loop, asked by anybody.</summary>
internal sealed class ClockLead(TimeProvider time)
{
    /// <summary>Clocks that are kept right step back by less; more is told.</summary>
    internal static readonly TimeSpan Tolerated = TimeSpan.FromMinutes(1);

    private long _nowMs;

    /// <summary>Zero as long as the wall clock never went back.</summary>
    internal TimeSpan Value =>
        TimeSpan.FromMilliseconds(Math.Max(0, Volatile.Read(ref _nowMs) - time.GetUtcNow().ToUnixTimeMilliseconds()));

    /// <summary>The engine's own clock shows this.</summary>
    internal void Shows(Instant now) => Volatile.Write(ref _nowMs, now.Ms);
}
