using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Log;
using Engine.Tests.Support;

namespace Engine.Tests.Faster.Tools;

/// <summary><see cref="FasterJournalTools.Repair"/>: the cut is exact, nothing goes without a copy, and an interrupted
/// one does no harm.</summary>
public sealed class RepairTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    private string Journal => _directory["journal"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_journal_can_be_cut_behind_every_frame_and_what_is_cut_off_can_be_put_back()
    {
        var frames = await ToolsJournal.WriteAsync(Journal, snapshots: true);
        var original = ToolsJournal.Bytes(Journal);
        for (int sequence = 0; sequence < 60; sequence++)
        {
            string journal = _directory[$"journal-{sequence}"];
            FasterImage.Write(journal, original);

            var repair = FasterJournalTools.Repair(journal, sequence);

            Assert.Equal((60 - sequence, 0, 60), (repair.DroppedFrames, repair.UnreadableBlocks, repair.LastReadable));
            Assert.Equal(new long[] { 50, 55 }.Where(s => s > sequence), repair.DroppedSnapshots);
            Assert.True(FasterJournalTools.Verify(journal).IsSound);
            await using (var cut = FasterImage.Open(journal))
            {
                var ownership = await cut.AcquireAsync();
                Assert.Equal(sequence, ownership.LastSequence);
                Assert.Equal(4, ownership.Epoch);
                Assert.Equal(sequence >= 55 ? 55 : sequence >= 50 ? 50 : 0, (await cut.LoadSnapshotAsync())?.Sequence ?? 0);
            }

            Assert.Equal(frames[..sequence], await FasterImage.RecoverAsync(journal));

            // The evidence laid over the journal gives what was there.
            var restored = FasterImage.Bytes(_directory[$"journal-{sequence}.cut-at-{sequence}"]);
            foreach (var (name, bytes) in original)
            {
                restored.TryAdd(name, bytes);
                Assert.Equal(bytes, restored[name]);
            }
        }
    }

    [Fact]
    public async Task A_damaged_journal_is_cut_where_it_can_be_read_and_opens_again()
    {
        var frames = await ToolsJournal.WriteAsync(Journal);
        var twentieth = FasterJournalTools.Read(Journal).First(entry => entry.Frame.Sequence == 20);
        FasterImage.Poke(twentieth.Path, twentieth.Offset + 10, [0xFF]);
        var damaged = ToolsJournal.Bytes(Journal);
        Assert.Null(await FasterImage.RecoverAsync(Journal));

        // Looking at it changes nothing, and neither does asking for too much.
        var plan = FasterJournalTools.Repair(Journal, 19, dryRun: true);
        Assert.Contains(
            "Frames 1 to 19 can be read",
            Assert.Throws<ArgumentException>(() => FasterJournalTools.Repair(Journal, 20)).Message,
            StringComparison.Ordinal);
        Assert.Equal(damaged, ToolsJournal.Bytes(Journal));
        Assert.Null(plan.Evidence);

        var repair = FasterJournalTools.Repair(Journal, 19);

        Assert.Equal(plan with { Evidence = repair.Evidence, DroppedSnapshots = repair.DroppedSnapshots }, repair);
        Assert.Equal(0, repair.DroppedFrames);
        Assert.InRange(repair.UnreadableBlocks, 10, 100);
        Assert.Equal(58, repair.HighestSequenceSeen);
        Assert.Contains($"{twentieth.Path} at offset {twentieth.Offset}", repair.Problem, StringComparison.Ordinal);
        Assert.Equal(frames[..19], await FasterImage.RecoverAsync(Journal));
    }

    [Theory]
    [InlineData("segment-0000000001.log")]
    [InlineData("segment-0000000002.log")]
    public async Task A_missing_segment_is_cut_off_like_any_other_damage(string name)
    {
        var frames = await ToolsJournal.WriteAsync(Journal);
        File.Delete(Path.Combine(Journal, name));
        Assert.Null(await FasterImage.RecoverAsync(Journal));
        long readable = FasterJournalTools.Verify(Journal).LastSequence;

        FasterJournalTools.Repair(Journal, readable);

        Assert.Equal(frames[..(int)readable], await FasterImage.RecoverAsync(Journal));
    }

    /// <summary>Sectors of zeros where the last commit was: nothing is left that says there was more, but the
    /// superblock.</summary>
    [Fact]
    public async Task An_end_that_is_gone_without_a_trace_is_told_and_the_cut_ends_the_refusal()
    {
        var frames = await ToolsJournal.WriteAsync(Journal);
        var first = FasterJournalTools.Read(Journal).First(entry => entry.Frame.Sequence == 58);
        FasterImage.Poke(first.Path, first.Offset - CommitMark.Size, new byte[Block.Size * 4]);
        var damaged = ToolsJournal.Bytes(Journal);
        Assert.Null(await FasterImage.RecoverAsync(Journal));

        var plan = FasterJournalTools.Repair(Journal, 57, dryRun: true);
        Assert.Equal(damaged, ToolsJournal.Bytes(Journal));
        var repair = FasterJournalTools.Repair(Journal, 57);

        Assert.Equal((0, 0, 0), (repair.DroppedFrames, repair.UnreadableBlocks, repair.HighestSequenceSeen));
        Assert.Contains("frames up to 60 were durable", repair.Damage, StringComparison.Ordinal);
        Assert.Equal((repair.Damage, false, null), (plan.Damage, plan.IsNeedless, plan.Evidence));
        Assert.False(repair.IsNeedless);
        Assert.NotNull(repair.Evidence);
        Assert.Equal(frames[..57], await FasterImage.RecoverAsync(Journal));
    }

    /// <summary>The disk has put the last commit in front of the log's beginning: nothing lies behind the last frame that
    /// can be read, and still there was more.</summary>
    [Fact]
    public async Task F9_A_commit_that_landed_before_the_beginning_does_not_keep_the_journal_from_being_cut()
    {
        string live = _directory["live"];
        await using (var owner = FasterImage.Open(live))
        {
            // Two blocks each, from the second block on: the eighth of these commits lies in two segments.
            var writer = await JournalWriter.AcquireAsync(owner);
            await writer.AppendAsync([.. Enumerable.Range(1, 10).Select(i => new string((char)('a' + i), 6_000))]);
            await owner.SaveSnapshotAsync(writer.Epoch, 10, "state"u8.ToArray());
            await owner.TruncateAsync(writer.Epoch, 11);
            await writer.AppendAsync("the last");
            _directory.Copy(live, "journal");
        }

        var last = FasterJournalTools.Read(Journal, 11).Single();
        Assert.Equal(9, FasterJournalTools.Verify(Journal).FirstSequence);
        byte[] segment = await File.ReadAllBytesAsync(last.Path);
        var commit = segment.AsSpan((int)last.Offset - CommitMark.Size, Block.Size);
        commit.CopyTo(segment.AsSpan(Block.Size));
        commit.Clear();
        await File.WriteAllBytesAsync(last.Path, segment);
        Assert.False(FasterJournalTools.Verify(Journal).IsSound);

        var repair = FasterJournalTools.Repair(Journal, 10);

        Assert.Contains($"{Path.GetFileName(last.Path)} at offset {Block.Size}", repair.Damage, StringComparison.Ordinal);
        Assert.True(FasterJournalTools.Verify(Journal).IsSound);
        await using var next = FasterImage.Open(Journal);
        Assert.Equal(10, (await next.AcquireAsync()).LastSequence);
    }

    [Fact]
    public async Task An_owned_journal_is_left_alone()
    {
        await using var journal = FasterImage.Open(Journal);
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1", "2");

        Assert.Throws<JournalLockedException>(() => FasterJournalTools.Repair(Journal, 1));
        Assert.Throws<JournalLockedException>(() => FasterJournalTools.Repair(Journal, 1, dryRun: true));

        await writer.AppendAsync("3");
        Assert.Equal(["1", "2", "3"], await journal.ReadTextsAsync());
    }

    [Fact]
    public async Task A_truncated_journal_is_never_cut_below_the_snapshot_that_it_needs()
    {
        await ToolsJournal.WriteAsync(Journal, snapshots: true, truncate: true);
        var before = ToolsJournal.Bytes(Journal);

        foreach (long impossible in new long[] { 0, 10, 49 })
        {
            Assert.Throws<ArgumentException>(() => FasterJournalTools.Repair(Journal, impossible));
        }

        Assert.Contains(
            "of frame 50, of frame 55",
            Assert.Throws<ArgumentException>(() => FasterJournalTools.Repair(Journal, 49)).Message,
            StringComparison.Ordinal);
        Assert.Equal(before, ToolsJournal.Bytes(Journal));

        Assert.Equal([55], FasterJournalTools.Repair(Journal, 50).DroppedSnapshots);
        await using var journal = FasterImage.Open(Journal);
        Assert.Equal(50, (await journal.AcquireAsync()).LastSequence);
        Assert.Equal(50, (await journal.LoadSnapshotAsync())!.Sequence);
    }

    [Fact]
    public async Task Where_nothing_lies_behind_the_frame_nothing_is_done()
    {
        await ToolsJournal.WriteAsync(Journal);
        var before = ToolsJournal.Bytes(Journal);

        Assert.True(FasterJournalTools.Repair(Journal, 60).IsNeedless);

        Assert.Equal(before, ToolsJournal.Bytes(Journal));
        Assert.Equal([Journal], Directory.GetDirectories(_directory.Root));
    }

    [Fact]
    public async Task Without_a_superblock_nothing_is_guessed()
    {
        await ToolsJournal.WriteAsync(Journal);
        FasterImage.Poke(Path.Combine(Journal, "superblock"), 0, new byte[8192]);

        Assert.Throws<JournalDamagedException>(() => FasterJournalTools.Repair(Journal, 5));
    }

    [Fact]
    public async Task Whichever_change_fails_the_journal_is_as_it_was_or_refused_or_cut_and_can_be_cut_again()
    {
        var frames = await ToolsJournal.WriteAsync(Journal, snapshots: true);
        var original = ToolsJournal.Bytes(Journal);
        var outcomes = new HashSet<int>();
        for (int failing = 1; ; failing++)
        {
            string journal = _directory[$"journal-{failing}"];
            FasterImage.Write(journal, original);
            bool failed = false;
            var files = new FaultyFileSystem();
            files.Fault = (_, change, _) =>
            {
                failed |= change == failing;
                return change >= failing ? new IOException("planted") : null;
            };
            try
            {
                new Repairer(files, journal).Run(40, dryRun: false, default);
            }
            catch (IOException error) when (error.Message.Contains("planted", StringComparison.Ordinal))
            {
                // The process dies with its disk; the next one looks at what is there.
            }

            _directory.Copy(journal, "next");
            var found = await FasterImage.RecoverAsync(_directory["next"]);
            outcomes.Add(found?.Count ?? -1);
            Assert.True(
                found is null || found.SequenceEqual(frames) || found.SequenceEqual(frames[..40]),
                $"change {failing}: {found?.Count} frames");

            FasterJournalTools.Repair(journal, 40);
            Assert.Equal(frames[..40], await FasterImage.RecoverAsync(journal));
            if (!failed)
            {
                break;
            }
        }

        Assert.Equal([-1, 40, 60], outcomes.Order());
    }
}
