using System.Runtime.InteropServices;

namespace Engine.Estimation;

/// <summary>The documented formula (seed-semantics 1.5): a moving average of durations per tier, times the position,
/// divided by the workers, as a band of ×0.7 to ×1.3.</summary>
public sealed class MovingAverageEstimator : IWaitEstimator
{
    private const double Weight = 0.3;
    private const int RecentTiers = 8;

    private readonly Dictionary<string, Average> _averages = new(StringComparer.Ordinal);

    // Found by reference: the engine asks for the same few objects again and again.
    private readonly (Tier? Tier, Average? Average)[] _recent = new (Tier?, Average?)[RecentTiers];
    private int _nextRecent;

    /// <inheritdoc/>
    public void Record(Tier tier, TimeSpan duration)
    {
        ArgumentNullException.ThrowIfNull(tier);
        var average = Of(tier);
        average.Seconds = (Weight * duration.TotalSeconds)
            + ((1 - Weight) * (average.Seconds ?? tier.InitialDuration.TotalSeconds));
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
        return Of(tier).Seconds ?? tier.InitialDuration.TotalSeconds;
    }

    private Average Of(Tier tier)
    {
        foreach (var recent in _recent)
        {
            if (ReferenceEquals(recent.Tier, tier))
            {
                return recent.Average!;
            }
        }

        ref var average = ref CollectionsMarshal.GetValueRefOrAddDefault(_averages, tier.Name, out _);
        average ??= new Average();
        _recent[_nextRecent] = (tier, average);
        _nextRecent = (_nextRecent + 1) % RecentTiers;
        return average;
    }

    private sealed class Average
    {
        internal double? Seconds;
    }
}
