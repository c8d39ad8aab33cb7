using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Tests.Support;

namespace Engine.Tests.Faster.Tools;

/// <summary><see cref="FasterJournalTools.Backup"/>: what it makes opens, ends with the frame it names, and holds what
/// was acknowledged before it began.</summary>
public sealed class BackupTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    private string Journal => _directory["journal"];

    private string Target => _directory["backup"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_directories_that_a_backup_is_made_in_are_durable_too()
    {
        await ToolsJournal.WriteAsync(_directory["journal"]);
        var synced = new List<string?>();
        var files = new FaultyFileSystem
        {
            Fault = (call, _, path) =>
            {
                synced.Add(call == "sync" ? path : null);
                return null;
            },
        };

        new BackupWriter(files, _directory["journal"], Path.Combine(_directory["new"], "newer", "copy")).Run(null, default);

        Assert.Contains(_directory.Root, synced);
        Assert.Contains(_directory["new"], synced);
        Assert.Contains(Path.Combine(_directory["new"], "newer"), synced);
    }

    [Fact]
    public async Task A_backup_ends_with_any_frame_that_is_asked_for_and_can_be_gone_on_from()
    {
        var frames = await ToolsJournal.WriteAsync(Journal, snapshots: true);
        var before = ToolsJournal.Bytes(Journal);
        for (int sequence = 0; sequence <= 60; sequence++)
        {
            string target = _directory[$"backup-{sequence}"];

            var backup = FasterJournalTools.Backup(Journal, target, sequence);

            Assert.Equal((sequence, 1), (backup.Sequence, backup.FirstSequence));
            Assert.Equal(new long[] { 50, 55 }.Where(s => s <= sequence), backup.Snapshots);
            Assert.True(FasterJournalTools.Verify(target).IsSound);
            Assert.Equal(sequence, FasterJournalTools.Verify(target).DurableSequence);
            Assert.Equal(frames[..sequence], await FasterImage.RecoverAsync(target));
            Assert.Equal([.. frames[..sequence], "next", "next"], await AfterAnotherAsync(target));
        }

        Assert.Equal(before, ToolsJournal.Bytes(Journal));
    }

    [Fact]
    public async Task A_backup_of_a_truncated_journal_takes_the_snapshot_that_it_needs()
    {
        await ToolsJournal.WriteAsync(Journal, snapshots: true, truncate: true);
        long first = FasterJournalTools.Verify(Journal).FirstSequence;

        var backup = FasterJournalTools.Backup(Journal, Target, 52);

        Assert.Equal((first, 52), (backup.FirstSequence, backup.Sequence));
        Assert.Equal([50], backup.Snapshots);
        await using var journal = FasterImage.Open(Target);
        Assert.Equal(52, (await journal.AcquireAsync()).LastSequence);
        Assert.Equal(50, (await journal.LoadSnapshotAsync())!.Sequence);
        Assert.Equal(2, (await journal.ReadTextsAsync(51)).Count);

        foreach (long impossible in new[] { first - 2, 49, 61 })
        {
            Assert.Throws<ArgumentException>(() =>
                FasterJournalTools.Backup(Journal, _directory["impossible"], impossible));
            Assert.Equal([], Directory.GetDirectories(_directory.Root, "impossible*"));
        }
    }

    [Fact]
    public async Task A_backup_that_lost_a_frame_is_refused_the_last_one_included()
    {
        await using (var journal = FasterImage.Open(Journal))
        {
            await (await JournalWriter.AcquireAsync(journal)).AppendAsync("1", "2", "3");
            FasterJournalTools.Backup(Journal, Target);
        }

        FasterImage.Poke(Path.Combine(Target, ToolsJournal.FirstSegment), 4 * 4096, new byte[512]);

        Assert.Null(await FasterImage.RecoverAsync(Target));
    }

    [Fact]
    public async Task Whatever_happens_meanwhile_everything_acknowledged_before_is_in_it()
    {
        await using var load = await LiveLoad.StartAsync(Journal);
        for (int i = 0; i < 12 || load.Truncations < 5; i++)
        {
            string target = _directory[$"backup-{i}"];
            long acknowledged = load.Acknowledged;

            var backup = FasterJournalTools.Backup(Journal, target);

            Assert.InRange(backup.Sequence, acknowledged, long.MaxValue);
            await using var journal = FasterImage.Open(target);
            var ownership = await journal.AcquireAsync();
            Assert.Equal((backup.Sequence, backup.Epoch + 1), (ownership.LastSequence, ownership.Epoch));
            var texts = await journal.ReadTextsAsync(backup.FirstSequence);
            Assert.Equal(backup.Sequence - backup.FirstSequence + 1, texts.Count);
            Assert.All(texts, (text, index) => Assert.Equal(LiveLoad.Text(backup.FirstSequence + index), text));
            var snapshot = await journal.LoadSnapshotAsync();
            Assert.Equal(backup.Snapshots is [.., var newest] ? newest : 0, snapshot?.Sequence ?? 0);
        }
    }

    [Fact]
    public async Task A_truncation_between_superblock_and_segments_makes_it_begin_anew()
    {
        await using var journal = FasterImage.Open(Journal);
        var writer = await JournalWriter.AcquireAsync(journal);
        for (int i = 0; i < 40; i++)
        {
            await writer.AppendAsync(new string('x', 6_000));
        }

        await journal.SaveSnapshotAsync(writer.Epoch, 35, "state"u8.ToArray());
        int truncations = 0;
        var files = new HookedFiles();
        files.Opening = path =>
        {
            // The backup has found its last frame and copies the first segment next.
            if (path.EndsWith(ToolsJournal.FirstSegment, StringComparison.Ordinal) && ++truncations == 2)
            {
                journal.TruncateAsync(writer.Epoch, 30).AsTask().GetAwaiter().GetResult();
            }
        };

        var backup = new BackupWriter(files, Journal, Target).Run(null, default);

        Assert.Equal(2, truncations);
        Assert.Equal(40, backup.Sequence);
        Assert.InRange(backup.FirstSequence, 2, 30);
        await using var copy = FasterImage.Open(Target);
        Assert.Equal(40, (await copy.AcquireAsync()).LastSequence);
        Assert.Equal(35, (await copy.LoadSnapshotAsync())!.Sequence);
    }

    [Fact]
    public async Task A_damaged_journal_is_not_copied_and_nothing_is_left()
    {
        await ToolsJournal.WriteAsync(Journal);
        FasterImage.Poke(Path.Combine(Journal, ToolsJournal.FirstSegment), 3 * 4096, new byte[512]);

        Assert.Throws<JournalDamagedException>(() => FasterJournalTools.Backup(Journal, Target));

        Assert.Equal([Journal], Directory.GetDirectories(_directory.Root));
    }

    [Fact]
    public async Task Nothing_is_ever_written_over()
    {
        await ToolsJournal.WriteAsync(Journal);
        Directory.CreateDirectory(Target);
        FasterJournalTools.Backup(Journal, Target);
        var before = ToolsJournal.Bytes(Target);

        Assert.Contains("not empty", Refusal(Target), StringComparison.Ordinal);
        Assert.Contains("own directory", Refusal(Path.Combine(Journal, "inside")), StringComparison.Ordinal);
        Directory.CreateDirectory(_directory["other.partial"]);
        Assert.Contains("another backup", Refusal(_directory["other"]), StringComparison.Ordinal);
        Assert.Equal(before, ToolsJournal.Bytes(Target));
    }

    [Fact]
    public async Task Whichever_change_fails_there_is_no_backup_and_the_next_attempt_makes_one()
    {
        await ToolsJournal.WriteAsync(Journal, snapshots: true);
        for (int failing = 1; ; failing += 3)
        {
            bool failed = false;
            var files = new FaultyFileSystem();
            files.Fault = (_, change, _) =>
            {
                failed |= change == failing;
                return change == failing ? new IOException("planted") : null;
            };
            try
            {
                new BackupWriter(files, Journal, Target).Run(null, default);
            }
            catch (IOException error) when (error.Message.Contains("planted", StringComparison.Ordinal))
            {
                // The rename may be done; what is there then is complete.
                if (Directory.Exists(Target))
                {
                    Assert.Equal(60, FasterJournalTools.Verify(Target).LastSequence);
                    Directory.Delete(Target, recursive: true);
                }
            }

            if (!failed)
            {
                Assert.InRange(failing, 20, int.MaxValue);
                return;
            }

            Assert.False(Path.Exists(Target + ".partial"));
        }
    }

    private string Refusal(string target) =>
        Assert.Throws<ArgumentException>(() => FasterJournalTools.Backup(Journal, target)).Message;

    private static async Task<List<string>> AfterAnotherAsync(string directory)
    {
        await using var journal = FasterImage.Open(directory);
        await (await JournalWriter.AcquireAsync(journal)).AppendAsync("next");
        return await journal.ReadTextsAsync();
    }
}
