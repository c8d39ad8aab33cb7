namespace Engine.Core.Imaging;

/// <summary>All facts of the state as they were at one instant: what a snapshot is written from, and a digest is made
/// of.</summary>
/// <remarks>Either a view of a state that stands still, or what an <see cref="ImageTaker"/> copied of one that went
/// on. Whoever reads it looks at nothing of a job, user or tier that may have changed since, but at the copies
/// here.</remarks>
internal sealed class StateImage : IDisposable
{
    /// <summary>The last frame that it includes.</summary>
    internal required long Sequence { get; init; }

    /// <summary>The logical clock in that frame.</summary>
    internal required Instant Now { get; init; }

    internal required long LastSequence { get; init; }

    internal required long LastEventId { get; init; }

    internal required Ordering Ordering { get; init; }

    internal required long HeadStartMs { get; init; }

    internal required ImagedJobs Jobs { get; init; }

    internal required UserFacts[] Users { get; init; }

    /// <summary>Projects, and how many kept jobs each has.</summary>
    internal required (Project Project, long Jobs)[] Projects { get; init; }

    /// <summary>Those that a job ever had.</summary>
    internal required TierFacts[] Tiers { get; init; }

    internal required KeptAnswer[] Answers { get; init; }

    /// <summary>Users who had no job left, null for those who have been forgotten since, and a day.</summary>
    internal required (UserAccount? User, int Day)[] IdleUsers { get; init; }

    /// <summary>A view of a state that nobody changes while it is in use.</summary>
    /// <param name="state">The state.</param>
    /// <param name="sequence">The last frame that was applied to it.</param>
    /// <param name="instant">What the logical clock was in that frame; as it is now, when nobody says.</param>
    internal static StateImage Of(EngineState state, long sequence = 0, Instant? instant = null) =>
        new()
        {
            Sequence = sequence,
            Now = instant ?? state.Now,
            LastSequence = state.LastSequence,
            LastEventId = state.LastEventId,
            Ordering = state.Ordering,
            HeadStartMs = state.HeadStartMs,
            Jobs = new StandingJobs(state),
            Users = [.. state.Users.Values.Select(UserFacts.Of)],
            Projects = ProjectsOf(state.Lanes.Select(lane => (lane.Project, (long)lane.References))),
            Tiers = TierFacts.Of(state),
            Answers = [.. state.Answers],
            IdleUsers = [.. state.IdleUsers.Select(idle => (idle.User.IsKnown ? idle.User : null, idle.Day))],
        };

    /// <summary>Lets go of what was copied: the jobs cannot be read any more.</summary>
    public void Dispose() => Jobs.Dispose();

    internal static (Project Project, long Jobs)[] ProjectsOf(IEnumerable<(Project? Project, long Jobs)> parts)
    {
        var jobs = new Dictionary<Project, long>(ReferenceEqualityComparer.Instance);
        foreach (var (project, count) in parts)
        {
            if (project is not null)
            {
                jobs[project] = jobs.GetValueOrDefault(project) + count;
            }
        }

        return [.. jobs.Select(pair => (pair.Key, pair.Value))];
    }
}

/// <summary>What a snapshot keeps of a user, beside the jobs.</summary>
internal readonly record struct UserFacts(UserAccount Account, int JobCount, Allowance Allowance)
{
    internal static UserFacts Of(UserAccount account) => new(account, account.JobCount, account.Allowance);

    /// <summary>The same, whatever becomes of the account.</summary>
    internal static UserFacts CopyOf(UserAccount account) => new(account, account.JobCount, account.Allowance.Copy());
}

/// <summary>What a snapshot keeps of a tier, beside the jobs.</summary>
internal readonly record struct TierFacts(TierEntry Entry, long[] Counts, long[] Durations)
{
    /// <summary>Copies, of tiers that a job ever had: the others are known from the configuration only.</summary>
    internal static TierFacts[] Of(EngineState state) =>
        [.. state.Tiers.Values
            .Where(tier => tier.WasUsed)
            .Select(tier => new TierFacts(tier, [.. tier.Counts], [.. tier.Durations]))];
}
