namespace Engine.Diagnostics;

/// <summary>For how long the journal has not answered: told by the loop, asked by anybody.</summary>
/// <remarks>A disk that hangs gives no error, and the loop waits for it with everybody else: nobody there could
/// tell.</remarks>
internal sealed class JournalDelay(TimeProvider time)
{
    /// <summary>Disks that work take less; more is told.</summary>
    internal const long ToleratedMs = 10_000;

    private const long Nothing = -1;

    private long _sinceMs = Nothing;

    /// <summary>Zero while nothing waits for the journal.</summary>
    internal TimeSpan Value => Volatile.Read(ref _sinceMs) is var since && since == Nothing
        ? TimeSpan.Zero
        : TimeSpan.FromMilliseconds(Math.Max(0, (long)time.GetElapsedTime(0).TotalMilliseconds - since));

    /// <summary>Something waits for it from now on.</summary>
    /// <param name="nowMs">Of the monotonic clock, as all of these.</param>
    internal void Begins(long nowMs) => Volatile.Write(ref _sinceMs, nowMs);

    /// <summary>The journal has answered.</summary>
    /// <param name="nowMs">The time.</param>
    /// <param name="nextSinceMs">Since when what still waits has waited; null when nothing does.</param>
    /// <returns>How long that took, in ms.</returns>
    internal long Answers(long nowMs, long? nextSinceMs)
    {
        long since = _sinceMs;
        Volatile.Write(ref _sinceMs, nextSinceMs ?? Nothing);
        return since == Nothing ? 0 : nowMs - since;
    }
}
