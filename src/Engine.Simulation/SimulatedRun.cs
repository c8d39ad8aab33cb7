namespace Engine.Simulation;

/// <summary>What a worker does with a run in a simulation: how long it takes, and how it ends.</summary>
/// <param name="Duration">Virtual time from the claim to the end.</param>
/// <param name="Outcome">How it ends; null when the worker disappears without a word, and its lease runs out.</param>
public sealed record SimulatedRun(TimeSpan Duration, RunOutcome? Outcome)
{
    /// <summary>The work is done after a while.</summary>
    public static SimulatedRun Completes(TimeSpan after) => new(after, new RunOutcome.Completed());

    /// <summary>The work fails after a while; the type's retries may be used.</summary>
    public static SimulatedRun Fails(TimeSpan after, string error = "It did not work.") =>
        new(after, new RunOutcome.Failed(error, "simulated"));

    /// <summary>The worker disappears after a while: nobody hears of the run again.</summary>
    public static SimulatedRun Vanishes(TimeSpan after) => new(after, null);
}
