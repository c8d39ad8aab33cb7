using System.Buffers;
using Engine.Core;
using Engine.Core.Imaging;
using Engine.Core.Rules;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;
using Engine.Tests.Stories;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Engine.Tests.Core;

/// <summary>An image that is copied bit by bit while the state goes on changing shows one instant of it, to the last
/// byte.</summary>
public sealed class ImageProperties(ITestOutputHelper output)
{
    [Fact]
    public void D4_An_image_copied_while_the_state_changes_is_the_state_at_its_beginning() =>
        Law.Holds(output, 200, StoryGen.Restarting, StoryGen.Shorter, story =>
        {
            var watch = new Photographer();
            Play.Of(story, watch.Look);
        });

    [Fact]
    public void D4_A_snapshot_that_would_give_another_state_is_never_written()
    {
        var options = new JobEngineOptions { Types = [new JobType { Name = "work" }] };
        var engine = new EngineUnderTest(options, EngineUnderTest.NewClock(), new MemoryJournal());
        var id = new JobId(new Guid(1, 7, 0x7000, [0x80, 0, 0, 0, 0, 0, 0, 1]));
        engine.Post(core => Submitting.Decide(
            core, new Submission(id, true, "work", "u", null, "bootstrapper", 0, new byte[3], null, "key", default)));
        engine.Run();
        try
        {
            Planted.Bug = PlantedBug.SnapshotMissesTable;
            Assert.Throws<JournalDamagedException>(() => EngineUnderTest.Done(engine.Snapshotter.TakeAsync(default)));
        }
        finally
        {
            Planted.Bug = PlantedBug.None;
        }

        Assert.Null(EngineUnderTest.Done(engine.Journal.LoadSnapshotAsync()));
        Assert.NotNull(EngineUnderTest.Done(engine.Snapshotter.TakeAsync(default)));
    }

    /// <summary>The law above says nothing about states that stand still.</summary>
    [Fact]
    public void The_stories_change_purge_and_add_jobs_while_they_are_copied()
    {
        var watch = new Photographer();
        foreach (var story in StoryGen.Restarting.Sample(60, new FsCheck.Rnd(7), 40))
        {
            watch.Forget();
            Play.Of(story, watch.Look);
        }

        Assert.True(watch.Changed > 150, $"{watch.Changed} of {watch.Taken} images were of a state that changed.");
        Assert.True(watch.Purged > 20, $"{watch.Purged} of {watch.Taken} images have a job that is forgotten now.");
        Assert.True(watch.Added > 100, $"{watch.Added} of {watch.Taken} images miss a job that came meanwhile.");
    }

    /// <summary>Objects of jobs that go stand for jobs that come, on both sides of the mark that the copying has come
    /// to, and jobs that come make the table grow.</summary>
    [Fact]
    public void D4_An_image_misses_no_job_of_a_table_that_shrinks_and_grows()
    {
        var dice = new Random(14);
        int grown = 0;
        for (int round = 0; round < 400; round++)
        {
            var table = new Table(dice);
            table.Submit(20 + dice.Next(200));
            byte[] expected = SnapshotCodec.Write(table.Core, 1).ToArray();
            var taker = new ImageTaker(table.Core.State, 1, table.Core.State.Now);
            int before = table.Core.State.Jobs.Count;
            for (int step = dice.Next(120); step > 0; step--)
            {
                table.Submit(dice.Next(round % 2 == 0 ? 12 : 2));
                table.Forget(dice.Next(4));
                taker.Advance(dice.Next(5));
            }

            taker.Advance(int.MaxValue);
            Assert.True(taker.IsWhole, "The walk has ended, and some jobs were not met.");
            grown += table.Core.State.Jobs.Count > 2 * before ? 1 : 0;
            Assert.Equal(expected, SnapshotCodec.Write(taker.ToImage()).ToArray());
        }

        Assert.True(grown > 5, $"Only {grown} tables grew to twice their size while they were copied.");
    }

    private sealed class Table(Random dice)
    {
        private readonly List<JobId> _waiting = [];

        internal EngineCore Core { get; } = new(
            EngineSettings.From(new JobEngineOptions
            {
                Types = [new JobType { Name = "work" }],
                GlobalCap = 1_000_000,
                Tiers = [new Tier { Name = "free", DailyLimit = 1_000_000 }],
            }),
            new MovingAverageEstimator(),
            new BatchWriter());

        internal void Submit(int count)
        {
            for (int i = 0; i < count; i++)
            {
                var bytes = new byte[16];
                dice.NextBytes(bytes);
                var id = new JobId(new Guid(bytes));
                var submission = new Submission(
                    id, true, "work", $"u{dice.Next(30)}", null, "free", 0, new byte[3], null, null, default);
                Assert.Equal(SubmitOutcome.Queued, Submitting.Decide(Core, submission).Outcome);
                _waiting.Add(id);
            }
        }

        internal void Forget(int count)
        {
            for (int i = 0; i < count && _waiting.Count > 0; i++)
            {
                int place = dice.Next(_waiting.Count);
                Cancelling.Decide(Core, Core.State.Jobs[_waiting[place]]);
                _waiting.RemoveAt(place);
                Core.Emit(new JobEvent { Kind = EventKind.JobsPurged, Count = 1 });
            }
        }
    }

    /// <summary>Begins an image whenever none is under way, copies a little more of it at each look, and compares it
    /// when it is whole.</summary>
    private sealed class Photographer
    {
        private ImageTaker? _taker;
        private byte[] _expected = [];
        private HashSet<JobId> _before = [];
        private long _events;
        private int _looks;

        internal int Taken { get; private set; }

        internal int Changed { get; private set; }

        internal int Purged { get; private set; }

        internal int Added { get; private set; }

        internal void Forget() => _taker = null;

        internal void Look(Play play)
        {
            var engine = play.Engine;
            if (_taker is null || !ReferenceEquals(_taker, engine.Core.State.Image))
            {
                // None is under way, or the life that it was of has ended.
                Begin(engine);
            }

            // From nothing at all to a handful: changes meet jobs on both sides of the mark.
            int count = _looks++ % 4 * 2;
            if (count > 0)
            {
                _taker!.Advance(count);
            }

            if (_taker!.IsWhole)
            {
                Compare(engine);
                _taker = null;
            }
        }

        private void Begin(EngineUnderTest engine)
        {
            long sequence = engine.Frames() is { Count: > 0 } frames ? frames[^1].Sequence : 0;
            _events = engine.Core.State.LastEventId;
            _before = [.. engine.Core.State.Jobs.Keys];
            _expected = SnapshotCodec.Write(engine.Core, sequence).ToArray();
            _taker = new ImageTaker(engine.Core.State, sequence, engine.Core.State.Now);
        }

        private void Compare(EngineUnderTest engine)
        {
            var state = engine.Core.State;
            Taken++;
            Changed += state.LastEventId > _events ? 1 : 0;
            Purged += _before.Any(id => !state.Jobs.ContainsKey(id)) ? 1 : 0;
            Added += state.Jobs.Keys.Any(id => !_before.Contains(id)) ? 1 : 0;
            Assert.Null(state.Image);
            Assert.Equal(_expected, SnapshotCodec.Write(_taker!.ToImage(), pieceBytes: 50).ToArray());

            SnapshotCodec.Check(EngineSettings.From(engine.Options), _expected.InPieces(70));
        }
    }
}
