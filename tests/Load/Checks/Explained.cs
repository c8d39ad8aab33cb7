using Engine.Tests.Load.Targets;

namespace Engine.Tests.Load.Checks;

/// <summary>Whoever waits is told what for.</summary>
internal static class Explained
{
    internal static void Check(Findings findings, Acknowledged job, JobLook look)
    {
        bool isExplained = look.State switch
        {
            JobState.Queued => look.Position >= 1 && look.WaitsFor is not null,
            JobState.Scheduled => look.WaitsFor is not null && look.ScheduledFor is not null,
            JobState.AwaitingConfirmation => look.WaitsFor is not null,
            JobState.None => false,
            JobState.Running or JobState.Completed or JobState.Failed or JobState.Cancelled or JobState.Skipped => true,
        };
        findings.Unless(isExplained, "V1", $"{job.Id} waits, and nobody is told what for: {look}");
    }
}
