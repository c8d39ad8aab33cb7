using System.Collections.Concurrent;
using Engine.Host.Cli;
using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Tests.Hosts;

namespace Engine.Tests.Journal;

/// <summary>Backups of an engine at work, which snapshots and truncates its journal meanwhile.</summary>
public sealed class LiveBackupTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("engine-backup-").FullName;

    private string Journal => Path.Combine(_directory, "journal");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Everything_acknowledged_before_is_in_it_and_its_state_is_that_of_its_last_frame()
    {
        await using var journal = new KeepingJournal(Open(Journal));
        await using var engine = await TestEngine.StartAsync(options =>
        {
            options.GlobalCap = 1_000_000;
            options.SnapshotJournalBytes = 20_000;
        }, journal: journal);
        using var stop = new CancellationTokenSource();
        var acknowledged = new ConcurrentQueue<JobId>();
        var load = Enumerable.Range(0, 4).Select(user => SubmitAsync(engine, $"user-{user}", acknowledged, stop.Token));
        var work = Task.WhenAll([.. load, WorkAsync(engine, stop.Token)]);

        int truncated = 0;
        for (int i = 0; i < 5 || truncated == 0; i++)
        {
            string target = Path.Combine(_directory, $"backup-{i}");
            var before = acknowledged.ToArray();

            var backup = await BackupAsync(target, byProcess: i < 2);

            var fold = Fold(target);
            Assert.Equal(backup, fold.Sequence);
            Assert.Equal(Fold(journal.Frames, backup).ComputeStateHash(), fold.ComputeStateHash());
            await using var restored = await TestEngine.StartAsync(journal: Open(target));
            foreach (var id in before)
            {
                Assert.NotNull(await restored.Engine.GetAsync(id));
            }

            truncated += FasterJournalTools.Verify(target).FirstSequence > 1 ? 1 : 0;
            Assert.InRange(i, 0, 200);
        }

        await stop.CancelAsync();
        await work;
    }

    private static FasterJournal Open(string directory) =>
        new(new FasterJournalOptions { Directory = directory, SegmentSizeBytes = 64 * 1024 });

    private static async Task SubmitAsync(
        TestEngine engine, string user, ConcurrentQueue<JobId> acknowledged, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var result = await engine.SubmitAsync(user, tier: "cto_scale");
            Assert.NotEqual(SubmitOutcome.Refused, result.Outcome);
            acknowledged.Enqueue(result.JobId);
        }
    }

    private static async Task WorkAsync(TestEngine engine, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            foreach (var run in await engine.ClaimNowAsync(8))
            {
                await engine.CompleteAsync(run);
            }
        }
    }

    private async Task<long> BackupAsync(string target, bool byProcess)
    {
        if (!byProcess)
        {
            return FasterJournalTools.Backup(Journal, target).Sequence;
        }

        await using var host = HostProcess.Start("Production", _directory, "journal", "backup", Journal, "--to", target);
        var (code, text) = await host.EndedAsync();
        Assert.True(code == ExitCode.Success, text);
        string last = text.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        return long.Parse(last["sequence ".Length..], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The state that starting on a copy gives.</summary>
    private static JournalFold Fold(string directory)
    {
        var fold = new JournalFold();
        if (FasterJournalTools.Snapshots(directory).LastOrDefault() is { } snapshot)
        {
            fold.Restore(snapshot);
        }

        foreach (var entry in FasterJournalTools.Read(directory, fold.Sequence + 1))
        {
            fold.Apply(entry.Frame);
        }

        return fold;
    }

    /// <summary>The state that all frames ever appended give.</summary>
    private static JournalFold Fold(IEnumerable<ReadOnlyMemory<byte>> appends, long last)
    {
        var fold = new JournalFold();
        foreach (var append in appends)
        {
            for (var rest = append; !rest.IsEmpty && fold.Sequence < last;)
            {
                Assert.True(FrameCodec.TryRead(rest, out var frame, out _, out string? error), error);
                fold.Apply(frame);
                rest = rest[FrameCodec.SizeOf(rest.Span)..];
            }
        }

        Assert.Equal(last, fold.Sequence);
        return fold;
    }

    /// <summary>Keeps everything that is appended, to compare with what others read later.</summary>
    private sealed class KeepingJournal(FasterJournal inner) : ForwardingJournal(inner)
    {
        internal ConcurrentQueue<ReadOnlyMemory<byte>> Frames { get; } = [];

        public override ValueTask<AppendResult> AppendAsync(
            long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
        {
            Frames.Enqueue(frames.ToArray());
            return base.AppendAsync(epoch, expectedSequence, frames);
        }
    }
}
