using Engine.Simulation.Audit;

namespace Engine.Simulation.Cli;

/// <summary>Looks for a smaller simulation that breaks the same promise: without a fault, with fewer tenants and
/// workers,
/// and no longer than it takes.</summary>
internal static class Shrinker
{
    private const int MaxTries = 200;

    internal static (SimOrder Order, Finding Finding, int Tries) Shrink(SimOrder order, Finding finding)
    {
        int tries = 0;
        var best = (Order: order, Finding: finding);
        bool isSmaller = true;
        while (isSmaller && tries < MaxTries)
        {
            isSmaller = false;
            foreach (var candidate in Smaller(best.Order, best.Finding))
            {
                if (++tries > MaxTries)
                {
                    break;
                }

                if (SimRun.Run(candidate.ToPlan()).Finding is { } found && found.Invariant == finding.Invariant)
                {
                    best = (candidate, found);
                    isSmaller = true;
                    break;
                }
            }
        }

        return (best.Order, best.Finding, Math.Min(tries, MaxTries));
    }

    private static IEnumerable<SimOrder> Smaller(SimOrder order, Finding finding)
    {
        // Not longer than it takes to see it; what is found in the liveness phase needs a safety phase before it.
        var seen = finding.At + TimeSpan.FromSeconds(1);
        if (seen < order.Length * 0.95)
        {
            yield return order with { Length = seen };
        }

        if (order.Length > TimeSpan.FromSeconds(10))
        {
            yield return order with { Length = order.Length / 2 };
        }

        var plan = order.ToPlan();
        if (plan.Faults != Faults.None)
        {
            yield return order with { Without = Faults.All };
        }

        for (int bit = 1; bit <= (int)Faults.All; bit <<= 1)
        {
            if (plan.Has((Faults)bit))
            {
                yield return order with { Without = order.Without | (Faults)bit };
            }
        }

        if (plan.Tenants > 1)
        {
            yield return order with { Tenants = 1 };
            yield return order with { Tenants = plan.Tenants / 2 };
        }

        if (plan.Workers > 1)
        {
            yield return order with { Workers = 1 };
        }
    }
}
