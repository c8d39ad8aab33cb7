using System.Globalization;

namespace Engine;

/// <summary>How sure an estimate is.</summary>
public enum EstimateConfidence
{
    /// <summary>Ten or more jobs are ahead.</summary>
    Low = 1,

    /// <summary>Fewer than ten are.</summary>
    Medium = 2,
}

/// <summary>How long a job may wait, as a range (LA-19). All values are whole seconds, truncated.</summary>
/// <param name="Seconds">The middle.</param>
/// <param name="LowerSeconds">At least about this.</param>
/// <param name="UpperSeconds">At most about this.</param>
/// <param name="Confidence">How sure it is.</param>
public readonly record struct WaitEstimate(
    long Seconds, long LowerSeconds, long UpperSeconds, EstimateConfidence Confidence)
{
    /// <summary>The range in words, for example "5 minutes-10 minutes" (A-E7).</summary>
    public string Message => $"{Format(LowerSeconds)}-{Format(UpperSeconds)}";

    /// <summary>A duration in words (A-E9 to A-E13): seconds below a minute, minutes below an hour, then hours and minutes.</summary>
    public static string Format(long seconds)
    {
        if (seconds < 60)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{seconds} seconds");
        }

        long minutes = seconds / 60;
        if (minutes < 60)
        {
            return minutes == 1 ? "1 minute" : string.Create(CultureInfo.InvariantCulture, $"{minutes} minutes");
        }

        (long hours, minutes) = Math.DivRem(minutes, 60);
        return minutes == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{hours}h")
            : string.Create(CultureInfo.InvariantCulture, $"{hours}h {minutes}m");
    }
}
