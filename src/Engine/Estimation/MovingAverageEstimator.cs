using System.Runtime.InteropServices;

namespace Engine.Estimation;

/// <summary>The documented formula (seed-semantics 1.5): a moving average of durations per tier, times the position,
/// divided by the workers, as a band of ×0.7 to ×1.3.</summary>
public sealed class MovingAverageEstimator : IWaitEstimator
{
    private const double Weight = 0.3;

    private readonly Dictionary<string, double> _averageSeconds = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public void Record(Tier tier, TimeSpan duration)
    {
        ArgumentNullException.ThrowIfNull(tier);
        ref double average = ref CollectionsMarshal.GetValueRefOrAddDefault(_averageSeconds, tier.Name, out bool exists);
        average = (Weight * duration.TotalSeconds)
            + ((1 - Weight) * (exists ? average : tier.InitialDuration.TotalSeconds));
    }

    /// <inheritdoc/>
    public WaitEstimate Estimate(Tier tier, long position, int workers)
    {
        double seconds = AverageSeconds(tier) * position / Math.Max(workers, 1);
        return new WaitEstimate(
            (long)seconds,
            (long)(0.7 * seconds),
            (long)(1.3 * seconds),
            position < 10 ? EstimateConfidence.Medium : EstimateConfidence.Low);
    }

    /// <summary>The average of a tier, in seconds: its initial duration until a run completes (A-E1 to A-E4).</summary>
    public double AverageSeconds(Tier tier)
    {
        ArgumentNullException.ThrowIfNull(tier);
        return _averageSeconds.TryGetValue(tier.Name, out double seconds) ? seconds : tier.InitialDuration.TotalSeconds;
    }
}
