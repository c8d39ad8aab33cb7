using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Log;
using Engine.Tests.Support;

namespace Engine.Tests.Faster;

/// <summary>F9: a disk that puts the newest commit in a wrong place, where it may also write over others. Its mark says
/// where it belongs, so that nothing of this passes for a torn tail; and nothing that a crash leaves passes for
/// this.</summary>
public sealed class FasterMisplacedCommitTests : IDisposable
{
    private const int Sector = 512;

    private readonly TestDirectory _directory = new();

    public static TheoryData<int> LastCommits => [40, 3_000, 4_096 - CommitMark.Size - FrameCodec.HeaderSize, 9_000];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(LastCommits))]
    public async Task F9_a_commit_in_a_wrong_place_is_refused_unless_it_lies_in_its_own_blocks(int payloadBytes)
    {
        var journal = await WriteAsync(payloadBytes);
        var (own, commit) = LastCommit(journal);
        byte[] segment = journal.Files[DamagedJournal.Segment];
        int tornTails = 0;
        for (int place = 0; place + commit.Length <= segment.Length; place += Sector)
        {
            Restore(journal);
            segment.AsSpan(own, commit.Length).Clear();
            commit.CopyTo(segment.AsSpan(place));

            // Forward by less than its length it looks like a commit of which the first sectors did not arrive, and of
            // the others not what was meant: a crash can leave that, and it costs what a lost write costs.
            var expected = place == own ? DamageOutcome.Identical
                : place > own && place < own + commit.Length ? DamageOutcome.TornTail
                : DamageOutcome.Refused;
            Assert.True(expected == journal.Judge(), $"written at {place} instead of {own}: {journal.Judge()}");
            tornTails += expected == DamageOutcome.TornTail ? 1 : 0;
        }

        Assert.Equal((commit.Length / Sector) - 1, tornTails);
    }

    [Fact]
    public async Task F9_the_rest_of_the_last_whole_block_gives_a_misplaced_commit_away()
    {
        // The write begins in the last sector of the block of the commit before the last but one, and goes over the
        // last but one. What is left looks like a log that ends two commits earlier.
        var journal = await WriteAsync(40);
        var (own, commit) = LastCommit(journal);
        byte[] segment = journal.Files[DamagedJournal.Segment];
        segment.AsSpan(own, commit.Length).Clear();
        commit.CopyTo(segment.AsSpan(own - Block.Size - Sector));
        string image = _directory["image"];
        FasterImage.Write(image, Bytes(journal));
        await using var damaged = FasterImage.Open(image);

        var error = await Assert.ThrowsAsync<JournalDamagedException>(() => damaged.AcquireAsync().AsTask());

        Assert.Contains($"{DamagedJournal.Segment} at offset {own - Block.Size - Sector}", error.Message,
            StringComparison.Ordinal);
        Assert.Null(await FasterImage.RecoverAsync(image));

        // Whoever cuts it on purpose gets a journal that opens, and is told that there was more.
        var repair = FasterJournalTools.Repair(image, journal.ProvenCount - 1);
        Assert.Equal(journal.ProvenCount + 1, repair.HighestSequenceSeen);
        Assert.False(repair.IsNeedless);
        Assert.Equal(journal.ProvenCount - 1, (await FasterImage.RecoverAsync(image))?.Count);
    }

    [Theory]
    [MemberData(nameof(LastCommits))]
    public async Task F2_whatever_a_crash_leaves_in_the_sectors_of_the_last_commit_is_recovered(int payloadBytes)
    {
        var journal = await WriteAsync(payloadBytes);
        var (own, commit) = LastCommit(journal);
        byte[] segment = journal.Files[DamagedJournal.Segment];
        int sectors = commit.Length / Sector;

        // One sector: torn at any eight bytes, or with what any other sector of the file holds.
        for (int sector = 0; sector < sectors; sector++)
        {
            for (int cut = 0; cut < Sector; cut += 8)
            {
                AssertRecovered(journal, sector, bytes => bytes[cut..].Clear());
                AssertRecovered(journal, sector, bytes => bytes[..cut].Clear());
            }

            for (int other = 0; other + Sector <= own + commit.Length; other += Sector)
            {
                byte[] stale = segment.AsSpan(other, Sector).ToArray();
                AssertRecovered(journal, sector, bytes => stale.CopyTo(bytes));
            }
        }

        // All of them, each in its own way.
        var dice = new Random(payloadBytes);
        for (int i = 0; i < 3_000; i++)
        {
            Restore(journal);
            for (int sector = 0; sector < sectors; sector++)
            {
                var bytes = segment.AsSpan(own + (sector * Sector), Sector);
                switch (dice.Next(5))
                {
                    case 0:
                        bytes.Clear();
                        break;
                    case 1:
                        dice.NextBytes(bytes);
                        break;
                    case 2:
                        int from = dice.Next((own + commit.Length) / Sector) * Sector;
                        journal.Original[DamagedJournal.Segment].AsSpan(from, Sector).CopyTo(bytes);
                        break;
                    default:
                        break;
                }
            }

            var outcome = journal.Judge();
            Assert.True(outcome is DamageOutcome.TornTail or DamageOutcome.Identical, $"case {i}: {outcome}");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stray_mark_in_a_logged_journal_is_damage_in_the_same_boot_and_a_torn_tail_after_another(
        bool sameBoot)
    {
        // Nothing was synced: the loss of power may leave in any sector what was meant for another.
        var journal = await WriteAsync(40, options => options.Durability = Durability.Logged);
        var (own, commit) = LastCommit(journal);
        byte[] segment = journal.Files[DamagedJournal.Segment];
        segment.AsSpan(own, commit.Length).Clear();
        commit.CopyTo(segment.AsSpan(own + Block.Size));
        journal.Files.Boot = sameBoot ? journal.Files.Boot : Guid.NewGuid();

        Assert.Equal(sameBoot ? DamageOutcome.Refused : DamageOutcome.TornTail, journal.Judge());
    }

    private static void AssertRecovered(DamagedJournal journal, int sector, Change change)
    {
        Restore(journal);
        var (own, _) = LastCommit(journal);
        change(journal.Files[DamagedJournal.Segment].AsSpan(own + (sector * Sector), Sector));
        var outcome = journal.Judge();
        Assert.True(outcome is DamageOutcome.TornTail or DamageOutcome.Identical, $"sector {sector}: {outcome}");
    }

    private static void Restore(DamagedJournal journal) =>
        journal.Original[DamagedJournal.Segment].CopyTo(journal.Files[DamagedJournal.Segment].AsSpan());

    private static SortedDictionary<string, byte[]> Bytes(DamagedJournal journal)
    {
        var bytes = new SortedDictionary<string, byte[]>(journal.Original, StringComparer.Ordinal);
        bytes[DamagedJournal.Segment] = journal.Files[DamagedJournal.Segment];
        return bytes;
    }

    /// <summary>Where the newest commit lies in the file, and all of its blocks.</summary>
    private static (int Offset, byte[] Blocks) LastCommit(DamagedJournal journal)
    {
        int own = journal.Offsets[journal.ProvenCount] - CommitMark.Size;
        return (own, journal.Original[DamagedJournal.Segment][own..((int)journal.LogEnd + Block.Size)]);
    }

    /// <summary>What an owner that was killed leaves: small commits, each alone in its block, and a last one of a
    /// single frame.</summary>
    private async Task<DamagedJournal> WriteAsync(int payloadBytes, Action<FasterJournalOptions>? configure = null)
    {
        string live = _directory["live"];
        await using var journal = FasterImage.Open(live, configure);
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1", "2", "3", "4", "5", "6");
        await writer.AppendAsync(new string('l', payloadBytes));
        var killed = DamagedJournal.Load(_directory.Copy(live, "killed"));
        Assert.Equal(DamageOutcome.Identical, killed.Judge());
        return killed;
    }

    private delegate void Change(Span<byte> sector);
}
