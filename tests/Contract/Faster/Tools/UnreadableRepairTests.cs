using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Log;
using Engine.Tests.Support;

namespace Engine.Tests.Faster.Tools;

/// <summary>Journals on a disk that cannot read all of them: repair keeps every frame in front of the place, copies what can be
/// read behind it, and says what it could not.</summary>
public sealed class UnreadableRepairTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task F6_whichever_block_cannot_be_read_every_frame_in_front_of_it_is_kept()
    {
        string source = _directory["journal"];
        var frames = await ToolsJournal.WriteAsync(source, snapshots: true);
        var original = ToolsJournal.Bytes(source);
        var entries = FasterJournalTools.Read(source)
            .Select(entry => (entry.Path, entry.Offset, Length: FrameCodec.HeaderSize + entry.Frame.Payload.Length)).ToList();
        var segments = original.Keys.Where(name => name.StartsWith("segment-", StringComparison.Ordinal)).ToList();
        int size = original[segments[0]].Length - Block.Size;
        Assert.True(segments.Count > 1, "a place in one segment must have another behind it");
        int kept = 0;
        int cases = 0;
        foreach (string name in segments)
        {
            // The header and every third block: all of them, and every way to begin, over the segments.
            for (long offset = 0; offset < size + Block.Size; offset += offset == 0 ? Block.Size : 3 * Block.Size)
            {
                string journal = _directory[$"journal-{++cases}"];
                FasterImage.Write(journal, original);
                string path = Path.Combine(journal, name);
                long lost = Address(name, Math.Max(offset, Block.Size));
                int expected = offset >= Block.Size && lost + Block.Size <= Address(segments[0], entries[0].Offset)
                    ? 60
                    : entries.Count(entry => Address(Path.GetFileName(entry.Path), entry.Offset) + entry.Length <= lost);
                var files = new LostPlaces(path, offset);

                var repair = new Repairer(files, journal).Run(expected, dryRun: false, CancellationToken.None);

                Assert.Equal((expected, 0), (repair.LastReadable, repair.DroppedFrames));
                Assert.NotNull(repair.Damage);
                Assert.Equal([$"{path} at offset {offset}: 4096 bytes (Input/output error)"], repair.LostPlaces);
                AssertEvidence(repair.Evidence!, original, name, offset, repair.LostPlaces[0]);
                Assert.False(files.IsLost, $"{name} at {offset}: the place is still there");
                Assert.Equal(frames[..expected], await FasterImage.RecoverAsync(journal));
                kept = Math.Max(kept, expected);
                Directory.Delete(journal, recursive: true);
                Directory.Delete(repair.Evidence!, recursive: true);
            }
        }

        Assert.True(cases > 10, $"{cases} cases");
        Assert.Equal(60, kept);

        long Address(string segment, long offset) => (segments.IndexOf(segment) * (long)size) + offset - Block.Size;
    }

    /// <summary>Where the zeros that replace the rest of a segment are written piece by piece, none may end within such a
    /// block.</summary>
    [Fact]
    public async Task F6_a_place_far_behind_the_end_is_written_over_as_a_whole()
    {
        const int Piece = 1024 * 1024;
        string path = _directory["journal"];
        var options = new FasterJournalOptions { Directory = path, SegmentSizeBytes = 2 * Piece };
        await using (var journal = new FasterJournal(options))
        {
            var writer = await JournalWriter.AcquireAsync(journal);
            await writer.AppendAsync("one");
        }

        var last = FasterJournalTools.Read(path).Last();
        long end = last.Offset + FrameCodec.HeaderSize + last.Frame.Payload.Length;
        var files = new LostPlaces(last.Path, (end + Piece) & ~(long)(Block.Size - 1));

        var repair = new Repairer(files, path).Run(last.Frame.Sequence, dryRun: false, CancellationToken.None);

        Assert.Single(repair.LostPlaces);
        Assert.False(files.IsLost);
        Assert.True(FasterJournalTools.Verify(path).IsSound);
    }

    /// <summary>A server that is away comes back, and what it holds is not lost.</summary>
    [Fact]
    public async Task A_read_that_fails_for_another_reason_ends_the_repair_and_changes_nothing()
    {
        string journal = _directory["journal"];
        await ToolsJournal.WriteAsync(journal);
        var before = ToolsJournal.Bytes(journal);
        string path = Path.Combine(journal, ToolsJournal.FirstSegment);
        const int StaleHandle = 116;

        var error = Assert.Throws<IOException>(() =>
            new Repairer(new LostPlaces(path, 12 * Block.Size) { Code = StaleHandle }, journal).Run(0, false, default));

        Assert.Equal(StaleHandle, error.HResult);

        Assert.Equal(before, ToolsJournal.Bytes(journal));
    }

    private static void AssertEvidence(
        string evidence, SortedDictionary<string, byte[]> original, string name, long offset, string place)
    {
        var copies = FasterImage.Bytes(evidence);
        Assert.Equal(place + "\n", System.Text.Encoding.UTF8.GetString(copies["unreadable.txt"]));
        copies.Remove("unreadable.txt");
        Assert.True(copies.ContainsKey("superblock"));
        foreach (var (copy, bytes) in copies)
        {
            byte[] wanted = [.. original[copy]];
            if (copy == name)
            {
                wanted.AsSpan((int)offset, Block.Size).Clear();
            }

            Assert.Equal(wanted, bytes);
        }
    }
}
