using System.Buffers.Binary;
using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Tests.Support;

namespace Engine.Tests.Faster;

/// <summary>When in doubt the embedded journal does not start, and says why.</summary>
public sealed class FasterRefusalTests : IAsyncLifetime, IDisposable
{
    private const int Block = 4096;

    private readonly TestDirectory _directory = new();

    private string Image => _directory["image"];

    private string Superblock => Path.Combine(Image, "superblock");

    public async Task InitializeAsync()
    {
        await using var journal = FasterImage.Open(Image);
        await (await JournalWriter.AcquireAsync(journal)).AppendAsync("1", "2", "3");
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task One_damaged_copy_of_the_superblock_is_no_loss_and_is_repaired(int copy)
    {
        FasterImage.Poke(Superblock, (copy * Block) + 40, [0xEE]);
        Assert.Equal(["1", "2", "3"], await FasterImage.RecoverAsync(Image));

        FasterImage.Poke(Superblock, ((1 - copy) * Block) + 40, [0xEE]);
        Assert.Equal(["1", "2", "3", "next"], await FasterImage.RecoverAsync(Image));
    }

    [Fact]
    public async Task Two_damaged_copies_are_refused()
    {
        FasterImage.Poke(Superblock, 100, [0xEE]);
        FasterImage.Poke(Superblock, Block + 4000, [0xEE]);

        Assert.Null(await FasterImage.RecoverAsync(Image));
    }

    [Fact]
    public async Task Segments_without_a_superblock_are_not_an_empty_journal()
    {
        File.Delete(Superblock);
        Assert.Null(await FasterImage.RecoverAsync(Image));

        await File.WriteAllBytesAsync(Superblock, []);
        Assert.Null(await FasterImage.RecoverAsync(Image));
    }

    [Theory]
    [InlineData("superblock")]
    [InlineData("segment-0000000000.log")]
    public async Task A_later_version_is_refused(string file)
    {
        string path = Path.Combine(Image, file);
        byte[] bytes = await File.ReadAllBytesAsync(path);
        for (int copy = 0; copy < (file == "superblock" ? 2 : 1); copy++)
        {
            var block = bytes.AsSpan(copy * Block, Block);
            block[4] = 3;
            BinaryPrimitives.WriteUInt32LittleEndian(block[^4..], Crc32C.Of(block[..^4]));
        }

        await File.WriteAllBytesAsync(path, bytes);
        await using var journal = FasterImage.Open(Image);

        var refusal = await Assert.ThrowsAsync<JournalDamagedException>(() => journal.AcquireAsync().AsTask());
        Assert.Contains("version 3", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(64, "frame", "version 2")]
    [InlineData(0, "mark", "version 2")]
    public async Task A_later_version_at_the_very_tail_is_refused_not_cut(int offset, string what, string message)
    {
        await using var live = FasterImage.Open(_directory["live"]);
        await (await JournalWriter.AcquireAsync(live)).AppendAsync("1");
        string copy = _directory.Copy(_directory["live"], "copy");
        string path = Path.Combine(copy, "segment-0000000000.log");
        byte[] bytes = await File.ReadAllBytesAsync(path);
        var target = bytes.AsSpan((2 * Block) + offset);
        target[4] = 2;
        if (what == "mark")
        {
            BinaryPrimitives.WriteUInt32LittleEndian(target[60..], Crc32C.Of(target[..60]));
        }

        await File.WriteAllBytesAsync(path, bytes);
        await using var journal = FasterImage.Open(copy);

        var refusal = await Assert.ThrowsAsync<JournalDamagedException>(() => journal.AcquireAsync().AsTask());
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(path));
    }

    [Theory]
    [InlineData("segment-0000000000.log")]
    [InlineData("segment-0000000001.log")]
    public async Task A_missing_segment_is_refused(string file)
    {
        File.Delete(Path.Combine(Image, file));

        Assert.Null(await FasterImage.RecoverAsync(Image));
    }

    [Fact]
    public async Task A_segment_of_another_journal_is_refused()
    {
        await using (var other = FasterImage.Open(_directory["other"]))
        {
            await (await JournalWriter.AcquireAsync(other)).AppendAsync("1", "2", "3");
        }

        const string Segment = "segment-0000000000.log";
        File.Copy(Path.Combine(_directory["other"], Segment), Path.Combine(Image, Segment), overwrite: true);

        Assert.Null(await FasterImage.RecoverAsync(Image));
    }

    [Fact]
    public async Task A_superblock_older_than_the_log_is_refused()
    {
        byte[] old = await File.ReadAllBytesAsync(Superblock);
        await using (var journal = FasterImage.Open(Image))
        {
            var writer = await JournalWriter.AcquireAsync(journal);
            for (int i = 0; i < 60; i++)
            {
                await writer.AppendAsync(new string('x', 4000));
            }
        }

        await File.WriteAllBytesAsync(Superblock, old);

        Assert.Null(await FasterImage.RecoverAsync(Image));
    }

    [Fact]
    public async Task A_journal_keeps_the_segment_size_it_was_made_with()
    {
        await using var journal = FasterImage.Open(Image, options => options.SegmentSizeBytes = 1024 * 1024);
        await (await JournalWriter.AcquireAsync(journal)).AppendAsync("4");

        Assert.Equal(["1", "2", "3", "4"], await journal.ReadTextsAsync());
        var segment = new FileInfo(Path.Combine(Image, "segment-0000000001.log"));
        Assert.Equal(FasterImage.SegmentSize + Block, segment.Length);
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public void Files_and_directory_are_for_their_owner_only()
    {
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Image));
        Assert.All(
            Directory.GetFiles(Image),
            path => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path)));
    }

    [Theory]
    [InlineData(nameof(FasterJournalOptions.Directory))]
    [InlineData(nameof(FasterJournalOptions.SegmentSizeBytes))]
    [InlineData(nameof(FasterJournalOptions.Durability))]
    [InlineData(nameof(FasterJournalOptions.MaxCommitBytes))]
    [InlineData(nameof(FasterJournalOptions.CloseTimeout))]
    public void A_setting_out_of_range_is_named(string setting)
    {
        var options = new FasterJournalOptions { Directory = Image };
        _ = setting switch
        {
            nameof(options.Directory) => (object)(options.Directory = " "),
            nameof(options.SegmentSizeBytes) => options.SegmentSizeBytes = 100_000,
            nameof(options.Durability) => options.Durability = Durability.Replicated,
            nameof(options.MaxCommitBytes) => options.MaxCommitBytes = 1024,
            _ => options.CloseTimeout = TimeSpan.Zero,
        };

        var error = Assert.Throws<ArgumentException>(() => new FasterJournal(options));
        Assert.Contains(setting, error.Message, StringComparison.Ordinal);
    }
}
