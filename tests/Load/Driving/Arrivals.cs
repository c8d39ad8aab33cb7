namespace Engine.Tests.Load.Driving;

/// <summary>When requests are meant to start, counted from the beginning.</summary>
internal static class Arrivals
{
    /// <summary>Callers who know nothing of each other: gaps of random length (Poisson), the same for the same
    /// seed.</summary>
    /// <param name="seed">Fixes every gap.</param>
    /// <param name="rate">How many a second, on average.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="duration">When the last one is over.</param>
    internal static IEnumerable<TimeSpan> Poisson(ulong seed, double rate, long count, TimeSpan duration)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rate);
        var dice = Dice.For(seed, 0x0A22_17A1);
        double at = 0;
        for (long i = 0; i < count; i++)
        {
            // From 0 to just below 1, in steps of 2^-53.
            double chance = (dice.Next() >> 11) * (1.0 / (1UL << 53));
            at += -Math.Log(1 - chance) / rate;
            if (at >= duration.TotalSeconds)
            {
                yield break;
            }

            yield return TimeSpan.FromSeconds(at);
        }
    }
}
