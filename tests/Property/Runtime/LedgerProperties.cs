using System.Buffers;
using Engine.Core;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;
using Engine.Tests.Stories;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Engine.Tests.Runtime;

/// <summary>Who keeps facts only writes the same snapshot, byte for byte, as who keeps the order, slots and dates of
/// everything too.</summary>
public sealed class LedgerProperties(ITestOutputHelper output)
{
    [Fact]
    public void D4_A_ledger_knows_what_an_engine_knows_after_every_frame() =>
        Law.Holds(output, 200, StoryGen.Mixed, StoryGen.Shorter, story => Compare(Play.Of(story)));

    [Fact]
    public void D4_The_same_over_restarts() =>
        Law.Holds(output, 150, StoryGen.Restarting, StoryGen.Shorter, story => Compare(Play.Of(story)));

    [Fact]
    public void D4_The_same_in_a_crowd() =>
        Law.Holds(output, 60, StoryGen.Crowd, StoryGen.Shorter, story => Compare(Play.Of(story)));

    [Fact]
    public void D4_The_same_where_everything_is_soon_forgotten() =>
        Law.Holds(output, 150, Regrouped.Any(Regrouped.Forgetful), Regrouped.Shorter, journal =>
        {
            var play = Play.Of(journal.Story);
            Compare(play, journal.Frames(play));
        });

    /// <summary>The laws above say nothing about events that no story has.</summary>
    [Fact]
    public void The_stories_bring_every_kind_of_event()
    {
        var kinds = StoryGen.Mixed.Sample(60, new Rnd(42), 50)
            .SelectMany(story => Walk.Events(Play.Of(story).Engine.Frames()))
            .Select(entry => entry.Event.Kind)
            .Distinct();

        Assert.Equal(Enum.GetValues<EventKind>().Where(kind => kind != EventKind.None), kinds.Order());
    }

    private static void Compare(Play play) => Compare(play, play.Engine.Frames());

    private static void Compare(Play play, List<JournalFrame> frames)
    {
        var (full, ledger) = (play.Engine.NewCore(), NewLedger(play));
        var (fullFolder, ledgerFolder) = (new Folder(full), new Folder(ledger));
        EngineCore? resumed = null;
        Folder? resumedFolder = null;
        foreach (var frame in frames)
        {
            fullFolder.Apply(frame);
            ledgerFolder.Apply(frame);
            resumedFolder?.Apply(frame);
            Same(full, ledger, frame.Sequence);
            if (resumed is not null)
            {
                Same(full, resumed, frame.Sequence);
            }

            if (frame.Sequence % 5 == 0)
            {
                // The next life of a follower begins with what the one before wrote.
                var snapshot = SnapshotCodec.Write(ledger, frame.Sequence);
                SnapshotCodec.Restore(resumed = NewLedger(play), snapshot);
                resumedFolder = new Folder(resumed);
                Same(full, resumed, frame.Sequence);

                // And an engine may start with it.
                var started = play.Engine.NewCore();
                SnapshotCodec.Restore(started, snapshot);
                EngineInvariants.Check(started);
                Same(full, started, frame.Sequence);
            }
        }

        Assert.Equal(play.Engine.Core.State.ComputeHash(), ledger.State.ComputeHash());
    }

    private static EngineCore NewLedger(Play play) => new(
        EngineSettings.From(play.Engine.Options), new MovingAverageEstimator(), new BatchWriter(), isLedger: true);

    private static void Same(EngineCore full, EngineCore ledger, long sequence)
    {
        Assert.Equal(full.State.ComputeHash(), ledger.State.ComputeHash());
        Assert.Equal(full.State.Counts, ledger.State.Counts);
        Assert.True(
            SnapshotCodec.Write(full, sequence).ToArray().AsSpan().SequenceEqual(
                SnapshotCodec.Write(ledger, sequence).ToArray()),
            $"After frame {sequence} the snapshots differ.");
    }
}
