using Engine.Core.Rules;
using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Snapshots;

namespace Engine.Tests.Runtime;

/// <summary>What is left of the journal when snapshots are taken beside it.</summary>
public sealed class SnapshotterTests : IDisposable
{
    private const int JournalBytes = 128 * 1024;
    private const int SegmentBytes = 64 * 1024;

    private readonly string _directory = Directory.CreateTempSubdirectory("engine-snapshots-").FullName;

    private static JobEngineOptions Options => new()
    {
        Types = [new JobType { Name = "work" }],
        GlobalCap = 10_000,
        RetentionCount = 200,
        IdempotencyWindow = TimeSpan.FromHours(1),
        LeaseDuration = TimeSpan.FromMinutes(10),
        SnapshotJournalBytes = JournalBytes,
        Tiers = [new Tier { Name = "bootstrapper", UserSlots = 10, ProjectSlots = 10, DailyLimit = 1_000_000 }],
    };

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task F4_A_day_of_traffic_takes_no_more_disk_than_an_hour()
    {
        long largest = 0;
        var sizes = new List<long>();
        await using var journal = Open();
        long appended = await DayAsync(journal, hour =>
        {
            long size = Directory.GetFiles(_directory).Sum(SizeOf);
            largest = Math.Max(largest, size);
            sizes.Add(size);
        });

        // Two stretches of log and what fills up their segments, the next segment, two snapshots and one in the making.
        const long Bound = (2 * JournalBytes) + (4 * SegmentBytes) + (3 * 64 * 1024);
        Assert.True(appended > 3 * Bound, $"Only {appended} bytes of traffic, for a bound of {Bound}.");
        Assert.True(largest <= Bound, $"{largest} bytes on disk, more than {Bound}: {string.Join(", ", sizes)}.");
    }

    [Fact]
    public async Task F4_A_day_of_traffic_leaves_no_more_frames_in_memory_than_two_stretches()
    {
        await using var journal = new MemoryJournal();
        long appended = await DayAsync(journal, _ => { });

        long kept = 0;
        var snapshot = await journal.LoadSnapshotAsync();
        await foreach (var frame in journal.ReadAsync(snapshot!.Sequence + 1))
        {
            kept += FrameCodec.HeaderSize + frame.Payload.Length;
        }

        Assert.True(appended > 10 * JournalBytes, $"Only {appended} bytes of traffic.");
        Assert.True(kept <= 2 * JournalBytes, $"{kept} bytes after the last snapshot.");
        await Assert.ThrowsAsync<JournalDamagedException>(async () => await ReadAsync(journal, 1));
    }

    [Fact]
    public async Task D4_The_log_from_the_older_of_two_snapshots_on_stays()
    {
        await using var journal = new FollowedJournal();
        var engine = await SteppedEngine.StartAsync(Options, journal, new ManualTimeProvider());
        var taken = new List<long>();
        for (int i = 0; i < 4; i++)
        {
            await engine.SubmitAsync("u", Id(i));
            taken.Add((await engine.Snapshotter.TakeAsync(CancellationToken.None))!.Value.Sequence);
        }

        // The first replaces nothing; each other one lets go of what is below the one before it.
        Assert.Equal([taken[0] + 1, taken[1] + 1, taken[2] + 1], journal.CutBelow);
        Assert.Equal(taken, journal.Saved);
    }

    [Fact]
    public async Task Nothing_new_is_no_snapshot()
    {
        await using var journal = new FollowedJournal();
        var engine = await SteppedEngine.StartAsync(Options, journal, new ManualTimeProvider());
        Assert.Null(await engine.Snapshotter.TakeAsync(CancellationToken.None));
        await engine.SubmitAsync("u", Id(1));

        Assert.NotNull(await engine.Snapshotter.TakeAsync(CancellationToken.None));
        Assert.Null(await engine.Snapshotter.TakeAsync(CancellationToken.None));
        Assert.Single(journal.Saved);
    }

    /// <summary>Where the newest snapshot cannot be trusted, what it replaces must not go.</summary>
    [Fact]
    public async Task F8_Nothing_is_cut_when_the_snapshot_before_is_damaged()
    {
        await using var journal = new FollowedJournal();
        var engine = await SteppedEngine.StartAsync(Options, journal, new ManualTimeProvider());
        await engine.SubmitAsync("u", Id(1));
        await engine.Snapshotter.TakeAsync(CancellationToken.None);
        await engine.SubmitAsync("u", Id(2));
        journal.Damaged = true;

        await Assert.ThrowsAsync<JournalDamagedException>(
            () => engine.Snapshotter.TakeAsync(CancellationToken.None).AsTask());
        Assert.Null(await engine.Snapshotter.TryTakeAsync(CancellationToken.None));

        Assert.Empty(journal.CutBelow);
        Assert.Single(journal.Saved);
    }

    [Fact]
    public async Task A_failed_snapshot_is_tried_again_after_a_quarter_of_the_usual_growth()
    {
        await using var journal = new FollowedJournal();
        var options = Options;
        options.SnapshotJournalBytes = 4_000;
        var engine = await SteppedEngine.StartAsync(options, journal, new ManualTimeProvider());
        for (int i = 0; !engine.Snapshotter.IsDue; i++)
        {
            await engine.SubmitAsync("u", Id(i));
        }

        journal.SaveFails = true;
        Assert.Null(await engine.Snapshotter.TryTakeAsync(CancellationToken.None));
        long failedAt = engine.Progress.Bytes;
        Assert.False(engine.Snapshotter.IsDue);
        for (int i = 1000; !engine.Snapshotter.IsDue; i++)
        {
            await engine.SubmitAsync("u", Id(i));
        }

        journal.SaveFails = false;
        Assert.InRange(engine.Progress.Bytes - failedAt, 1_000, 1_300);
        Assert.NotNull(await engine.Snapshotter.TryTakeAsync(CancellationToken.None));
        Assert.False(engine.Snapshotter.IsDue);
    }

    [Fact]
    public async Task A_restart_counts_what_is_already_there_since_the_last_snapshot()
    {
        await using var journal = new FollowedJournal();
        var options = Options;
        options.SnapshotJournalBytes = 4_000;
        var first = await SteppedEngine.StartAsync(options, journal, new ManualTimeProvider());
        for (int i = 0; !first.Snapshotter.IsDue; i++)
        {
            await first.SubmitAsync("u", Id(i));
        }

        var second = await SteppedEngine.StartAsync(options, journal, new ManualTimeProvider());

        Assert.True(second.Snapshotter.IsDue);
        await second.Snapshotter.TakeAsync(CancellationToken.None);
        var third = await SteppedEngine.StartAsync(options, journal, new ManualTimeProvider());
        Assert.False(third.Snapshotter.IsDue);
        Assert.Equal(0, third.Found.Events);
        Assert.Equal(second.Core.State.ComputeHash(), third.Core.State.ComputeHash());
    }

    /// <summary>A dozen jobs an hour of each of sixty users, idempotency keys among them, midnight included; looked at
    /// every hour.</summary>
    /// <returns>Bytes that were appended.</returns>
    private async Task<long> DayAsync(IJournal journal, Action<int> eachHour)
    {
        var options = Options;
        var time = new ManualTimeProvider(new DateTimeOffset(2030, 6, 15, 9, 0, 0, TimeSpan.Zero));
        var engine = await SteppedEngine.StartAsync(options, journal, time);
        var open = new List<RunLease>();
        int number = 0;
        for (int minute = 5; minute <= 24 * 60; minute += 5)
        {
            time.Advance(TimeSpan.FromMinutes(5));
            await engine.AskAsync(core =>
            {
                for (int user = 0; user < 60; user++)
                {
                    number++;
                    var submission = SteppedEngine.Submission(
                        $"user-{user}", Id(number), number % 5 == 0 ? $"key-{number}" : null);
                    Assert.Equal(SubmitOutcome.Queued, Submitting.Decide(core, submission).Outcome);
                }

                return true;
            });
            Assert.Equal(60, await engine.WorkAsync(open, 60));
            if (engine.Snapshotter.IsDue)
            {
                Assert.NotNull(await engine.Snapshotter.TakeAsync(CancellationToken.None));
            }

            if (minute % 60 == 0)
            {
                eachHour(minute / 60);
            }
        }

        var recovered = await SteppedEngine.RecoveredAsync(
            options, journal, engine.Ownership with { LastSequence = engine.Progress.Sequence });
        Assert.Equal(engine.Core.State.ComputeHash(), recovered.State.ComputeHash());
        return engine.Progress.Bytes;
    }

    private FasterJournal Open() => new(new FasterJournalOptions
    {
        Directory = _directory,
        SegmentSizeBytes = SegmentBytes,
        Durability = Durability.Logged,

        // Every one of them is in pieces, as those of more than 2 GiB are.
        Snapshots = new SnapshotSizes(MaxWholeBytes: 0, PieceBytes: 1_000),
    });

    private static long SizeOf(string path)
    {
        try
        {
            return new FileInfo(path).Length;
        }
        catch (FileNotFoundException)
        {
            // The next segment got its name meanwhile, or an old one is gone.
            return 0;
        }
    }

    private static async Task<int> ReadAsync(MemoryJournal journal, long from)
    {
        int count = 0;
        await foreach (var frame in journal.ReadAsync(from))
        {
            count += frame.EventCount;
        }

        return count;
    }

    private static JobId Id(int number) => new(new Guid(number, 7, 0x7000, [0x80, 0, 0, 0, 0, 0, 0, 1]));
}
