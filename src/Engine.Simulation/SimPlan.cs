using System.Globalization;

namespace Engine.Simulation;

/// <summary>One simulation: all that a seed decides beforehand, and what a smaller one of the same seed leaves
/// out.</summary>
internal sealed record SimPlan
{
    internal required ulong Seed { get; init; }

    internal required Preset Preset { get; init; }

    /// <summary>How long the safety phase lasts.</summary>
    internal required TimeSpan Length { get; init; }

    internal required Faults Faults { get; init; }

    internal required int Tenants { get; init; }

    internal required int Workers { get; init; }

    internal required JobEngineOptions Options { get; init; }

    internal required DateTimeOffset Start { get; init; }

    /// <summary>The mean time between two submissions, over all tenants.</summary>
    internal required TimeSpan Arrival { get; init; }

    /// <summary>How long a run takes at most.</summary>
    internal required TimeSpan LongestRun { get; init; }

    /// <summary>The mean time between two crashes, take-overs, clock steps and so on.</summary>
    internal required TimeSpan Trouble { get; init; }

    internal required bool WorkersServeAll { get; init; }

    /// <summary>What keeps the journal. The embedded one has one owner by its directory's lock; the others may have two
    /// owners one after the other.</summary>
    internal required StorageKind Storage { get; init; }

    /// <summary>By how much the journal grows until a snapshot is due.</summary>
    internal required int SnapshotBytes { get; init; }

    /// <summary>With how many bytes of events a batch is full, and the rest of the work is left to the next: so few that
    /// it comes between any two facts; 0 for as many as usual.</summary>
    internal required int BatchBytes { get; init; }

    /// <summary>Which planted bug is in the engine.</summary>
    internal Core.PlantedBug Bug { get; init; }

    /// <summary>What is used indeed: some bugs are planted in the list of frames, and the embedded journal is not taken
    /// over while its owner lives.</summary>
    internal StorageKind Uses =>
        Bug is Core.PlantedBug.AckBeforeSync or Core.PlantedBug.FailedSyncAcknowledged
            or Core.PlantedBug.EpochNotChecked or Core.PlantedBug.TruncationOneFrameTooFar
        || (Storage == StorageKind.Disk && Has(Faults.TakeOver))
            ? StorageKind.List
            : Storage;

    internal bool Has(Faults fault) => (Faults & fault) != 0;

    /// <summary>Draws a plan. What is left out later does not shift what is drawn.</summary>
    internal static SimPlan Draw(ulong seed, Preset preset, TimeSpan length)
    {
        var dice = RandomStream.Named(seed, "swarm");
        var faults = FaultsOf(preset, dice);
        var durations = dice.Pick(TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(40), TimeSpan.FromMinutes(4));
        var options = OptionsOf(dice, preset);
        const long Ample = 512 * 1024 * 1024;
        options.RetentionBytes = RandomStream.Named(seed, "swarm.retention").Pick(
            200, 5_000, Ample, Ample, Ample, Ample);
        int tenants = dice.Pick(1, 2, 5, 20, 60);
        var start = new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero)
            + dice.Between(TimeSpan.Zero, TimeSpan.FromDays(700));
        if (preset == Preset.Midnight || dice.Chance(0.2))
        {
            start = start.Date.AddDays(1) - dice.Between(TimeSpan.Zero, length / 2);
        }

        bool usesDisk = dice.Chance(0.3) || preset == Preset.DiskHell;
        int snapshotBytes = dice.Pick(500, 4_000, 40_000);

        // Dice of their own: what was drawn before there were these stays as it was.
        var more = RandomStream.Named(seed, "swarm.storage");
        bool usesRedis = more.Chance(preset switch
        {
            Preset.RedisHell => 1,
            Preset.DiskHell => 0,
            Preset.Mixed or Preset.ZombieHell => 0.2,
            _ => 0.1,
        });
        bool fails = preset is not (Preset.Calm or Preset.Flood);
        faults |= more.Chance(0.25) && fails ? Faults.LyingDisk : Faults.None;
        faults |= more.Chance(0.25) && fails ? Faults.FailOver : Faults.None;
        faults |= RandomStream.Named(seed, "swarm.standstill").Chance(0.3) && fails ? Faults.StandStill : Faults.None;

        return new SimPlan
        {
            Seed = seed,
            Preset = preset,
            Length = length,
            Faults = faults,
            Tenants = preset == Preset.Flood ? 20 : tenants,
            Workers = dice.Pick(1, 2, 4, 8),
            Options = options,
            Start = new DateTimeOffset(start.DateTime, TimeSpan.Zero),
            Arrival = TimeSpan.FromSeconds(preset == Preset.Flood ? 0.8 : dice.Pick(0.7, 1.5, 4, 15)),
            LongestRun = durations,
            Trouble = TimeSpan.FromMinutes(preset is Preset.Mixed ? dice.Pick(4, 10, 30) : dice.Pick(1, 2, 5)),
            WorkersServeAll = dice.Chance(0.5),
            Storage = usesDisk && preset != Preset.RedisHell && (faults & Faults.TakeOver) == 0 ? StorageKind.Disk
                : usesRedis ? StorageKind.Redis : StorageKind.List,
            SnapshotBytes = snapshotBytes,
            BatchBytes = RandomStream.Named(seed, "swarm.batch") is var batch && batch.Chance(0.25)
                ? batch.Pick(1, 60, 200)
                : 0,
        };
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"preset={Preset} hours={Length.TotalHours:0.###} tenants={Tenants} workers={Workers} arrival={Arrival.TotalSeconds}s "
        + $"runs<={LongestRun.TotalSeconds}s cap={Options.GlobalCap} lease={Options.LeaseDuration.TotalSeconds}s "
        + $"order={Options.Ordering} "
        + $"storage={Uses} snapshots={(Has(Faults.Snapshots) ? SnapshotBytes : 0)} "
        + $"batch={(BatchBytes == 0 ? "any" : BatchBytes)} faults={Faults}");

    private static Faults FaultsOf(Preset preset, RandomStream dice)
    {
        var drawn = Faults.None;
        for (int bit = 1; bit <= (int)Faults.Swarm; bit <<= 1)
        {
            drawn |= dice.Chance(0.55) ? (Faults)bit : Faults.None;
        }

        const Faults People = Faults.Failure | Faults.Iterations | Faults.Cancel | Faults.Resend | Faults.Settings;
        return preset switch
        {
            Preset.Calm => People,
            Preset.DiskHell => (drawn & People) | Faults.Kill | Faults.Power | Faults.PortCrash | Faults.SlowDisk
                | Faults.FailingDisk | Faults.Snapshots,
            Preset.RedisHell => (drawn & People) | Faults.Kill | Faults.PortCrash | Faults.TakeOver | Faults.SlowDisk
                | Faults.FailingDisk | Faults.LateAnswers,
            Preset.ClockHell => (drawn & (People | Faults.Kill)) | Faults.ClockStep | Faults.ClockRate,
            Preset.ZombieHell => (drawn & People) | Faults.WorkerCrash | Faults.Zombie | Faults.Liar | Faults.TakeOver,
            Preset.Midnight => (drawn & (People | Faults.Kill | Faults.Power)) | Faults.Midnight | Faults.Cancel,
            Preset.Flood => drawn & (People | Faults.Kill | Faults.Hostile),
            Preset.Mixed => drawn,
        };
    }

    private static JobEngineOptions OptionsOf(RandomStream dice, Preset preset)
    {
        int daily = dice.Pick(1, 2, 5, 50, 10_000, 10_000);
        var tiers = new List<Tier>();
        for (int i = 0; i < 3; i++)
        {
            tiers.Add(new Tier
            {
                Name = SimNames.Tiers[i],
                UserSlots = (int)dice.Between(1, 3) + i,
                ProjectSlots = (int)dice.Between(1, 2) + i,
                DailyLimit = preset == Preset.Midnight ? (int)dice.Between(1, 6) : daily * (i + 1),
                IterationDepth = (int)dice.Between(1, 3),
                Boost = dice.Pick(0, 2, 5) * i,
            });
        }

        var options = new JobEngineOptions
        {
            GlobalCap = dice.Pick(1, 3, 10, 30, 100, 300),
            Tiers = tiers,
            FallbackTier = dice.Chance(0.5) ? tiers[0].Name : null,
            Ordering = dice.Pick(Ordering.Strict, Ordering.Strict, Ordering.Positions, Ordering.HeadStart),
            HeadStartPerBoost = TimeSpan.FromSeconds(dice.Between(1, 120)),
            LeaseDuration = TimeSpan.FromSeconds(dice.Pick(5, 20, 60)),
            ConfirmationTimeout = dice.Pick(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(20), TimeSpan.FromHours(24)),
            MaxDaysAhead = dice.Pick(1, 3, 30),
            ReleaseJitter = dice.Pick(TimeSpan.Zero, TimeSpan.FromMinutes(2), TimeSpan.FromHours(1)),
            IdempotencyWindow = dice.Pick(TimeSpan.FromMinutes(1), TimeSpan.FromHours(1), TimeSpan.FromHours(24)),
            RetentionTime = dice.Pick(TimeSpan.Zero, TimeSpan.FromMinutes(5), TimeSpan.FromDays(7)),
            RetentionCount = dice.Pick(0, 3, 40, 200),
            SharedProjects = dice.Chance(0.4),
            Types = TypesOf(dice),
        };
        options.Resources["gpu"] = (int)dice.Between(1, 2);
        options.Resources["net"] = (int)dice.Between(1, 4);
        return options;
    }

    private static List<JobType> TypesOf(RandomStream dice)
    {
        int retries = (int)dice.Between(0, 3);
        int lost = (int)dice.Between(0, 3);
        var delay = dice.Pick(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(20), TimeSpan.FromMinutes(5));
        return
        [
            new JobType { Name = SimNames.Plain, MaxRetries = retries, RetryDelay = delay, MaxLostRuns = lost },
            new JobType
            {
                Name = SimNames.Staged,
                MaxRetries = 1,
                RetryDelay = delay,
                MaxLostRuns = lost + 1,
                Pipeline = new Pipeline
                {
                    Stages = [new("one", "One"), new("two", "Two"), new("three", "Three")],
                    Loops = [new("three", "one")],
                },
            },
            new JobType { Name = SimNames.Scarce, Resources = ["gpu"], MaxRetries = retries, RetryDelay = delay },
        ];
    }
}

/// <summary>The names that occur in a simulation.</summary>
internal static class SimNames
{
    internal const string Plain = "plain";
    internal const string Staged = "staged";
    internal const string Scarce = "scarce";

    internal static readonly string[] Tiers = ["small", "middle", "large"];
    internal static readonly string[] Types = [Plain, Staged, Scarce];
    internal static readonly string[] Stages = ["one", "two", "three"];
    internal static readonly string[] Hostile =
        ["", " ", "a\nb", "\u0000", "\ud800", "'; DROP TABLE jobs; --", "../../etc/passwd", new string('x', 129), "👻"];
}
