namespace Engine.Simulation.Audit;

/// <content>Who may go before whom: what is promised of the order, told without the order's own key. Every run that
/// begins is held against every job that still waits.</content>
internal sealed partial class Witness
{
    private int _largestBoost = -1;

    /// <summary>A job is about to run: those that came before it and still wait must have had to.</summary>
    private void CheckOvertaking(ModelJob job)
    {
        foreach (var other in Model.Queued)
        {
            // A worker that does not serve a job's type overtakes nobody of it.
            if (ReferenceEquals(other, job) || !(WorkersServeAll || other.Type == job.Type))
            {
                continue;
            }

            bool sameClass = other.Tier == job.Tier && other.Boost == job.Boost && other.Priority == job.Priority
                && other.Type == job.Type;
            if (other.Entry < job.Entry)
            {
                CheckOvertaken(other, job, sameClass);
            }
            else if (sameClass)
            {
                SawInOrder(job, other);
            }
        }
    }

    private void CheckOvertaken(ModelJob first, ModelJob later, bool sameClass)
    {
        if (sameClass && HaveTheSameLimits(first, later))
        {
            // Whatever one of them may do the other may do (O3).
            Fail("O3",
                $"{later.Id} of {later.User} (entry {later.Entry}) runs before {first.Id} (entry {first.Entry}) of the "
                + "same tier, priority and tenant.");
        }
        else if (Model.FullLimit(first) is not null)
        {
            first.WasBlocked = true;
        }
        else if (sameClass)
        {
            // It may have been blocked until now; that has cost it nothing (O2).
            Fail("O2",
                $"{later.Id} (entry {later.Entry}) runs before {first.Id} (entry {first.Entry}) of the same class, "
                + $"which {(first.WasBlocked ? "was blocked, and " : "")}may run.");
        }
        else if (Model.Ordering != Ordering.Strict && later.Boost > first.Boost)
        {
            CheckBoost(first, later);
        }
    }

    /// <summary>Both orders that let a higher tier overtake say by how much (O4).</summary>
    private void CheckBoost(ModelJob first, ModelJob later)
    {
        if (Model.Ordering == Ordering.HeadStart)
        {
            long ahead = later.EnteredMs - first.EnteredMs;
            if (ahead > later.Boost * Model.HeadStartMs)
            {
                Fail("O4",
                    $"{later.Id} of boost {later.Boost} overtakes {first.Id}, which entered {ahead} ms before it; a "
                    + $"step of boost is worth {Model.HeadStartMs} ms.");
            }
        }
        else
        {
            long ahead = later.Entry - first.Entry;
            first.Overtaken += later.Runs == 0 ? 1 : 0;
            int most = LargestBoost - first.Boost;
            if (ahead > later.Boost || first.Overtaken > most)
            {
                Fail("O4",
                    $"{later.Id} of boost {later.Boost} goes {ahead} positions ahead of its own, before {first.Id}, "
                    + $"which {first.Overtaken} jobs that came later have overtaken, of {most} at most.");
            }
        }

        Saw(Corner.OvertakenWithinBound);
    }

    private int LargestBoost => _largestBoost >= 0 ? _largestBoost
        : _largestBoost = Model.Options.Tiers.Max(static tier => tier.Boost);

    private void SawInOrder(ModelJob job, ModelJob later)
    {
        if (HaveTheSameLimits(job, later))
        {
            Saw(Corner.SameTenantInOrder);
        }
        else if (job.WasBlocked)
        {
            Saw(Corner.BlockedJobKeptItsPlace);
        }
    }

    private static bool HaveTheSameLimits(ModelJob one, ModelJob other) =>
        one.User == other.User && one.Project == other.Project && one.Resources.SequenceEqual(other.Resources);
}
