using Engine.Storage;
using Engine.Tests.Support;

namespace Engine.Tests.Faster;

/// <summary>A small journal of two lives, taken as a kill would leave it, and every way to hurt it: the answer is the
/// same log, or a refusal. Only the last commit may be taken for a torn one, as nothing behind it proves
/// otherwise.</summary>
public sealed class FasterDamageTests : IAsyncLifetime, IDisposable
{
    private const int Block = 4096;
    private const int LogBlocks = 8;
    private const string Segment = "segment-0000000000.log";

    private readonly TestDirectory _directory = new();
    private List<string> _whole = [];

    private string Image => _directory["image"];

    private string SegmentPath => Path.Combine(Image, Segment);

    /// <summary>Where the log's first commit lies: behind the header, and behind address 0, which is never
    /// used.</summary>
    private static long LogStart => 2 * Block;

    /// <summary>Where the last commit lies.</summary>
    private static long LastCommit => LogStart + ((LogBlocks - 1) * Block);

    public async Task InitializeAsync()
    {
        await using (var first = FasterImage.Open(_directory["live"]))
        {
            var writer = await JournalWriter.AcquireAsync(first);
            await writer.AppendAsync("a", "b", new string('c', 5000));
        }

        // The second life is not closed: its superblock knows nothing of what it wrote.
        await using var second = FasterImage.Open(_directory["live"]);
        var next = await JournalWriter.AcquireAsync(second);
        await next.Start("d"u8.ToArray(), "e"u8.ToArray());
        await next.AppendAsync("f", new string('g', 300), "h");
        _whole = await second.ReadTextsAsync();
        _directory.Copy(_directory["live"], "image");
        Assert.Equal(8, _whole.Count);
        Assert.Equal(_whole, await FasterImage.ReadAsync(Image));
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Every_flipped_bit_of_marks_and_frames_is_the_same_log_or_refused()
    {
        byte[] original = await File.ReadAllBytesAsync(SegmentPath);
        int tried = 0;
        for (long offset = LogStart; offset < LogStart + ((LogBlocks + 1) * Block); offset++)
        {
            // Each bit where something is written, a sample of the padding and of the long payload.
            bool padding = original[offset] == original[offset - 1] && original[offset] == original[offset + 1];
            if (padding && offset % 37 != 0)
            {
                continue;
            }

            for (int bit = padding ? (int)(offset % 8) : 0; bit < 8; bit += padding ? 8 : 1)
            {
                FasterImage.Poke(SegmentPath, offset, [(byte)(original[offset] ^ (1 << bit))]);
                AssertSameOrRefused(await FasterImage.ReadAsync(Image), offset >= LastCommit, $"bit {bit} of {offset}");
                FasterImage.Poke(SegmentPath, offset, [original[offset]]);
                tried++;
            }
        }

        Assert.InRange(tried, 5_000, 100_000);
        Assert.Equal(_whole, await FasterImage.ReadAsync(Image));
    }

    [Fact]
    public async Task Every_zeroed_sector_is_the_same_log_or_refused()
    {
        byte[] original = await File.ReadAllBytesAsync(SegmentPath);
        for (long offset = 0; offset < LogStart + ((LogBlocks + 1) * Block); offset += 512)
        {
            FasterImage.Poke(SegmentPath, offset, new byte[512]);
            AssertSameOrRefused(await FasterImage.ReadAsync(Image), offset >= LastCommit, $"sector at {offset}");
            FasterImage.Poke(SegmentPath, offset, original.AsSpan((int)offset, 512));
        }
    }

    [Theory]
    [InlineData(512)]
    [InlineData(Block)]
    public async Task Every_two_sectors_swapped_or_one_written_over_another_are_the_same_log_or_refused(int size)
    {
        byte[] original = await File.ReadAllBytesAsync(SegmentPath);
        int end = (int)LogStart + ((LogBlocks + 1) * Block);
        for (int left = Block; left < end; left += size)
        {
            for (int right = left + size; right < end; right += size)
            {
                if (size == 512 && right - left > 4 * 512)
                {
                    break;
                }

                bool touchesLast = right >= LastCommit;
                FasterImage.Poke(SegmentPath, left, original.AsSpan(right, size));
                AssertSameOrRefused(await FasterImage.ReadAsync(Image), touchesLast, $"{right} over {left}");
                FasterImage.Poke(SegmentPath, right, original.AsSpan(left, size));
                AssertSameOrRefused(await FasterImage.ReadAsync(Image), touchesLast, $"{left} and {right} swapped");
                FasterImage.Poke(SegmentPath, left, original.AsSpan(left, size));
                AssertSameOrRefused(await FasterImage.ReadAsync(Image), touchesLast, $"{left} over {right}");
                FasterImage.Poke(SegmentPath, right, original.AsSpan(right, size));
            }
        }

        Assert.Equal(_whole, await FasterImage.ReadAsync(Image));
    }

    [Fact]
    public async Task Every_truncated_file_is_refused_and_left_alone()
    {
        foreach (string name in new[] { Segment, "segment-0000000001.log", "superblock" })
        {
            string path = Path.Combine(Image, name);
            byte[] original = await File.ReadAllBytesAsync(path);
            for (int length = 0; length < original.Length; length += name == "superblock" ? 97 : 1009)
            {
                await File.WriteAllBytesAsync(path, original[..length]);

                // Half a superblock still has one whole copy.
                bool oneCopyLeft = name == "superblock" && length >= Block;
                Assert.Equal(oneCopyLeft ? _whole : null, await FasterImage.ReadAsync(Image));
            }

            await File.WriteAllBytesAsync(path, original);
        }

        Assert.Equal(_whole, await FasterImage.RecoverAsync(Image));
    }

    [Theory]
    [InlineData(2, 6, "the mark of the first life's last commit")]
    [InlineData(4, 100, "a frame of the second life, with later commits behind it")]
    [InlineData(6, 3000, "padding between two commits: not noticed, not needed")]
    public async Task Taking_ownership_refuses_what_reading_refuses(int block, int offset, string what)
    {
        long place = LogStart + (block * Block) + offset;
        byte[] bytes = await File.ReadAllBytesAsync(SegmentPath);
        FasterImage.Poke(SegmentPath, place, [(byte)(bytes[place] ^ 0x10)]);

        var read = await FasterImage.ReadAsync(Image);
        var recovered = await FasterImage.RecoverAsync(Image);

        Assert.True(read is null == recovered is null, what);
        Assert.Equal(read, recovered);
        Assert.Equal(what.StartsWith("padding", StringComparison.Ordinal), recovered is not null);
    }

    [Fact]
    public async Task The_refusal_names_the_file_the_offset_and_what_proves_the_damage()
    {
        FasterImage.Poke(SegmentPath, LogStart + (4 * Block) + 70, [0xFF]);
        await using var journal = FasterImage.Open(Image);

        var refusal = await Assert.ThrowsAsync<JournalDamagedException>(() => journal.AcquireAsync().AsTask());

        string place = $"{Segment} at offset {LogStart + (4 * Block) + 64}";
        Assert.Contains(place, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("a later commit", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Nothing was changed", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Less_than_the_superblock_knows_to_be_durable_is_refused_even_at_the_tail()
    {
        await using (var journal = FasterImage.Open(Image))
        {
            await journal.AcquireAsync();
        }

        FasterImage.Poke(SegmentPath, LastCommit, new byte[Block]);

        Assert.Null(await FasterImage.RecoverAsync(Image));
    }

    private void AssertSameOrRefused(List<string>? found, bool mayLoseLastCommit, string what)
    {
        if (found is not null && !found.SequenceEqual(_whole))
        {
            Assert.True(mayLoseLastCommit, $"{what}: {found.Count} of {_whole.Count} frames");
            Assert.Equal(_whole[..^1], found);
        }
    }
}
