namespace Engine;

/// <summary>Where a job is in its life. What people are shown may be finer: see <see cref="JobView.Status"/>.</summary>
public enum JobState : byte
{
    /// <summary>Never a real state.</summary>
    None = 0,

    /// <summary>Waits for an instant: the day of its allowance, the end of a back-off, or room under the global cap.</summary>
    Scheduled = 1,

    /// <summary>Waits for its turn, counted by the global cap.</summary>
    Queued = 2,

    /// <summary>Has an open run, which holds its slots.</summary>
    Running = 3,

    /// <summary>Its batch of iterations is used up; somebody must confirm the next (DA-22). Holds no slots.</summary>
    AwaitingConfirmation = 4,

    /// <summary>Ended well. Final.</summary>
    Completed = 5,

    /// <summary>Ended badly, with a debug id. Final.</summary>
    Failed = 6,

    /// <summary>Withdrawn by its owner. Final.</summary>
    Cancelled = 7,

    /// <summary>Not run on purpose. Final.</summary>
    Skipped = 8,
}

/// <summary>What follows from a state.</summary>
public static class JobStateExtensions
{
    extension(JobState state)
    {
        /// <summary>Whether a job in this state can never move again.</summary>
        public bool IsFinal => state >= JobState.Completed;

        /// <summary>The name on the wire: lower case, words joined by underscores.</summary>
        public string WireName => state switch
        {
            JobState.None => "none",
            JobState.Scheduled => "scheduled",
            JobState.Queued => "queued",
            JobState.Running => "running",
            JobState.AwaitingConfirmation => "awaiting_confirmation",
            JobState.Completed => "completed",
            JobState.Failed => "failed",
            JobState.Cancelled => "cancelled",
            JobState.Skipped => "skipped",
        };
    }
}
