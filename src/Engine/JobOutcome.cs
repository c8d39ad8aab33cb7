namespace Engine;

/// <summary>What a handler says happened. A closed set: the constructor is private, so no fourth case can appear.</summary>
public abstract record JobOutcome
{
    private JobOutcome()
    {
    }

    /// <summary>The work is done and has nothing to show for it.</summary>
    public static JobOutcome Done { get; } = new Completed();

    /// <summary>The work is done.</summary>
    /// <param name="Result">What it produced, as JSON in UTF-8; may be empty.</param>
    public sealed record Completed(ReadOnlyMemory<byte> Result = default) : JobOutcome;

    /// <summary>The work failed.</summary>
    /// <param name="Error">Why, for the job's owner: no secrets, no stack traces.</param>
    /// <param name="Retryable">Whether trying again may help.</param>
    public sealed record Failed(string Error, bool Retryable = true) : JobOutcome;

    /// <summary>The batch of iterations is used up: keep this and come back when the owner has confirmed (DA-22).</summary>
    /// <param name="Checkpoint">What the next run needs to go on.</param>
    public sealed record Suspended(ReadOnlyMemory<byte> Checkpoint) : JobOutcome;
}
