namespace Engine;

/// <summary>A kind of work: the stages it walks through, how long it may take, how often it is tried.</summary>
public sealed record JobType
{
    /// <summary>The name that jobs carry, 1 to 64 characters.</summary>
    public required string Name { get; init; }

    /// <summary>The stages a run walks through, or null when it has none.</summary>
    public Pipeline? Pipeline { get; init; }

    /// <summary>How long a run may take before it is stopped, 1 s to 30 days. Default 1 hour.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How often a failed job is tried again by itself, 0 to 100. Default 0.</summary>
    public int MaxRetries { get; init; }

    /// <summary>The wait before the first retry, 0 to 1 day; it doubles with each. Default 10 s.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a job may lose its worker (crash, lease expired) and be queued again, 0 to 100; one more and
    /// it fails. Counted apart from retries. Default 3.</summary>
    public int MaxLostRuns { get; init; } = 3;

    /// <summary>Named resources a run holds while it works, one slot of each; up to 16. Default none.</summary>
    public IReadOnlyList<string> Resources { get; init; } = [];
}

/// <summary>The stages of a run, in order; each move is checked against them.</summary>
/// <remarks>A run starts in the first stage, moves to the next or along a loop, and completes from the last.</remarks>
public sealed record Pipeline
{
    /// <summary>The stages in order, 1 to 32 different names.</summary>
    public required IReadOnlyList<Stage> Stages { get; init; }

    /// <summary>Moves back that are allowed besides going forward by one.</summary>
    public IReadOnlyList<StageLoop> Loops { get; init; } = [];

    /// <summary>What a completed job is called. Default "completed".</summary>
    public Stage Completed { get; init; } = new("completed", "Completed");

    /// <summary>What a failed or cancelled job is called. Default "failed".</summary>
    public Stage Failed { get; init; } = new("failed", "Failed");

    /// <summary>The pipeline of a build: starting, scaffold, code, deps, checks, then ready or failed; checks may go
    /// back to scaffold (seed-semantics 1.4).</summary>
    public static Pipeline Build { get; } = new()
    {
        Stages =
        [
            new("starting", "Starting..."),
            new("scaffold", "Scaffolding workspace..."),
            new("code", "Writing code..."),
            new("deps", "Installing dependencies..."),
            new("checks", "Running checks..."),
        ],
        Loops = [new("checks", "scaffold")],
        Completed = new("ready", "Build complete!"),
        Failed = new("failed", "Build failed"),
    };

    /// <summary>The place of a stage, from 0, or -1 when there is none of that name.</summary>
    public int IndexOf(string stage)
    {
        for (int i = 0; i < Stages.Count; i++)
        {
            if (Stages[i].Name == stage)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Whether a run may move from one stage to another (A-T4 to A-T8).</summary>
    public bool Allows(int from, int to) =>
        to == from + 1 || Loops.Any(loop => IndexOf(loop.From) == from && IndexOf(loop.To) == to);
}

/// <summary>One stage of a pipeline.</summary>
/// <param name="Name">As it is called on the wire, 1 to 64 characters.</param>
/// <param name="Label">As people are shown it.</param>
public sealed record Stage(string Name, string Label);

/// <summary>A move back in a pipeline.</summary>
/// <param name="From">The stage it leaves.</param>
/// <param name="To">The stage it goes back to.</param>
public sealed record StageLoop(string From, string To);
