using System.Buffers;
using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Snapshots;
using Engine.Tests.Support;
using Xunit.Abstractions;

namespace Engine.Tests.Faster.Tools;

/// <summary><see cref="FasterJournalTools.Verify"/>: what it calls sound opens, what it calls damaged is refused, and
/// it changes nothing.</summary>
public sealed class ScrubTests(ITestOutputHelper output) : IDisposable
{
    private readonly TestDirectory _directory = new();

    private string Journal => _directory["journal"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_sound_journal_is_counted_and_left_alone()
    {
        var frames = await ToolsJournal.WriteAsync(Journal, snapshots: true);
        var before = ToolsJournal.Bytes(Journal);

        var scrub = FasterJournalTools.Verify(Journal);

        Assert.Empty(scrub.Damage);
        Assert.Empty(scrub.Notes);
        Assert.Equal((1, 60, 60, 60, 20), (
            scrub.FirstSequence, scrub.LastSequence, scrub.FrameCount, scrub.EventCount, scrub.CommitCount));
        Assert.Equal((1, 2), (scrub.FirstEpoch, scrub.LastEpoch));
        Assert.Equal(60, scrub.DurableSequence);
        Assert.Equal([50, 55], scrub.Snapshots);
        Assert.Equal(60, frames.Count);
        Assert.Equal(before, ToolsJournal.Bytes(Journal));
    }

    [Fact]
    public async Task A_truncated_journal_is_sound_as_long_as_a_snapshot_holds_what_went()
    {
        await ToolsJournal.WriteAsync(Journal, snapshots: true, truncate: true);
        var scrub = FasterJournalTools.Verify(Journal);
        Assert.True(scrub.IsSound, string.Join("; ", scrub.Damage));
        Assert.InRange(scrub.FirstSequence, 2, 50);

        foreach (string snapshot in Directory.GetFiles(Journal, "*.snap"))
        {
            FasterImage.Poke(snapshot, 70, [0xFF]);
        }

        scrub = FasterJournalTools.Verify(Journal);
        Assert.Contains(scrub.Damage, found => found.Contains("it fails its checksum", StringComparison.Ordinal));
        Assert.Contains(scrub.Damage, found => found.Contains("no whole snapshot", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_torn_tail_is_said_and_is_sound()
    {
        await ToolsJournal.WriteAsync(Journal);
        await ToolsJournal.TearAsync(Journal, _directory);
        var before = ToolsJournal.Bytes(Journal);

        var scrub = FasterJournalTools.Verify(Journal);

        Assert.Empty(scrub.Damage);
        Assert.Equal((61, 21), (scrub.LastSequence, scrub.CommitCount));
        Assert.Contains("torn tail", Assert.Single(scrub.Notes), StringComparison.Ordinal);
        Assert.Equal(before, ToolsJournal.Bytes(Journal));
        Assert.Equal(61, (await FasterImage.RecoverAsync(Journal))!.Count);
    }

    [Fact]
    public async Task One_damaged_copy_of_the_superblock_is_said_and_two_are_damage()
    {
        await ToolsJournal.WriteAsync(Journal);
        string superblock = Path.Combine(Journal, "superblock");
        FasterImage.Poke(superblock, 4096 + 100, [0xFF]);
        var scrub = FasterJournalTools.Verify(Journal);
        Assert.True(scrub.IsSound);
        Assert.Contains($"{superblock} at offset 4096", Assert.Single(scrub.Notes), StringComparison.Ordinal);

        FasterImage.Poke(superblock, 100, [0xFF]);
        scrub = FasterJournalTools.Verify(Journal);
        Assert.Contains("neither copy", Assert.Single(scrub.Damage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_snapshot_of_another_history_is_damage()
    {
        await ToolsJournal.WriteAsync(Journal);
        var superblock = JournalFiles.ReadSuperblock(Engine.Storage.Faster.Platform.FileSystemCalls.Current, Journal);
        new SnapshotStore(Engine.Storage.Faster.Platform.FileSystemCalls.Current, Journal, superblock.JournalId)
            .Save(40, 12345, new ReadOnlySequence<byte>(ToolsJournal.State(40)), null, CancellationToken.None);

        var scrub = FasterJournalTools.Verify(Journal);

        Assert.Contains("snapshot-0000000000000000040.snap", Assert.Single(scrub.Damage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damage_is_named_with_file_and_offset_and_what_can_be_read_is_said()
    {
        await ToolsJournal.WriteAsync(Journal);
        var twelfth = FasterJournalTools.Read(Journal).First(entry => entry.Frame.Sequence == 12);
        FasterImage.Poke(twelfth.Path, twelfth.Offset + FrameCodec.HeaderSize, [0xFF]);

        var scrub = FasterJournalTools.Verify(Journal);

        Assert.Contains($"{twelfth.Path} at offset {twelfth.Offset}", Assert.Single(scrub.Damage), StringComparison.Ordinal);
        Assert.Equal(11, scrub.LastSequence);
    }

    [Fact]
    public async Task D6_verify_says_what_opening_does_for_every_damaged_sector_and_changes_nothing()
    {
        // In memory, where every attempt to change something throws.
        await ToolsJournal.WriteAsync(Journal);
        await using (var journal = FasterImage.Open(Journal))
        {
            await (await JournalWriter.AcquireAsync(journal)).AppendAsync("unproven");
            _directory.Copy(Journal, "killed");
        }

        var damaged = DamagedJournal.Load(_directory["killed"]);
        int disagreements = 0;
        DamageOutcome Judge()
        {
            var opening = damaged.Judge();
            var scrub = Scrubber.Run(damaged.Files, damaged.Files.Directory, default);
            disagreements += scrub.IsSound == (opening == DamageOutcome.Refused) ? 1 : 0;
            return opening;
        }

        foreach (string file in damaged.Original.Keys)
        {
            int length = damaged.Original[file].Length;
            var cases = DamageCase.Sectors(0, length, 512).Append(new DamageCase(DamageKind.Truncation, length / 2, 0));
            var tally = damaged.Run(file, cases, Judge);
            output.WriteLine($"{file}: {tally.Line("damages")}");
        }

        Assert.Equal(0, disagreements);
    }

    [Fact]
    public void Where_there_is_no_journal_it_says_so()
    {
        Directory.CreateDirectory(Journal);
        Assert.Contains(
            "holds no journal",
            Assert.Throws<FileNotFoundException>(() => FasterJournalTools.Verify(Journal)).Message,
            StringComparison.Ordinal);

        File.WriteAllBytes(Path.Combine(Journal, ToolsJournal.FirstSegment), [1, 2, 3]);
        Assert.Contains("no superblock", Assert.Single(FasterJournalTools.Verify(Journal).Damage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_owner_does_between_two_looks_is_no_damage()
    {
        // So that the second segment is there, and known to be, before it is needed.
        await using (var first = FasterImage.Open(Journal))
        {
            await (await JournalWriter.AcquireAsync(first)).AppendAsync("1");
        }

        await using var journal = FasterImage.Open(Journal);
        var writer = await JournalWriter.AcquireAsync(journal);
        int appends = 0;
        int truncations = 0;
        var files = new HookedFiles();
        files.Opening = path =>
        {
            // The first segment was read to its end, and commits come into the second one.
            if (path.EndsWith("segment-0000000001.log", StringComparison.Ordinal) && appends++ == 0)
            {
                for (int i = 0; i < 20; i++)
                {
                    Assert.Equal(AppendResult.Durable, Wait(writer.Start(new string('x', 6_000))));
                }
            }

            // The superblock was read, and the first segment goes.
            if (appends > 2 && path.EndsWith(ToolsJournal.FirstSegment, StringComparison.Ordinal) && truncations++ == 0)
            {
                journal.SaveSnapshotAsync(writer.Epoch, 20, "state"u8.ToArray()).AsTask().GetAwaiter().GetResult();
                journal.TruncateAsync(writer.Epoch, 20).AsTask().GetAwaiter().GetResult();
            }
        };

        var grown = Scrubber.Run(files, Journal, default);
        Assert.Empty(grown.Damage);
        Assert.Equal((1, 21), (grown.FirstSequence, grown.LastSequence));
        Assert.InRange(appends, 2, 10);

        appends = 10;
        var truncated = Scrubber.Run(files, Journal, default);
        Assert.Empty(truncated.Damage);
        Assert.InRange(truncated.FirstSequence, 2, 20);
        Assert.Equal(21, truncated.LastSequence);
        Assert.Equal(1, truncations);

        static AppendResult Wait(ValueTask<AppendResult> append) => append.AsTask().GetAwaiter().GetResult();
    }

    [Fact]
    public async Task Reading_frames_that_are_truncated_meanwhile_says_where_to_begin_again()
    {
        // A reader of frames cannot begin anew.
        int truncations = 0;
        var files = new HookedFiles();
        await using var journal = FasterImage.Open(Journal);
        var writer = await JournalWriter.AcquireAsync(journal);
        for (int i = 0; i < 20; i++)
        {
            await writer.AppendAsync(new string('x', 6_000));
        }

        await journal.SaveSnapshotAsync(writer.Epoch, 20, "state"u8.ToArray());
        files.Opening = path =>
        {
            if (path.EndsWith(ToolsJournal.FirstSegment, StringComparison.Ordinal) && truncations++ == 0)
            {
                journal.TruncateAsync(writer.Epoch, 20).AsTask().GetAwaiter().GetResult();
            }
        };
        var refusal = Assert.Throws<JournalException>(
            () => EntryReader.Read(files, Journal, 1, default).Count());
        Assert.Contains("begin with frame", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_journal_at_work_is_sound_whenever_it_is_looked_at()
    {
        await using var load = await LiveLoad.StartAsync(Journal);
        long last = 0;
        for (int look = 0; look < 40 || load.Truncations < 3; look++)
        {
            long acknowledged = load.Acknowledged;

            var scrub = FasterJournalTools.Verify(Journal);

            Assert.True(scrub.IsSound, string.Join("; ", scrub.Damage));
            Assert.InRange(scrub.LastSequence, Math.Max(acknowledged, last), long.MaxValue);
            last = scrub.LastSequence;
        }
    }

    [Fact]
    public async Task A_scrub_reads_fast()
    {
        await using (var journal = FasterImage.Open(Journal, options =>
        {
            options.SegmentSizeBytes = 64 * 1024 * 1024;
            options.Durability = Durability.Logged;
        }))
        {
            var writer = await JournalWriter.AcquireAsync(journal);
            byte[][] payloads = [.. Enumerable.Range(0, 1000).Select(_ => new byte[1_000])];
            for (int i = 0; i < 120; i++)
            {
                Assert.Equal(AppendResult.Durable, await writer.Start(payloads));
            }
        }

        var scrub = FasterJournalTools.Verify(Journal);
        double seconds = double.MaxValue;
        for (int i = 0; i < 3; i++)
        {
            long start = TimeProvider.System.GetTimestamp();
            scrub = FasterJournalTools.Verify(Journal);
            seconds = Math.Min(seconds, TimeProvider.System.GetElapsedTime(start).TotalSeconds);
        }

        Figures.Report(
            output,
            $"scrub: {scrub.FrameCount} frames, {scrub.BytesRead / 1e6:N0} MB in {seconds:N2} s, " +
            $"{scrub.BytesRead / 1e6 / seconds:N0} MB/s (warm)");
        Assert.Equal(120_000, scrub.FrameCount);
    }
}
