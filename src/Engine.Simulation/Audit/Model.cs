namespace Engine.Simulation.Audit;

/// <summary>What the engine's events say, kept so simply that it is obviously right: lists that are looked through, and
/// counts that are never shared with the engine. Every question about order is answered by looking at all
/// jobs.</summary>
internal sealed partial class Model(JobEngineOptions options)
{
    internal const long DayMs = 86_400_000;

    private readonly List<ModelJob>[] _byState =
        [.. Enumerable.Range(0, (int)JobState.Skipped + 1).Select(_ => new List<ModelJob>())];

    private readonly Dictionary<string, int> _runningOfUser = [];
    private readonly Dictionary<string, int> _runningOfProject = [];
    private readonly Dictionary<string, int> _runningOfResource = [];
    private readonly Dictionary<(string User, int Day), int> _charged = [];
    private readonly Dictionary<(string User, int Day), int> _deferred = [];
    private readonly Dictionary<string, (string Owner, int Jobs)> _projects = [];
    private long _entries;

    internal Dictionary<JobId, ModelJob> Jobs { get; } = [];

    /// <summary>Jobs that were forgotten after their end.</summary>
    internal HashSet<JobId> Purged { get; } = [];

    /// <summary>Ended jobs that are kept, in the order in which they ended.</summary>
    internal LinkedList<ModelJob> Ended { get; } = new();

    /// <summary>What those carry for their owners.</summary>
    internal long EndedBytes { get; private set; }

    internal Dictionary<(string User, string Key), ModelAnswer> Answers { get; } = [];

    internal JobEngineOptions Options { get; set; } = options;

    internal Ordering Ordering { get; private set; }

    internal long HeadStartMs { get; private set; } = 60_000;

    /// <summary>The logical clock, from the wall clocks of all batches.</summary>
    internal long NowMs { get; set; } = long.MinValue;

    internal int Today => DayOf(NowMs);

    /// <summary>Whether "next" means what these settings say.</summary>
    internal bool IsOrderedBy(JobEngineOptions options) => Ordering == options.Ordering
        && (Ordering != Ordering.HeadStart || HeadStartMs == (long)options.HeadStartPerBoost.TotalMilliseconds);

    internal List<ModelJob> Queued => _byState[(int)JobState.Queued];

    internal List<ModelJob> Scheduled => _byState[(int)JobState.Scheduled];

    internal List<ModelJob> Running => _byState[(int)JobState.Running];

    internal List<ModelJob> Awaiting => _byState[(int)JobState.AwaitingConfirmation];

    internal int Live => Queued.Count + Scheduled.Count + Running.Count + Awaiting.Count;

    internal ModelJob? Find(JobId id) => Jobs.GetValueOrDefault(id);

    internal Tier TierOf(string? name)
    {
        Tier? fallback = null;
        foreach (var tier in Options.Tiers)
        {
            if (tier.Name == name)
            {
                return tier;
            }

            fallback = tier.Name == Options.FallbackTier ? tier : fallback;
        }

        return fallback ?? new Tier { Name = "default" };
    }

    internal JobType? TypeOf(string name)
    {
        foreach (var type in Options.Types)
        {
            if (type.Name == name)
            {
                return type;
            }
        }

        return null;
    }

    internal int Charged(string user, int day) => _charged.GetValueOrDefault((user, day));

    internal int UsedOn(string user, int day) => Charged(user, day) + _deferred.GetValueOrDefault((user, day));

    internal string? OwnerOf(string project) =>
        _projects.TryGetValue(project, out var known) && known.Jobs > 0 ? known.Owner : null;

    internal int? FirstDayWithRoom(string user, int limit, int last)
    {
        for (int day = Today + 1; day <= last; day++)
        {
            if (Charged(user, day) < limit)
            {
                return day;
            }
        }

        return null;
    }

    /// <summary>When a job scheduled for a day may run: a function of its id and nothing else (A6).</summary>
    internal long DueOn(int day, JobId id) =>
        (day * DayMs) + (long)(id.Seed % ((ulong)(long)Options.ReleaseJitter.TotalMilliseconds + 1));

    /// <summary>The first limit without room, or null when the job may run.</summary>
    internal WaitKind? FullLimit(ModelJob job)
    {
        var tier = TierOf(job.Tier);
        if (RunningOfUser(job.User) >= tier.UserSlots)
        {
            return WaitKind.UserSlots;
        }

        if (job.Project is not null && RunningOfProject(job.Project) >= tier.ProjectSlots)
        {
            return WaitKind.ProjectSlots;
        }

        return FullResource(job) is null ? null : WaitKind.Resource;
    }

    /// <summary>The first of its resources without a slot.</summary>
    internal string? FullResource(ModelJob job)
    {
        foreach (string resource in job.Resources)
        {
            if (RunningOfResource(resource) >= CapacityOf(resource))
            {
                return resource;
            }
        }

        return null;
    }

    internal int RunningOfUser(string user) => _runningOfUser.GetValueOrDefault(user);

    internal int RunningOfProject(string project) => _runningOfProject.GetValueOrDefault(project);

    internal int RunningOfResource(string resource) => _runningOfResource.GetValueOrDefault(resource);

    internal int CapacityOf(string resource) => Options.Resources.TryGetValue(resource, out int capacity) ? capacity
        : 1;

    internal Place PlaceOf(ModelJob job) => Ordering switch
    {
        Ordering.Strict => new Place(-job.Boost, -job.Priority, job.Entry, 0),
        Ordering.Positions => new Place(job.Entry - job.Boost, -job.Boost, -job.Priority, job.Entry),
        Ordering.HeadStart =>
            new Place(job.EnteredMs - (job.Boost * HeadStartMs), -job.Boost, -job.Priority, job.Entry),
    };

    /// <summary>Its 1-based place among all waiting jobs, by looking at each.</summary>
    internal int PositionOf(ModelJob job)
    {
        var place = PlaceOf(job);
        int position = 1;
        foreach (var other in Queued)
        {
            position += PlaceOf(other).CompareTo(place) < 0 ? 1 : 0;
        }

        return position;
    }

    /// <summary>The first in order of those that a worker for these types may run, by looking at each.</summary>
    internal ModelJob? Next(Func<string, bool> serves)
    {
        ModelJob? best = null;
        Place bestPlace = default;
        foreach (var job in Queued)
        {
            if (serves(job.Type) && PlaceOf(job) is var place && (best is null || place.CompareTo(bestPlace) < 0)
                && FullLimit(job) is null)
            {
                (best, bestPlace) = (job, place);
            }
        }

        return best;
    }

    /// <summary>The first in order of the scheduled jobs whose instant has come.</summary>
    internal ModelJob? FirstOverdue()
    {
        ModelJob? best = null;
        foreach (var job in Scheduled)
        {
            if (job.DueMs <= NowMs && (best is null || PlaceOf(job).CompareTo(PlaceOf(best)) < 0))
            {
                best = job;
            }
        }

        return best;
    }

    internal static int DayOf(long ms) => (int)Math.Floor(ms / (double)DayMs);
}
