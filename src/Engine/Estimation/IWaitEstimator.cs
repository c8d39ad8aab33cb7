namespace Engine.Estimation;

/// <summary>Guesses how long a job waits. Called by the engine's one thread only: no locks, no waiting.</summary>
/// <remarks>It keeps nothing by itself: at every start it learns from the latest 64 completed runs of each tier, tier by
/// tier and the oldest first.</remarks>
public interface IWaitEstimator
{
    /// <summary>Learns from a run that completed.</summary>
    /// <param name="tier">The job's tier.</param>
    /// <param name="duration">From the start of the run to its end.</param>
    void Record(Tier tier, TimeSpan duration);

    /// <summary>Guesses the wait.</summary>
    /// <param name="tier">The job's tier.</param>
    /// <param name="position">Its 1-based place in the queue.</param>
    /// <param name="workers">How many runs can go on at a time, at least 1.</param>
    WaitEstimate Estimate(Tier tier, long position, int workers);
}
