namespace Engine;

/// <summary>The right to work on one run of one job. Everything a worker says carries it; an outdated one changes
/// nothing (L5).</summary>
/// <param name="JobId">Which job.</param>
/// <param name="Run">Which attempt, from 1.</param>
/// <param name="Epoch">The journal epoch in which the run was started.</param>
public readonly record struct RunLease(JobId JobId, int Run, long Epoch)
{
    /// <summary>What the engine that gave the lease knows the job by, to be spared a search; never trusted, and no part
    /// of what the lease says.</summary>
    internal object? Hint { get; init; }

    /// <summary>Whether both are the right to the same run.</summary>
    public bool Equals(RunLease other) => JobId == other.JobId && Run == other.Run && Epoch == other.Epoch;

    /// <inheritdoc/>
    public override int GetHashCode() => unchecked((((JobId.GetHashCode() * 397) ^ Run) * 397) ^ Epoch.GetHashCode());
}

/// <summary>A run to be worked on, as a claim hands it out.</summary>
public sealed record ClaimedRun
{
    /// <summary>The right to do so.</summary>
    public required RunLease Lease { get; init; }

    /// <summary>The job's type.</summary>
    public required string Type { get; init; }

    /// <summary>Whose job it is.</summary>
    public required string UserId { get; init; }

    /// <summary>The project it belongs to, if any.</summary>
    public string? ProjectId { get; init; }

    /// <summary>The plan it runs under.</summary>
    public required string Tier { get; init; }

    /// <summary>What it was submitted with.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>What the run before left when it was suspended; empty when there was none.</summary>
    public ReadOnlyMemory<byte> Checkpoint { get; init; }

    /// <summary>How many iterations earlier runs used.</summary>
    public int IterationsUsed { get; init; }

    /// <summary>How long the run may take.</summary>
    public TimeSpan Timeout { get; init; }
}

/// <summary>What a worker asks for.</summary>
public sealed record ClaimRequest
{
    /// <summary>The job types it can work on.</summary>
    public required IReadOnlyList<string> Types { get; init; }

    /// <summary>How many runs it can take now, 1 to 10,000.</summary>
    public int MaxRuns { get; init; } = 1;
}

/// <summary>What the engine says to a worker.</summary>
public enum LeaseAnswer
{
    /// <summary>Recorded.</summary>
    Accepted = 1,

    /// <summary>Recorded, and the run should stop: somebody cancelled the job.</summary>
    CancelRequested = 2,

    /// <summary>The run is over or another one has begun: nothing was changed.</summary>
    LeaseLost = 3,

    /// <summary>The pipeline has no such move: nothing was changed (A-T7).</summary>
    IllegalMove = 4,
}

/// <summary>Whether a run may begin one more iteration.</summary>
public enum IterationAnswer
{
    /// <summary>Go on; the iteration is counted.</summary>
    Granted = 1,

    /// <summary>The batch is used up: suspend with a checkpoint (DA-22).</summary>
    Suspend = 2,

    /// <summary>The hard cap is reached: there will be no more (LA-12).</summary>
    CapReached = 3,

    /// <summary>The run should stop: somebody cancelled the job.</summary>
    CancelRequested = 4,

    /// <summary>The run is over or another one has begun.</summary>
    LeaseLost = 5,
}

/// <summary>How a run ended, as its worker says.</summary>
public abstract record RunOutcome
{
    private RunOutcome()
    {
    }

    /// <summary>The work is done.</summary>
    /// <param name="Result">What it produced, as JSON in UTF-8; may be empty.</param>
    public sealed record Completed(ReadOnlyMemory<byte> Result = default) : RunOutcome;

    /// <summary>The work failed.</summary>
    /// <param name="Error">Why, for the job's owner: sanitized, up to 2,000 characters.</param>
    /// <param name="DebugId">What the details are logged under.</param>
    /// <param name="Retryable">Whether the type's retries may be used.</param>
    public sealed record Failed(string Error, string DebugId, bool Retryable = true) : RunOutcome;

    /// <summary>The batch of iterations is used up; the job waits for a confirmation.</summary>
    /// <param name="Checkpoint">What the next run needs to go on.</param>
    public sealed record Suspended(ReadOnlyMemory<byte> Checkpoint) : RunOutcome;

    /// <summary>The run stopped because it was told to.</summary>
    public sealed record Stopped : RunOutcome;
}
