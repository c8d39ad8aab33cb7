namespace Engine;

/// <summary>How one engine is set up. All of it may change while it runs (<see cref="JobEngine.ReconfigureAsync"/>), but for
/// <see cref="MaxConcurrentRuns"/>, <see cref="LeaseDuration"/>, <see cref="InboxCapacity"/> and
/// <see cref="SnapshotJournalBytes"/>, which are read at the start.</summary>
public sealed class JobEngineOptions
{
    /// <summary>Queued jobs at most, over all users; beyond it submissions are refused (LA-6).</summary>
    /// <value>1 to 100,000,000. The default is 100.</value>
    public int GlobalCap { get; set; } = 100;

    /// <summary>Runs that the built-in worker pool works on at a time.</summary>
    /// <value>0 (no built-in workers) to 10,000. The default is 4.</value>
    public int MaxConcurrentRuns { get; set; } = 4;

    /// <summary>The plans.</summary>
    /// <value>1 to 1,000 with different names. The default is <see cref="Engine.Tiers.CoFounder"/>.</value>
    public IList<Tier> Tiers { get; set; } = [.. Engine.Tiers.CoFounder];

    /// <summary>What a job without a known tier gets: the name of one of <see cref="Tiers"/>, or null for the fallback
    /// values of <see cref="Tier"/> (seed-semantics 1.2).</summary>
    /// <value>The default is null.</value>
    public string? FallbackTier { get; set; }

    /// <summary>The kinds of work.</summary>
    /// <value>Up to 1,000 with different names. The default is none: handlers add theirs.</value>
    public IList<JobType> Types { get; set; } = [];

    /// <summary>Named resources and how many runs may hold each at a time.</summary>
    /// <value>Capacities of 1 to 1,000,000. The default is none.</value>
    public IDictionary<string, int> Resources { get; set; } = new Dictionary<string, int>(StringComparer.Ordinal);

    /// <summary>What "next" means.</summary>
    /// <value>The default is <see cref="Ordering.Strict"/>.</value>
    public Ordering Ordering { get; set; }

    /// <summary>With <see cref="Ordering.HeadStart"/>: how far ahead one step of boost enters.</summary>
    /// <value>1 ms to 1 day. The default is 1 minute.</value>
    public TimeSpan HeadStartPerBoost { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a worker may hold a run without a sign of life. Too short and a busy machine loses live runs,
    /// too long and a dead worker's slots stay taken.</summary>
    /// <value>1 s to 1 day. The default is 60 s.</value>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a cancelled or overdue handler may take to stop before it is abandoned and its slots are freed.</summary>
    /// <value>1 ms to 1 hour. The default is 30 s.</value>
    public TimeSpan CancelGrace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a job waits for its confirmation before it fails (LA-17).</summary>
    /// <value>1 minute to 365 days. The default is 24 hours.</value>
    public TimeSpan ConfirmationTimeout { get; set; } = TimeSpan.FromHours(24);

    /// <summary>How many days ahead a job may be scheduled when allowances are used up; past it submissions are refused.</summary>
    /// <value>1 to 365. The default is 30.</value>
    public int MaxDaysAhead { get; set; } = 30;

    /// <summary>The span after midnight over which scheduled jobs are released, so that they do not all start at once
    /// (LA-16, DA-5).</summary>
    /// <value>0 to 12 hours. The default is 1 hour.</value>
    public TimeSpan ReleaseJitter { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long an idempotency key stands for its job.</summary>
    /// <value>1 minute to 30 days. The default is 24 hours.</value>
    public TimeSpan IdempotencyWindow { get; set; } = TimeSpan.FromHours(24);

    /// <summary>How long a job is kept after its end.</summary>
    /// <value>0 to 3,650 days. The default is 7 days.</value>
    public TimeSpan RetentionTime { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How many ended jobs are kept at most, the latest ones.</summary>
    /// <value>0 to 100,000,000. The default is 100,000.</value>
    public int RetentionCount { get; set; } = 100_000;

    /// <summary>How many bytes of payloads, results and checkpoints of ended jobs are kept at most; beyond it the jobs
    /// that ended first go. It bounds what users can fill the memory with: whoever submits and cancels uses no allowance
    /// up. The state with the jobs that have not ended must fit into one snapshot, 2 GiB.</summary>
    /// <value>0 to 1,099,511,627,776 bytes. The default is 536,870,912 (512 MiB).</value>
    public long RetentionBytes { get; set; } = 512 * 1024 * 1024;

    /// <summary>The age at which a job that has not ended is reported as stale. It is never deleted (DA-19).</summary>
    /// <value>1 minute to 365 days. The default is 48 hours.</value>
    public TimeSpan StaleAfter { get; set; } = TimeSpan.FromHours(48);

    /// <summary>Largest payload, result or checkpoint, in bytes.</summary>
    /// <value>1 to 1,048,576. The default is 262,144.</value>
    public int MaxPayloadBytes { get; set; } = 256 * 1024;

    /// <summary>Whether users may submit to each other's projects. Otherwise a project belongs to the first user with a
    /// job in it, for as long as the engine keeps one (DA-21).</summary>
    /// <value>The default is false.</value>
    public bool SharedProjects { get; set; }

    /// <summary>Commands that may wait for the engine before callers are slowed down.</summary>
    /// <value>16 to 1,048,576. The default is 65,536.</value>
    public int InboxCapacity { get; set; } = 65_536;

    /// <summary>How much the journal grows before a snapshot is taken and older frames are let go: this many bytes, or four
    /// times as many as the last snapshot has, whichever is more. Smaller ones make the next start faster and keep less on disk;
    /// larger ones write fewer snapshots, each of which costs time and memory as the kept jobs do. Two snapshots, and the
    /// journal from the older of them on, stay on disk. A journal that does not outlive the process
    /// (<see cref="Storage.Durability.Memory"/>) gets none.</summary>
    /// <value>0 (never) to 1,073,741,824 bytes. The default is 134,217,728 (128 MiB).</value>
    public int SnapshotJournalBytes { get; set; } = 128 * 1024 * 1024;

    /// <summary>How much the journal grows for each byte of the last snapshot; tests want many of them.</summary>
    internal int SnapshotGrowth { get; set; } = 4;
}
