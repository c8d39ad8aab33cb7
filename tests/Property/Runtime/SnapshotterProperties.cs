using Engine.Core;
using Engine.Runtime;
using Engine.Storage;
using Engine.Tests.Stories;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Engine.Tests.Runtime;

/// <summary>Snapshots taken beside a working engine, at any moment and broken off anywhere: what can be recovered is
/// always all there was.</summary>
public sealed class SnapshotterProperties(ITestOutputHelper output)
{
    [Fact]
    public void F1_A_snapshot_broken_off_at_any_step_leaves_a_journal_that_recovers_to_the_same_state() =>
        Law.Holds(output, 150, StoryGen.Restarting, StoryGen.Shorter, story =>
        {
            var journal = new StepwiseJournal();
            int look = 0;
            Play.Of(
                story,
                play =>
                {
                    // Broken off at each step in turn, and now and then not at all.
                    int step = look++ % 7;
                    journal.BreaksAt = step == 6 ? null : (SnapshotStep)step;
                    EngineUnderTest.Done(play.Engine.Snapshotter.TryTakeAsync(default));
                    journal.BreaksAt = null;

                    AssertRecovers(play, journal);
                    Comparison.Everything(play);
                },
                journal: journal);
        });

    [Fact]
    public void D4_An_engine_that_takes_snapshots_when_they_are_due_always_recovers_to_the_same_state() =>
        Law.Holds(output, 150, StoryGen.Restarting, StoryGen.Shorter, story =>
        {
            var journal = new StepwiseJournal();
            Play.Of(
                story,
                play =>
                {
                    if (play.Engine.Snapshotter.IsDue)
                    {
                        Assert.NotNull(EngineUnderTest.Done(play.Engine.Snapshotter.TakeAsync(default)));
                        Assert.False(play.Engine.Snapshotter.IsDue);
                    }

                    AssertRecovers(play, journal);
                },
                journal: journal);
        });

    /// <summary>The laws above say nothing about journals from which nothing was ever cut.</summary>
    [Fact]
    public void The_stories_reach_snapshots_over_cut_journals()
    {
        int cut = 0;
        foreach (var story in StoryGen.Restarting.Sample(40, new Rnd(42), 30))
        {
            var journal = new StepwiseJournal();
            Play.Of(
                story,
                play =>
                {
                    if (play.Engine.Snapshotter.IsDue)
                    {
                        EngineUnderTest.Done(play.Engine.Snapshotter.TakeAsync(default));
                    }
                },
                journal: journal);
            cut += journal.CutBelow > 1 && journal.Saved > 2 ? 1 : 0;
        }

        Assert.True(cut > 10, $"Only {cut} of 40 stories lead to a third snapshot.");
    }

    private static void AssertRecovers(Play play, StepwiseJournal journal)
    {
        // What is in memory only (the clock, say) is no part of the digest: the live state is comparable.
        ulong expected = play.Engine.Core.State.ComputeHash();
        var core = play.Engine.NewCore();
        var ownership = new JournalOwnership(0, default, LastSequence(journal), 0);
        EngineUnderTest.Done(Recovery.ReplayAsync(core, journal, ownership, default));
        EngineInvariants.Check(core);
        Assert.Equal(expected, core.State.ComputeHash());
    }

    private static long LastSequence(StepwiseJournal journal)
    {
        long last = 0;
        var reader = journal.Everything.ReadAsync(1).GetAsyncEnumerator();
        while (EngineUnderTest.Done(reader.MoveNextAsync()))
        {
            last = reader.Current.Sequence;
        }

        return last;
    }
}
