using Engine.Core;
using Engine.Core.Imaging;
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
            int count = _looks++ % 4;
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
            Assert.Equal(_expected, SnapshotCodec.Write(_taker!.ToImage()).ToArray());

            SnapshotCodec.Check(EngineSettings.From(engine.Options), _expected);
        }
    }
}
