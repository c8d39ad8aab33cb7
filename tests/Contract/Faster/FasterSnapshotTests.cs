using System.Text;
using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Tests.Support;

namespace Engine.Tests.Faster;

/// <summary>Snapshots that go bad, and logs that go away below them.</summary>
public sealed class FasterSnapshotTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    private string Journal => _directory["journal"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Every_flipped_bit_of_the_newest_falls_back_to_the_one_before()
    {
        await WriteAsync(truncateBelow: 1);
        string newest = SnapshotPaths()[^1];
        byte[] original = await File.ReadAllBytesAsync(newest);
        await using var journal = FasterImage.Open(Journal);
        for (int bit = 0; bit < original.Length * 8; bit += 5)
        {
            byte[] flipped = [.. original];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            await File.WriteAllBytesAsync(newest, flipped);
            try
            {
                Assert.Equal((60, "state 60"), Show(await journal.LoadSnapshotAsync()));
            }
            catch (JournalDamagedException refusal)
            {
                Assert.Contains("version", refusal.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task The_older_one_is_refused_when_the_log_no_longer_reaches_down_to_it()
    {
        await WriteAsync(truncateBelow: 81);
        await File.WriteAllBytesAsync(SnapshotPaths()[^1], [1, 2, 3]);
        await using var journal = FasterImage.Open(Journal);

        var refusal = await Assert.ThrowsAsync<JournalDamagedException>(() => journal.LoadSnapshotAsync().AsTask());

        Assert.Contains("snapshot-0000000000000000080.snap", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_snapshot_is_told_also_where_an_older_one_or_the_log_replaces_it()
    {
        const int SnapshotDamaged = 2003;
        await WriteAsync(truncateBelow: 1);
        File.Delete(SnapshotPaths()[^1]);
        using var log = new TestLog<FasterJournal>();
        await using var journal = new FasterJournal(new FasterJournalOptions { Directory = Journal }, log);

        Assert.Equal((60, "state 60"), Show(await journal.LoadSnapshotAsync()));

        string told = await log.NextAsync(SnapshotDamaged);
        Assert.Contains("snapshot-0000000000000000080.snap", told, StringComparison.Ordinal);
        Assert.Contains("missing", told, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_snapshot_below_a_truncated_log_is_refused()
    {
        await WriteAsync(truncateBelow: 81);
        Array.ForEach(SnapshotPaths(), File.Delete);
        await using var journal = FasterImage.Open(Journal);

        await Assert.ThrowsAsync<JournalDamagedException>(() => journal.LoadSnapshotAsync().AsTask());
    }

    [Fact]
    public async Task Without_any_whole_snapshot_a_whole_log_is_enough()
    {
        await WriteAsync(truncateBelow: 1);
        Array.ForEach(SnapshotPaths(), path => File.WriteAllText(path, "?"));
        await using var journal = FasterImage.Open(Journal);

        Assert.Null(await journal.LoadSnapshotAsync());
        Assert.Equal(100, (await journal.ReadTextsAsync()).Count);
    }

    [Fact]
    public async Task Two_snapshots_are_kept_and_whole_segments_are_given_back()
    {
        int before = await WriteAsync(truncateBelow: 1);
        int after = await WriteAsync(truncateBelow: 181, first: 101);

        Assert.Equal(2, SnapshotPaths().Length);
        Assert.True(after < before, $"{after} segments after truncation, {before} before");
    }

    [Fact]
    public async Task Nothing_is_truncated_when_the_snapshot_went_bad_since()
    {
        await WriteAsync(truncateBelow: 1);
        await using var journal = FasterImage.Open(Journal);
        var writer = await JournalWriter.AcquireAsync(journal);
        await File.WriteAllTextAsync(SnapshotPaths()[^1], "?");

        await Assert.ThrowsAsync<JournalDamagedException>(() => journal.TruncateAsync(writer.Epoch, 81).AsTask());

        Assert.Equal(100, (await journal.ReadTextsAsync()).Count);
    }

    /// <summary>It is whole, and of the same journal; but its history and the log's parted before it was taken.</summary>
    [Fact]
    public async Task A_snapshot_of_another_history_is_not_used()
    {
        await WriteAsync(truncateBelow: 1);
        string copy = _directory["copy"];
        FasterImage.Write(copy, FasterImage.Bytes(Journal));
        await AppendAndSaveAsync(Journal, "here");
        await AppendAndSaveAsync(copy, "there");
        string name = Path.GetFileName(SnapshotPaths()[^1]);
        File.Copy(Path.Combine(copy, name), Path.Combine(Journal, name), overwrite: true);

        await using var journal = FasterImage.Open(Journal);
        await journal.AcquireAsync();

        Assert.Equal((80, "state 80"), Show(await journal.LoadSnapshotAsync()));
    }

    [Fact]
    public async Task F4_A_snapshot_that_cannot_be_written_leaves_nothing_behind()
    {
        await WriteAsync(truncateBelow: 1);
        var files = new FaultyFileSystem();
        await using var journal = FasterImage.Open(Journal, options => options.Files = files);
        var writer = await JournalWriter.AcquireAsync(journal);
        files.Fault = (call, _, path) => call == "rename" && path!.EndsWith(".snap", StringComparison.Ordinal)
            ? new IOException("No space left on device.")
            : null;

        await Assert.ThrowsAsync<IOException>(
            () => journal.SaveSnapshotAsync(writer.Epoch, 90, new byte[100_000]).AsTask());

        Assert.Empty(Directory.GetFiles(Journal, "*.tmp"));
        Assert.Equal((80, "state 80"), Show(await journal.LoadSnapshotAsync()));
        await writer.AppendAsync("The log goes on.");
    }

    /// <summary>The one that is whole stays until there are two newer ones that are.</summary>
    [Fact]
    public async Task F8_A_bad_snapshot_does_not_push_a_whole_one_out()
    {
        await WriteAsync(truncateBelow: 61);
        await File.WriteAllTextAsync(SnapshotPaths()[^1], "?");
        await using (var journal = FasterImage.Open(Journal))
        {
            var writer = await JournalWriter.AcquireAsync(journal);
            Assert.Equal((60, "state 60"), Show(await journal.LoadSnapshotAsync()));
            await journal.SaveSnapshotAsync(writer.Epoch, 90, "state 90"u8.ToArray());
            await journal.TruncateAsync(writer.Epoch, 61);
        }

        await File.WriteAllTextAsync(SnapshotPaths()[^1], "?");
        await using (var journal = FasterImage.Open(Journal))
        {
            var writer = await JournalWriter.AcquireAsync(journal);
            Assert.Equal((60, "state 60"), Show(await journal.LoadSnapshotAsync()));
            await journal.SaveSnapshotAsync(writer.Epoch, 95, "state 95"u8.ToArray());
            await journal.SaveSnapshotAsync(writer.Epoch, 100, "state 100"u8.ToArray());
        }

        Assert.Equal(2, SnapshotPaths().Length);
    }

    [Fact]
    public async Task F8_A_snapshot_file_too_long_for_any_is_a_bad_one()
    {
        await WriteAsync(truncateBelow: 1);
        using (var file = File.OpenWrite(SnapshotPaths()[^1]))
        {
            // Full of a hole: it takes no space.
            file.SetLength(3L << 30);
        }

        await using var journal = FasterImage.Open(Journal);

        Assert.Equal((60, "state 60"), Show(await journal.LoadSnapshotAsync()));
    }

    [Fact]
    public async Task A_snapshot_that_cannot_be_read_back_never_gets_its_name()
    {
        await WriteAsync(truncateBelow: 1);
        var files = new HookedFiles
        {
            Opening = path =>
            {
                if (path.EndsWith(".snap.tmp", StringComparison.Ordinal))
                {
                    File.WriteAllText(path, "?");
                }
            },
        };
        await using var journal = FasterImage.Open(Journal, options => options.Files = files);
        var writer = await JournalWriter.AcquireAsync(journal);

        await Assert.ThrowsAsync<JournalException>(
            () => journal.SaveSnapshotAsync(writer.Epoch, 80, "another state"u8.ToArray()).AsTask());

        Assert.Equal(2, SnapshotPaths().Length);
        Assert.Empty(Directory.GetFiles(Journal, "*.tmp"));
        Assert.Equal((80, "state 80"), Show(await journal.LoadSnapshotAsync()));
    }

    private static async Task AppendAndSaveAsync(string directory, string text)
    {
        await using var journal = FasterImage.Open(directory);
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync(text);
        await journal.SaveSnapshotAsync(writer.Epoch, writer.Sequence, Encoding.UTF8.GetBytes(text));
    }

    private static (long, string) Show(JournalSnapshot? snapshot) =>
        (snapshot!.Sequence, Encoding.UTF8.GetString(snapshot.State));

    private string[] SnapshotPaths() => [.. Directory.GetFiles(Journal, "*.snap").Order(StringComparer.Ordinal)];

    /// <summary>100 frames over several segments, snapshots at 60 and 80 of them.</summary>
    private async Task<int> WriteAsync(long truncateBelow, int first = 1)
    {
        await using var journal = FasterImage.Open(Journal);
        var writer = await JournalWriter.AcquireAsync(journal);
        Assert.Equal(first, writer.Sequence + 1);
        for (int i = 0; i < 100; i++)
        {
            await writer.AppendAsync(new string('x', 3000));
        }

        foreach (long sequence in new[] { first + 59L, first + 79L })
        {
            await journal.SaveSnapshotAsync(writer.Epoch, sequence, Encoding.UTF8.GetBytes($"state {sequence}"));
        }

        await journal.TruncateAsync(writer.Epoch, truncateBelow);
        return Directory.GetFiles(Journal, "segment-*.log").Length;
    }
}
