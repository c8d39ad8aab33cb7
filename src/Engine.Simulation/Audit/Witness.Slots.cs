using Engine.Core;

namespace Engine.Simulation.Audit;

/// <content>Slots of all kinds come and go together, and settings that change take nothing away.</content>
internal sealed partial class Witness
{
    private bool _isChangingSettings;

    /// <summary>A run has begun or ended: the engine counts each of its limits as often as there are runs for it. All
    /// of them off is a slot too many or too few (A3), some of them a run that took or gave back a part
    /// (A4).</summary>
    private void CheckSlots(ModelJob job)
    {
        var state = Core.State;
        int limits = 1;
        int wrong = UsedBy(state, job.User) == Model.RunningOfUser(job.User) ? 0 : 1;
        if (job.Project is { } project)
        {
            limits++;
            wrong += UsedIn(state, project) == Model.RunningOfProject(project) ? 0 : 1;
        }

        foreach (string resource in job.Resources)
        {
            limits++;
            wrong += state.ResourceOf(resource).Used == Model.RunningOfResource(resource) ? 0 : 1;
        }

        if (wrong > 0)
        {
            Fail(wrong == limits ? "A3" : "A4",
                $"{job.Id} ({job.State}, run {job.Runs}): {wrong} of its {limits} limits do not count the runs that "
                + "there are.");
        }
        else if (limits >= 3)
        {
            Saw(Corner.SlotsOfThreeKindsTogether);
        }
    }

    /// <summary>At rest: every limit of every kind, also of those that have no run (A4).</summary>
    private void CheckAllSlots()
    {
        var state = Core.State;
        foreach (var project in state.Projects.Values)
        {
            if (project.Slots.Used != Model.RunningOfProject(project.Id))
            {
                Fail("A4",
                    $"Project {project.Id} holds {project.Slots.Used} slots for {Model.RunningOfProject(project.Id)} "
                    + "runs.");
            }
        }

        foreach (var resource in state.ResourceLimits)
        {
            if (resource.Used != Model.RunningOfResource(resource.Name))
            {
                Fail("A4",
                    $"Resource {resource.Name} has {resource.Used} slots taken by "
                    + $"{Model.RunningOfResource(resource.Name)} runs.");
            }
        }
    }

    /// <summary>Settings change under running jobs: each run goes on, and no counter becomes negative (A9).</summary>
    internal void ChangeSettings(JobEngineOptions changed, Action adopt)
    {
        var running = Model.Running.ConvertAll(static job => (Job: job, job.Lease));
        Model.Options = changed;
        _isChangingSettings = true;
        adopt();
        _isChangingSettings = false;
        foreach (var (job, lease) in running)
        {
            bool goesOn = job.Holds(lease) && Core.State.Jobs.TryGetValue(job.Id, out var actual)
                && (actual.State, actual.Runs, actual.RunEpoch) == (JobState.Running, lease.Run, lease.Epoch);
            if (!goesOn)
            {
                Fail("A9", $"Other settings have ended run {lease.Run} of {job.Id}.");
            }

            if (IsOverFull(job))
            {
                Saw(Corner.RunKeptAboveLoweredLimit);
            }
        }

        foreach (var user in Core.State.Users.Values)
        {
            bool isNegative = user.Slots.Used < 0;
            foreach (var (_, charged, deferred) in user.Allowance.Days)
            {
                isNegative |= charged < 0 || deferred < 0;
            }

            if (isNegative || user.Slots.Used != Model.RunningOfUser(user.Id))
            {
                Fail("A9",
                    $"After other settings user {user.Id} holds {user.Slots.Used} slots for "
                    + $"{Model.RunningOfUser(user.Id)} runs, or a day's count is negative.");
            }
        }
    }

    /// <summary>Only the order is decided anew when settings change: whatever else is runs that are thrown out, or jobs
    /// that lose what they had (A9).</summary>
    private void CheckCausedBySettings(in JobEvent e)
    {
        if (_isChangingSettings && e.Kind != EventKind.OrderingChanged)
        {
            Fail("A9", $"{e.Kind} of {e.JobId} because settings changed.");
        }
    }

    /// <summary>What a user is told of the day's allowance when more was used than the tier of this request, or today's
    /// settings, allow: nothing is left, and never less than that (A9).</summary>
    private void CheckUsage(JobId id, UsageCounters told, int used, int limit)
    {
        int left = Math.Max(0, limit - used);
        if (told.JobsUsed != used || told.JobsRemaining != left || told.IterationsRemaining < 0)
        {
            Fail(told.JobsUsed != used ? "A5" : "A9",
                $"{id} was told that {told.JobsUsed} jobs are used and {told.JobsRemaining} left; {used} of {limit} "
                + $"are used, {left} left.");
        }
        else if (used > limit)
        {
            Saw(Corner.UsedAboveLoweredLimit);
        }
    }

    private bool IsOverFull(ModelJob job)
    {
        var tier = Model.TierOf(job.Tier);
        return Model.RunningOfUser(job.User) > tier.UserSlots
            || (job.Project is { } project && Model.RunningOfProject(project) > tier.ProjectSlots)
            || job.Resources.Any(resource => Model.RunningOfResource(resource) > Model.CapacityOf(resource));
    }

    private static int UsedBy(EngineState state, string user) =>
        state.Users.TryGetValue(user, out var account) ? account.Slots.Used : 0;

    private static int UsedIn(EngineState state, string project) =>
        state.Projects.TryGetValue(project, out var found) ? found.Slots.Used : 0;
}
