namespace Engine.Simulation.Audit;

/// <content>What people must be shown, and why they must be told that a job waits.</content>
internal sealed partial class Witness
{
    /// <summary>What a view of a job must show; nothing when there is no such job.</summary>
    internal JobShown ExpectView(JobId id) => Model.Find(id) is not { } job ? default : new JobShown(
        job.State,
        job.State == JobState.Queued ? Model.PositionOf(job) : 0,
        job.Runs,
        WhyWaiting(job),
        job.State == JobState.Scheduled ? Date(job.DueMs) : null,
        (job.User, job.Project, job.Tier, job.Type, job.Priority),
        JobShown.ContentOf(job.Payload, job.Result),
        (Model.UsedOn(job.User, Model.Today), job.Used, job.Granted),
        job.CancelRequested && !job.State.IsFinal);

    private WaitReason? WhyWaiting(ModelJob job)
    {
        var tier = Model.TierOf(job.Tier);
        var type = Model.TypeOf(job.Type);
        switch (job.State)
        {
            case JobState.Queued:
                return Model.FullLimit(job) switch
                {
                    WaitKind.UserSlots => Slots(
                        WaitKind.UserSlots, job.User, Model.RunningOfUser(job.User), tier.UserSlots,
                        other => other.User == job.User),
                    WaitKind.ProjectSlots => Slots(
                        WaitKind.ProjectSlots, job.Project!, Model.RunningOfProject(job.Project!), tier.ProjectSlots,
                        other => other.Project == job.Project),
                    WaitKind.Resource when Model.FullResource(job) is { } resource => Slots(
                        WaitKind.Resource, resource, Model.RunningOfResource(resource), Model.CapacityOf(resource),
                        other => other.Resources.Contains(resource)),
                    _ => new WaitReason(WaitKind.Worker, job.Type, Model.Running.Count, Core.Settings.Workers),
                };
            case JobState.Scheduled when job.DueMs <= Model.NowMs:
                return new WaitReason(WaitKind.GlobalCap, "queue", Model.Queued.Count, Model.Options.GlobalCap);
            case JobState.Scheduled when job.Why == WaitKind.DailyAllowance:
                return new WaitReason(
                    WaitKind.DailyAllowance, job.User, Model.Charged(job.User, Model.Today), tier.DailyLimit,
                    Until: Date(job.DueMs));
            case JobState.Scheduled:
                return new WaitReason(
                    WaitKind.RetryDelay, job.Type, job.Retries, type?.MaxRetries ?? 0, Until: Date(job.DueMs));
            case JobState.AwaitingConfirmation:
                return new WaitReason(
                    WaitKind.Confirmation, job.User, job.Used, job.Granted, Until: Date(job.DueMs));
            default:
                return null;
        }

        // Whoever has run the longest with a slot of it frees it next, as far as anybody knows.
        WaitReason Slots(WaitKind kind, string name, int used, int capacity, Func<ModelJob, bool> holds) => new(
            kind, name, used, capacity,
            Model.Running.Where(holds).MinBy(static holder => holder.RunEvent)?.Id);
    }

    private static DateTimeOffset Date(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms);
}
