namespace Engine.Simulation.Audit;

/// <summary>What people are shown of a job, as far as its events say it.</summary>
/// <param name="State">Its state.</param>
/// <param name="Position">Its place in the queue, 0 when it is not there.</param>
/// <param name="Runs">Its runs.</param>
/// <param name="WaitingFor">Which limit it waits for, how full that is, who frees it, and until when.</param>
/// <param name="ScheduledFor">When it may run, when scheduled.</param>
/// <param name="Owner">Whose job of what kind it is.</param>
/// <param name="Content">Its payload and its result.</param>
/// <param name="Used">The user's jobs of the day, its iterations, and how many it was granted.</param>
/// <param name="CancelRequested">Whether its run was told to stop.</param>
internal readonly record struct JobShown(
    JobState State,
    long Position,
    int Runs,
    WaitReason? WaitingFor,
    DateTimeOffset? ScheduledFor,
    (string User, string? Project, string Tier, string Type, int Priority) Owner,
    string Content,
    (int Jobs, int Iterations, int Granted) Used,
    bool CancelRequested)
{
    internal static JobShown Of(JobView view) => new(
        view.State,
        view.Position,
        view.Runs,
        view.WaitingFor,
        view.ScheduledFor,
        (view.UserId, view.ProjectId, view.Tier, view.Type, view.Priority),
        ContentOf(view.Payload, view.Result),
        (view.Usage.JobsUsed, view.Usage.IterationsUsed, view.IterationsGranted),
        view.CancelRequested);

    internal static string ContentOf(ReadOnlyMemory<byte> payload, ReadOnlyMemory<byte> result) =>
        $"{Convert.ToHexStringLower(payload.Span)}/{Convert.ToHexStringLower(result.Span)}";
}
