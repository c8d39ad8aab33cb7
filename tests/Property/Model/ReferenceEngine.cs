namespace Engine.Tests.Model;

/// <summary>What the engine should do, written so that it is obviously right: one list of jobs, and for every question
/// a look at all of them. No index, no counter, no cleverness.</summary>
internal sealed partial class ReferenceEngine(JobEngineOptions options)
{
    private const long DayMs = 86_400_000;

    private readonly Dictionary<string, string> _projectOwners = [];
    private readonly Dictionary<(string User, string Key), ReferenceAnswer> _answers = [];
    private readonly Dictionary<string, double> _averageSeconds = [];
    private long _entries;
    private long _runs;
    private long _leases;

    /// <summary>Every job ever accepted, in order of acceptance.</summary>
    internal List<ReferenceJob> Jobs { get; } = [];

    /// <summary>Ended jobs that are kept, in order of their end.</summary>
    internal List<ReferenceJob> Ended { get; } = [];

    internal JobEngineOptions Options { get; private set; } = options;

    internal long NowMs { get; private set; } = long.MinValue;

    internal long MonotonicMs { get; private set; }

    /// <summary>When the last thing happened that a restart still knows.</summary>
    internal long LastFactMs { get; private set; } = long.MinValue;

    internal long Epoch { get; private set; }

    internal int Today => DayOf(NowMs);

    internal IEnumerable<ReferenceJob> Kept => Jobs.Where(job => job.IsKept);

    internal int Queued => Count(job => job.State == JobState.Queued);

    internal ReferenceJob? Find(JobId id) => Kept.FirstOrDefault(job => job.Id == id);

    private long _lastLookMs;

    /// <summary>Whoever stood still lets no lease end before, in ms of the monotonic clock.</summary>
    internal long NothingExpiresBeforeMs { get; private set; }

    internal List<ReferenceJob> OpenRuns => [.. Jobs.Where(job => job.State == JobState.Running)];

    // ---- time, restarts and settings -------------------------------------------------------------------------------

    /// <summary>A batch begins: its instant is the wall clock's, unless that went back.</summary>
    internal void Begin(long wallMs, long monotonicMs)
    {
        NowMs = Math.Max(NowMs, wallMs);
        MonotonicMs = monotonicMs;
    }

    /// <summary>Another process: whoever worked is gone, and the clock is where the journal left it.</summary>
    internal void Restart(long epoch)
    {
        Epoch = epoch;
        NowMs = LastFactMs;
    }

    /// <summary>The first batch of a process: every open run has lost its worker.</summary>
    internal void LoseAllRuns()
    {
        _lastLookMs = NothingExpiresBeforeMs = MonotonicMs;
        foreach (var job in OpenRuns)
        {
            Lose(job);
        }
    }

    internal void Reconfigure(JobEngineOptions to)
    {
        if (to.Ordering != Options.Ordering
            || (to.Ordering == Ordering.HeadStart && to.HeadStartPerBoost != Options.HeadStartPerBoost))
        {
            Fact();
        }

        Options = to;
    }

    /// <summary>The end of a batch, before work is handed out: what is due happens.</summary>
    internal void Settle()
    {
        // Whoever looks a second late (or a quarter of a lease) stood still, and gives the workers as much time,
        // at most a lease (F7).
        long leaseMs = (long)Options.LeaseDuration.TotalMilliseconds;
        long firstEnd = OpenRuns.Select(job => job.LeaseEndsMs).DefaultIfEmpty(long.MaxValue).Min();
        long late = MonotonicMs - Math.Max(firstEnd, Math.Max(NothingExpiresBeforeMs, _lastLookMs));
        _lastLookMs = MonotonicMs;
        if (late > Math.Min(1000, leaseMs / 4))
        {
            NothingExpiresBeforeMs = MonotonicMs + Math.Min(late, leaseMs);
        }

        if (MonotonicMs >= NothingExpiresBeforeMs)
        {
            // Of leases that end at once the first that was given goes first.
            foreach (var job in OpenRuns.Where(job => job.LeaseEndsMs <= MonotonicMs).OrderBy(job => job.LeaseEndsMs)
                .ThenBy(job => job.LeaseNumber).ToList())
            {
                Lose(job);
            }
        }

        Release();
    }

    // ---- limits ----------------------------------------------------------------------------------------------------

    internal Tier TierOf(string? name) => Options.Tiers.FirstOrDefault(tier => tier.Name == name)
        ?? Options.Tiers.First(tier => tier.Name == Options.FallbackTier);

    internal JobType? TypeOf(string name) => Options.Types.FirstOrDefault(type => type.Name == name);

    internal int Charged(string user, int day) =>
        Jobs.Count(job => job.User == user && job.ChargedDay == day && !job.GaveBack);

    internal int Used(string user, int day) =>
        Charged(user, day) + Jobs.Count(job => job.User == user && job.DeferredOn == day && !job.GaveBack);

    internal UsageCounters Usage(string user, Tier tier, int iterationsUsed) => new(
        Used(user, Today),
        Math.Max(0, tier.DailyLimit - Used(user, Today)),
        iterationsUsed,
        Math.Max(0, tier.IterationCap - iterationsUsed),
        DateTimeOffset.FromUnixTimeMilliseconds((Today + 1) * DayMs));

    /// <summary>The limits that a job must have room in, in the order in which people are told of them.</summary>
    internal IEnumerable<WaitReason> LimitsOf(ReferenceJob job)
    {
        var tier = TierOf(job.Tier);
        yield return Limit(WaitKind.UserSlots, job.User, tier.UserSlots, run => run.User == job.User);
        if (job.Project is { } project)
        {
            yield return Limit(WaitKind.ProjectSlots, project, tier.ProjectSlots, run => run.Project == project);
        }

        foreach (string resource in job.Resources)
        {
            yield return Limit(
                WaitKind.Resource, resource, Options.Resources[resource], run => run.Resources.Contains(resource));
        }
    }

    private WaitReason Limit(WaitKind kind, string name, int capacity, Func<ReferenceJob, bool> holds)
    {
        var holders = OpenRuns.Where(holds).ToList();
        return new WaitReason(kind, name, holders.Count, capacity, holders.MinBy(run => run.RunNumber)?.Id);
    }

    // ---- order -----------------------------------------------------------------------------------------------------

    /// <summary>Waiting jobs in the order in which they would run if nothing blocked them.</summary>
    internal List<ReferenceJob> InOrder(Func<ReferenceJob, bool> which)
    {
        var jobs = Jobs.Where(which);
        var first = Options.Ordering switch
        {
            Ordering.Strict => jobs.OrderByDescending(job => job.Boost),
            Ordering.Positions => jobs.OrderBy(job => job.Entry - job.Boost).ThenByDescending(job => job.Boost),
            Ordering.HeadStart => jobs
                .OrderBy(job => job.EnteredMs - (job.Boost * (long)Options.HeadStartPerBoost.TotalMilliseconds))
                .ThenByDescending(job => job.Boost),
        };
        return [.. first.ThenByDescending(job => job.Priority).ThenBy(job => job.Entry)];
    }

    internal List<ReferenceJob> Queue => InOrder(job => job.State == JobState.Queued);

    /// <summary>The job that a worker for these types gets, if any: the first in order with room in all of its
    /// limits.</summary>
    internal ReferenceJob? Next(IReadOnlyCollection<string> types) =>
        Queue.FirstOrDefault(job => types.Contains(job.Type) && LimitsOf(job)
            .All(limit => limit.Used < limit.Capacity));

    internal WaitReason? WaitingFor(ReferenceJob job)
    {
        var tier = TierOf(job.Tier);
        var due = DateTimeOffset.FromUnixTimeMilliseconds(job.DueMs);
        return job.State switch
        {
            JobState.Queued => LimitsOf(job).FirstOrDefault(limit => limit.Used >= limit.Capacity)
                ?? new WaitReason(WaitKind.Worker, job.Type, OpenRuns.Count, Options.MaxConcurrentRuns),
            JobState.Scheduled when job.DueMs <= NowMs =>
                new WaitReason(WaitKind.GlobalCap, "queue", Queued, Options.GlobalCap),
            JobState.Scheduled when job.Why == WaitKind.DailyAllowance =>
                new WaitReason(WaitKind.DailyAllowance, job.User, Charged(job.User, Today), tier.DailyLimit,
                    Until: due),
            JobState.Scheduled =>
                new WaitReason(job.Why, job.Type, job.Retries, TypeOf(job.Type)!.MaxRetries, Until: due),
            JobState.AwaitingConfirmation =>
                new WaitReason(WaitKind.Confirmation, job.User, job.Used, job.Granted, Until: due),
            _ => null,
        };
    }

    internal WaitEstimate Estimate(Tier tier, long position)
    {
        double seconds = AverageSeconds(tier) * position / Options.MaxConcurrentRuns;
        return new WaitEstimate(
            (long)seconds,
            (long)(0.7 * seconds),
            (long)(1.3 * seconds),
            position < 10 ? EstimateConfidence.Medium : EstimateConfidence.Low);
    }

    private double AverageSeconds(Tier tier) =>
        _averageSeconds.TryGetValue(tier.Name, out double average) ? average : tier.InitialDuration.TotalSeconds;

    private int Count(Func<ReferenceJob, bool> which) => Jobs.Count(which);

    private void Fact() => LastFactMs = NowMs;

    internal static int DayOf(long ms) => (int)Math.Floor(ms / (double)DayMs);
}
