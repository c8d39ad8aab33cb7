using Engine.Storage;
using Engine.Tests.Support;

namespace Engine.Tests.Faster;

/// <summary>A commit that a power cut caught: any of its sectors may be on disk, the others not.</summary>
public sealed class FasterTornTailTests : IDisposable
{
    private const int Block = 4096;
    private const string Segment = "segment-0000000000.log";
    private readonly TestDirectory _directory = new();
    private int _caseCount;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Any_subset_of_the_last_commits_sectors_gives_a_prefix_that_can_be_gone_on_from()
    {
        // Eight sectors of 512 bytes: two small frames and a large one in one block.
        var (before, after, acknowledged) = await ImagesAsync(["y1", "y2", new string('y', 3500)]);

        for (int subset = 0; subset < 256; subset++)
        {
            await AssertPrefixAsync(
                before, after, acknowledged, 512, sector => (subset & (1 << sector)) != 0, $"{subset:b8}");
        }
    }

    [Fact]
    public async Task Any_subset_of_the_last_commits_blocks_gives_a_prefix_that_can_be_gone_on_from()
    {
        string[] frames = [.. Enumerable.Range(0, 8).Select(i => new string((char)('A' + i), 2400))];
        var (before, after, acknowledged) = await ImagesAsync(frames);

        for (int subset = 0; subset < 32; subset++)
        {
            await AssertPrefixAsync(
                before, after, acknowledged, Block, block => block < 5 && (subset & (1 << block)) != 0, $"{subset:b5}");
        }
    }

    [Fact]
    public async Task Every_byte_at_which_the_last_commit_can_break_off_gives_a_prefix()
    {
        var (before, after, acknowledged) = await ImagesAsync(["y1", "y2", "y3"]);
        int start = FirstDifference(before[Segment], after[Segment]);
        int end = start + 64 + (3 * 50);
        string torn = _directory["torn"];
        FasterImage.Write(torn, before);
        for (int cut = start; cut <= end; cut++)
        {
            FasterImage.Poke(Path.Combine(torn, Segment), start, after[Segment].AsSpan(start, cut - start));

            var found = await FasterImage.ReadAsync(torn);

            Assert.NotNull(found);
            Assert.Equal(acknowledged[..2], found[..2]);
            Assert.Equal(acknowledged[2..found.Count], found[2..]);
        }
    }

    [Fact]
    public async Task What_lies_behind_a_cut_tail_never_comes_back()
    {
        // The first life's last commit is torn after its first frame; the second life goes on; a third reads it all.
        var (before, after, acknowledged) = await ImagesAsync(["y1", new string('y', 9000), "y3"]);
        var torn = Mix(before, after, Block, block => block != 1);
        string journal = _directory["ghost"];
        FasterImage.Write(journal, torn);
        await using (var second = FasterImage.Open(journal))
        {
            var writer = await JournalWriter.AcquireAsync(second);
            Assert.Equal(3, writer.Sequence);
            await writer.AppendAsync("z4");
            byte[] cut = await File.ReadAllBytesAsync(Path.Combine(journal, Segment));
            int tail = FirstDifference(before[Segment], after[Segment]) + (2 * Block);
            Assert.False(cut.AsSpan(tail).ContainsAnyExcept((byte)0));
        }

        // The disk shows the first life's blocks again behind the second life's tail.
        int start = FirstDifference(before[Segment], after[Segment]);
        for (int block = 2; block < 4; block++)
        {
            int offset = start + (block * Block);
            FasterImage.Poke(Path.Combine(journal, Segment), offset, after[Segment].AsSpan(offset, Block));
        }

        Assert.Equal([.. acknowledged[..3], "z4"], await FasterImage.RecoverAsync(journal));
        Assert.Equal([.. acknowledged[..3], "z4", "next"], await FasterImage.RecoverAsync(journal));
    }

    [Fact]
    public async Task Whole_commits_of_an_earlier_life_behind_the_tail_are_ghosts_not_evidence()
    {
        string journal = _directory["live"];
        await using (var first = FasterImage.Open(journal))
        {
            await (await JournalWriter.AcquireAsync(first)).AppendAsync("1", "2", "old 3", "old 4", "old 5");
            _directory.Copy(journal, "ghosts");
        }

        // A restore from before "old 3": the superblock of then, and the log of then.
        string restored = _directory["restored"];
        await using (var young = FasterImage.Open(restored))
        {
            await (await JournalWriter.AcquireAsync(young)).AppendAsync("1", "2");
        }

        await using (var second = FasterImage.Open(restored))
        {
            await (await JournalWriter.AcquireAsync(second)).AppendAsync("new 3");
            _directory.Copy(restored, "crashed");
        }

        byte[] old = await File.ReadAllBytesAsync(Path.Combine(_directory["ghosts"], Segment));
        FasterImage.Poke(Path.Combine(_directory["crashed"], Segment), 5 * Block, old.AsSpan(5 * Block, 2 * Block));

        Assert.Equal(["1", "2", "new 3"], await FasterImage.RecoverAsync(_directory["crashed"]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_hole_in_a_logged_journal_is_damage_in_the_same_boot_and_a_torn_tail_after_another(bool sameBoot)
    {
        // Nothing was synced: a kill leaves every write in its order, the loss of power leaves any of them.
        string live = _directory["live"];
        await using (var journal = FasterImage.Open(live, options => options.Durability = Durability.Logged))
        {
            await (await JournalWriter.AcquireAsync(journal)).AppendAsync("1", "2", "3", "4");
            _directory.Copy(live, "crashed");
        }

        FasterImage.Poke(Path.Combine(_directory["crashed"], Segment), 4 * Block, new byte[Block]);
        var files = new FaultyFileSystem();
        files.Boot = sameBoot ? files.Boot : Guid.NewGuid();
        await using var crashed = FasterImage.Open(_directory["crashed"], options => options.Files = files);

        if (sameBoot)
        {
            await Assert.ThrowsAsync<JournalDamagedException>(() => crashed.AcquireAsync().AsTask());
        }
        else
        {
            await crashed.AcquireAsync();
            Assert.Equal(["1", "2"], await crashed.ReadTextsAsync());
        }
    }

    private static SortedDictionary<string, byte[]> Mix(
        SortedDictionary<string, byte[]> before,
        SortedDictionary<string, byte[]> after,
        int unit,
        Func<int, bool> isWritten)
    {
        var mixed = new SortedDictionary<string, byte[]>(before, StringComparer.Ordinal);
        byte[] bytes = [.. before[Segment]];
        int start = FirstDifference(before[Segment], after[Segment]);
        for (int i = 0; start + ((i + 1) * unit) <= bytes.Length && i < 64; i++)
        {
            if (isWritten(i))
            {
                after[Segment].AsSpan(start + (i * unit), unit).CopyTo(bytes.AsSpan(start + (i * unit)));
            }
        }

        mixed[Segment] = bytes;
        return mixed;
    }

    private static int FirstDifference(byte[] left, byte[] right) =>
        left.AsSpan().CommonPrefixLength(right) / Block * Block;

    /// <summary>The journal before and after one last append, as a crash would leave it.</summary>
    private async Task<(
        SortedDictionary<string, byte[]> Before,
        SortedDictionary<string, byte[]> After,
        List<string> All)> ImagesAsync(string[] lastCommit)
    {
        string live = _directory["live"];
        await using var journal = FasterImage.Open(live);
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("x1", "x2");
        var before = FasterImage.Bytes(live);
        await writer.Start([.. lastCommit.Select(System.Text.Encoding.UTF8.GetBytes)]);
        return (before, FasterImage.Bytes(live), await journal.ReadTextsAsync());
    }

    private async Task AssertPrefixAsync(
        SortedDictionary<string, byte[]> before,
        SortedDictionary<string, byte[]> after,
        List<string> all,
        int unit,
        Func<int, bool> isWritten,
        string what)
    {
        string torn = _directory["torn"];
        FasterImage.Write(torn, Mix(before, after, unit, isWritten));

        // Going on from it costs a few syncs: each case is read, every seventh is taken over.
        var found = _caseCount++ % 7 == 0 ? await FasterImage.RecoverAsync(torn) : await FasterImage.ReadAsync(torn);

        Assert.True(found is not null && found.Count >= 2, $"sectors {what} on disk: {found?.Count}");
        Assert.Equal(all[..found!.Count], found);
    }
}
