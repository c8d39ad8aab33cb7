using System.Buffers;
using System.Buffers.Binary;
using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Snapshots;
using Engine.Tests.Support;

namespace Engine.Tests.Faster;

/// <summary>Snapshots that are larger than an array can be, with a small number in place of 2 GiB.</summary>
public sealed class FasterSnapshotPiecesTests : IDisposable
{
    private const int Older = 50;
    private const int Newest = 60;

    // Seven pieces, the last one shorter.
    private static readonly SnapshotSizes Small = new(MaxWholeBytes: 500, PieceBytes: 100);
    private static readonly byte[] Large = [.. Enumerable.Range(0, 640).Select(i => (byte)(i * 7))];

    private readonly TestDirectory _directory = new();

    private string Journal => _directory["journal"];

    private string NewestPath => Directory.GetFiles(Journal, "*.snap").Max(StringComparer.Ordinal)!;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_large_state_comes_back_in_its_pieces_and_a_small_one_lies_as_it_always_did()
    {
        await WriteAsync();

        await using var journal = FasterImage.Open(Journal);
        var found = await journal.LoadSnapshotAsync();
        Assert.Equal(Newest, found!.Sequence);
        Assert.Equal(Large, found.State.ToArray());
        Assert.Equal([100, 100, 100, 100, 100, 100, 40], PiecesOf(found));
        byte[] newest = await File.ReadAllBytesAsync(NewestPath);
        Assert.Equal((2, SnapshotFile.HeaderSize + 640 + (7 * 4)), (newest[4], newest.Length));

        // What the build before wrote: version 1, one checksum, and nothing but the state behind the header.
        byte[] older = await File.ReadAllBytesAsync(Directory.GetFiles(Journal, "*.snap").Min(StringComparer.Ordinal)!);
        Assert.Equal(1, older[4]);
        Assert.Equal("small"u8, older.AsSpan(SnapshotFile.HeaderSize));
        Assert.Equal(0, BinaryPrimitives.ReadInt32LittleEndian(older.AsSpan(36)));
        Assert.Equal(
            BinaryPrimitives.ReadUInt32LittleEndian(older.AsSpan(60)),
            Crc32C.Of(older.AsSpan(0, 60), older.AsSpan(SnapshotFile.HeaderSize)));
    }

    [Fact]
    public async Task F8_Every_flipped_bit_falls_back_to_the_one_before()
    {
        await WriteAsync();
        byte[] original = await File.ReadAllBytesAsync(NewestPath);
        await using var journal = FasterImage.Open(Journal);
        for (int bit = 0; bit < original.Length * 8; bit++)
        {
            byte[] flipped = [.. original];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            await File.WriteAllBytesAsync(NewestPath, flipped);
            try
            {
                Assert.Equal(Older, (await journal.LoadSnapshotAsync())!.Sequence);
            }
            catch (JournalDamagedException refusal)
            {
                Assert.Contains("version", refusal.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task F8_Pieces_that_are_missing_torn_off_swapped_or_of_another_snapshot_are_found()
    {
        await WriteAsync();
        byte[] original = await File.ReadAllBytesAsync(NewestPath);
        await using var journal = FasterImage.Open(Journal);
        for (int length = 0; length < original.Length; length++)
        {
            await FindsOlderAsync(original[..length], $"{length} bytes");
        }

        await FindsOlderAsync([.. original, 0], "a byte more");
        const int First = SnapshotFile.HeaderSize;
        const int Sealed = 104;
        await FindsOlderAsync(
            [
                .. original[..First],
                .. original[(First + Sealed)..(First + (2 * Sealed))],
                .. original[First..(First + Sealed)],
                .. original[(First + (2 * Sealed))..],
            ],
            "two pieces swapped");
        await FindsOlderAsync([.. original[..First], .. new byte[original.Length - First]], "zeros");

        async Task FindsOlderAsync(byte[] bytes, string what)
        {
            await File.WriteAllBytesAsync(NewestPath, bytes);
            long? found = (await journal.LoadSnapshotAsync())?.Sequence;
            Assert.True(found == Older, $"{what}: the snapshot of frame {found} was found");
        }
    }

    /// <summary>A build that knows version 1 only would take it for a damaged one, and use the one before.</summary>
    [Fact]
    public async Task F29_The_superblock_is_of_version_2_before_there_is_a_snapshot_in_pieces()
    {
        var versions = new List<(JournalPoint Point, uint Version)>();
        await using (var journal = FasterImage.Open(Journal, options =>
        {
            options.Snapshots = Small;
            options.Reached = point => versions.Add((point, Version()));
        }))
        {
            var writer = await JournalWriter.AcquireAsync(journal);
            await writer.AppendAsync("1", "2", "3");
            await journal.SaveSnapshotAsync(writer.Epoch, 1, "small"u8.ToArray());
            Assert.Equal(1u, Version());
            versions.Clear();
            await journal.SaveSnapshotAsync(writer.Epoch, 2, Large);
        }

        Assert.Contains((JournalPoint.SnapshotWritten, 2u), versions);
        Assert.DoesNotContain((JournalPoint.SnapshotRenamed, 1u), versions);

        // It stays: an older build never comes upon what is left of one.
        await using (var again = FasterImage.Open(Journal))
        {
            await JournalWriter.AcquireAsync(again);
        }

        Assert.Equal(2u, Version());
        uint Version()
        {
            byte[] both = File.ReadAllBytes(Path.Combine(Journal, "superblock"));
            return Math.Max(
                BinaryPrimitives.ReadUInt32LittleEndian(both.AsSpan(4)),
                BinaryPrimitives.ReadUInt32LittleEndian(both.AsSpan((both.Length / 2) + 4)));
        }
    }

    [Fact]
    public async Task F29_A_snapshot_of_a_later_version_is_refused_by_name()
    {
        await WriteAsync();
        FasterImage.Poke(NewestPath, 4, [3]);
        await using var journal = FasterImage.Open(Journal);

        var refusal = await Assert.ThrowsAsync<JournalDamagedException>(() => journal.LoadSnapshotAsync().AsTask());

        Assert.Contains("version 3", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("the build that wrote it", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_tools_know_pieces()
    {
        await WriteAsync();
        Assert.Equal([Older, Newest], FasterJournalTools.Verify(Journal).Snapshots);
        Assert.Equal(Large, FasterJournalTools.Snapshots(Journal).Last().State.ToArray());

        FasterImage.Poke(NewestPath, SnapshotFile.HeaderSize + 333, [0xEE]);
        var scrub = FasterJournalTools.Verify(Journal);
        Assert.Equal([Older], scrub.Snapshots);
        Assert.Contains("piece 3 of 7 fails its checksum", Assert.Single(scrub.Damage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task F4_A_disk_that_is_full_in_the_middle_of_the_pieces_leaves_nothing_behind()
    {
        await WriteAsync();
        var files = new FaultyFileSystem();
        await using var journal = FasterImage.Open(
            Journal, options => (options.Files, options.Snapshots) = (files, Small));
        var writer = await JournalWriter.AcquireAsync(journal);
        for (int last = 1; last <= 15; last++)
        {
            int from = files.Changes;
            files.Fault = (call, number, _) =>
                call == "write" && number == from + 1 + last ? new IOException("No space left on device.") : null;
            await Assert.ThrowsAsync<IOException>(() => journal.SaveSnapshotAsync(writer.Epoch, 70, Large).AsTask());
            Assert.Empty(Directory.GetFiles(Journal, "*.tmp"));
            Assert.Equal(Newest, (await journal.LoadSnapshotAsync())!.Sequence);
        }

        files.Fault = (_, _, _) => null;
        await journal.SaveSnapshotAsync(writer.Epoch, 70, Large);
        Assert.Equal(70, (await journal.LoadSnapshotAsync())!.Sequence);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(int.MaxValue)]
    public async Task A_save_that_is_given_up_ends_at_once_and_leaves_nothing_behind(int maxWholeBytes)
    {
        await WriteAsync();
        var files = new FaultyFileSystem();
        await using var journal = FasterImage.Open(
            Journal, options => (options.Files, options.Snapshots) = (files, Small with { MaxWholeBytes = maxWholeBytes }));
        var writer = await JournalWriter.AcquireAsync(journal);
        using var enough = new CancellationTokenSource();
        int writes = 0;
        files.Fault = (call, _, _) =>
        {
            if (call == "write" && ++writes == 3)
            {
                enough.Cancel();
            }

            return null;
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => journal.SaveSnapshotAsync(writer.Epoch, 70, Large.InPieces(33), enough.Token).AsTask());

        // The rest of a piece at most.
        Assert.InRange(writes, 3, 4);
        Assert.Empty(Directory.GetFiles(Journal, "*.tmp"));
        Assert.Equal(Newest, (await journal.LoadSnapshotAsync())!.Sequence);
        await journal.SaveSnapshotAsync(writer.Epoch, 70, Large);
        Assert.Equal(70, (await journal.LoadSnapshotAsync())!.Sequence);
    }

    private static List<int> PiecesOf(JournalSnapshot snapshot)
    {
        var sizes = new List<int>();
        foreach (var piece in snapshot.State)
        {
            sizes.Add(piece.Length);
        }

        return sizes;
    }

    /// <summary>A hundred frames, a small snapshot and then a large one.</summary>
    private async Task WriteAsync()
    {
        await using var journal = FasterImage.Open(Journal, options => options.Snapshots = Small);
        var writer = await JournalWriter.AcquireAsync(journal);
        for (int i = 0; i < 100; i++)
        {
            await writer.AppendAsync($"{i}");
        }

        await journal.SaveSnapshotAsync(writer.Epoch, Older, "small"u8.ToArray());

        // Not in the pieces that they will lie in.
        await journal.SaveSnapshotAsync(writer.Epoch, Newest, Large.InPieces(33));
    }
}
