namespace Engine;

/// <summary>What happened to a job.</summary>
public enum JobUpdateKind : byte
{
    /// <summary>Its state or stage changed, or a message came with it.</summary>
    Status = 1,

    /// <summary>Its progress changed.</summary>
    Progress = 2,

    /// <summary>An iteration began.</summary>
    Iteration = 3,

    /// <summary>Updates before this one are no longer known; what follows starts from this snapshot (W4).</summary>
    Resync = 4,
}

/// <summary>One durable change of a job, as streams carry it.</summary>
/// <param name="EventId">Increases with every event of the engine.</param>
/// <param name="JobId">Which job.</param>
/// <param name="Kind">What changed.</param>
/// <param name="State">Its state afterwards.</param>
/// <param name="Status">Its status afterwards: the stage for a type with a pipeline (A-T13).</param>
/// <param name="StatusLabel">The status in words.</param>
/// <param name="Message">What was said about it, or "".</param>
/// <param name="At">When.</param>
/// <param name="Value">Percent for progress, iterations used for an iteration, else 0.</param>
public readonly record struct JobUpdate(
    long EventId,
    JobId JobId,
    JobUpdateKind Kind,
    JobState State,
    string Status,
    string StatusLabel,
    string Message,
    DateTimeOffset At,
    int Value);
