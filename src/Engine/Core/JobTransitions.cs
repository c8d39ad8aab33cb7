namespace Engine.Core;

/// <summary>The life of a job: every legal move, and nothing else.</summary>
internal static class JobTransitions
{
    /// <summary>Whether a job may go from one state to another.</summary>
    internal static bool Allows(JobState from, JobState to) => from switch
    {
        JobState.None => to is JobState.Scheduled or JobState.Queued,
        JobState.Scheduled => to is JobState.Queued or JobState.Cancelled,
        JobState.Queued => to is JobState.Running or JobState.Cancelled,
        JobState.Running => to is JobState.Completed or JobState.Failed or JobState.Cancelled
            or JobState.Queued or JobState.Scheduled or JobState.AwaitingConfirmation,
        JobState.AwaitingConfirmation => to is JobState.Queued or JobState.Scheduled
            or JobState.Failed or JobState.Cancelled,
        JobState.Completed or JobState.Failed or JobState.Cancelled or JobState.Skipped => false,
    };
}
