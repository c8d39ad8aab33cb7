using System.Buffers;
using Engine.Core;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;

namespace Engine.Tests.Runtime;

/// <summary>Snapshots of an engine with its own threads, taken while many callers change it.</summary>
public sealed class SnapshotUnderLoadTests
{
    private const int Waiting = 6_000;
    private const int Callers = 8;
    private const int Rounds = 150;
    private const int Enough = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>The copy is taken bit by bit beside the callers, and shows one frame of it: the very bytes that a fold of
    /// the journal up to there gives.</summary>
    [Fact]
    public async Task D4_A_snapshot_taken_under_load_is_what_a_fold_of_the_frames_gives()
    {
        await using var journal = new RememberingJournal();
        JobEngineOptions options;
        await using (var engine = await TestEngine.StartAsync(Configure, journal: journal))
        {
            options = engine.Engine.Options;
            await Task.WhenAll(Enumerable.Range(0, Waiting).Select(i => engine.SubmitQueuedAsync($"waiting-{i % 900}")));
            await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(() => WorkAsync(engine, journal, caller))))
                .WaitAsync(Patience);
            await engine.Engine.StopAsync();
        }

        Assert.True(journal.Saved.Count >= Enough, $"Only {journal.Saved.Count} snapshots were taken.");
        var core = new EngineCore(EngineSettings.From(options), new MovingAverageEstimator(), new BatchWriter());
        var saved = new Queue<(long Sequence, byte[] State)>(journal.Saved);
        await foreach (var frame in journal.ReadAsync(1))
        {
            Recovery.Apply(core, frame);
            if (saved.TryPeek(out var next) && next.Sequence == frame.Sequence)
            {
                saved.Dequeue();
                Assert.True(
                    SnapshotCodec.Write(core, frame.Sequence).ToArray().SequenceEqual(next.State),
                    $"The snapshot of frame {next.Sequence} is not the state after it.");
            }
        }

        Assert.Empty(saved);
    }

    private static void Configure(JobEngineOptions options)
    {
        options.GlobalCap = 100_000;
        options.RetentionCount = 700;
        options.SnapshotJournalBytes = 60_000;
        options.SnapshotGrowth = 1;
        options.Tiers = [new Tier { Name = "bootstrapper", UserSlots = 50, ProjectSlots = 50, DailyLimit = 100_000 }];
    }

    // Snapshots are taken by a thread that lets others go first: on a busy machine it takes more load to see some.
    private static async Task WorkAsync(TestEngine engine, RememberingJournal journal, int caller)
    {
        var dice = new Random(caller);
        var mine = new List<JobId>();
        for (int i = 0; i < Rounds || journal.Count < Enough; i++)
        {
            for (int j = 0; j < 6; j++)
            {
                string user = $"user-{dice.Next(400)}";
                mine.Add(await engine.SubmitQueuedAsync(user, project: $"{user}-project", priority: dice.Next(100)));
            }

            foreach (var run in await engine.ClaimNowAsync(6))
            {
                await engine.CompleteAsync(run);
            }

            await engine.Engine.CancelAsync(mine[dice.Next(mine.Count)]);
        }
    }

    /// <summary>Forgets no frame, and keeps every snapshot.</summary>
    private sealed class RememberingJournal() : ForwardingJournal(new MemoryJournal())
    {
        public override Durability Durability => Durability.Synced;

        private int _count;

        /// <summary>How many snapshots were saved.</summary>
        internal int Count => Volatile.Read(ref _count);

        /// <summary>Looked at when the engine has stopped.</summary>
        internal List<(long Sequence, byte[] State)> Saved { get; } = [];

        public override ValueTask SaveSnapshotAsync(
            long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default)
        {
            Saved.Add((sequence, state.ToArray()));
            Interlocked.Increment(ref _count);
            return base.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);
        }

        public override ValueTask TruncateAsync(
            long epoch, long belowSequence, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    }
}
