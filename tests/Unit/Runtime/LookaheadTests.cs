using Engine.Core;
using Engine.Estimation;
using Engine.Runtime;

namespace Engine.Tests.Runtime;

/// <summary>Operations that were taken out ahead of their turn are where they were: in order, and in the inbox
/// still.</summary>
public sealed class LookaheadTests
{
    // How many it takes out at a time, and after how many it gives their places back.
    private const int TakenAtOnce = 16;
    private const int ReleasedAtOnce = 256;

    [Fact]
    public async Task F7_who_stands_in_line_for_the_place_of_the_last_one_comes_right_behind_it()
    {
        var inbox = new Inbox(1);
        var ahead = Of(inbox);
        await Write(inbox, 0).WaitAsync(TestEngine.Guard);
        Assert.Equal(0, Read(ahead));

        // Nothing is in, and the one place is not given back yet. The loop must not find nothing now, and let leases
        // end.
        var inLine = Write(inbox, 1);
        Assert.False(inLine.IsCompleted);

        Assert.Equal(1, Read(ahead));
        await inLine.WaitAsync(TestEngine.Guard);
        Assert.Null(Read(ahead));
    }

    [Fact]
    public void What_was_taken_out_keeps_a_closed_inbox_from_being_drained_when_its_place_was_given_back()
    {
        var inbox = new Inbox(2 * ReleasedAtOnce);
        var ahead = Of(inbox);
        for (int i = 0; i < ReleasedAtOnce; i++)
        {
            Write(inbox, i);
        }

        // With the first of the last few that were taken out, the places of all are given back.
        int left = TakenAtOnce - 1;
        for (int i = 0; i < ReleasedAtOnce - left; i++)
        {
            Assert.Equal(i, Read(ahead));
        }

        inbox.Close();
        Assert.True(inbox.IsDrained, "All places were given back.");
        for (; left > 0; left--)
        {
            Assert.True(ahead.HasItems);
            Assert.False(ahead.IsDrained);
            Assert.Equal(ReleasedAtOnce - left, Read(ahead));
        }

        Assert.True(ahead.IsDrained);
    }

    [Fact]
    public void Places_are_given_back_while_there_is_more_to_take_out_and_once_each()
    {
        var inbox = new Inbox(2 * ReleasedAtOnce);
        var ahead = Of(inbox);
        for (int i = 0; i < 2 * ReleasedAtOnce; i++)
        {
            Write(inbox, i);
        }

        var inLine = Write(inbox, 2 * ReleasedAtOnce);
        for (int i = 0; i < ReleasedAtOnce - TakenAtOnce; i++)
        {
            Assert.Equal(i, Read(ahead));
        }

        Assert.True(inbox.IsHeldUp, "One stands in line.");
        Assert.Equal(ReleasedAtOnce - TakenAtOnce, Read(ahead));
        Assert.False(inbox.IsHeldUp);
        for (int i = ReleasedAtOnce - TakenAtOnce + 1; i <= 2 * ReleasedAtOnce; i++)
        {
            Assert.Equal(i, Read(ahead));
        }

        Assert.Null(Read(ahead));
        inbox.Close();
        Assert.True(ahead.IsDrained);
        Assert.False(inLine.IsFaulted);
    }

    private static Lookahead Of(Inbox inbox)
    {
        var core = new EngineCore(
            EngineSettings.From(new JobEngineOptions()), new MovingAverageEstimator(), new BatchWriter());
        return new Lookahead(inbox, new LoopContext(core, new LiveFeed()));
    }

    private static Task Write(Inbox inbox, int number) =>
        inbox.WriteAsync(new NumberedOperation(0, number), CancellationToken.None).AsTask();

    private static int? Read(Lookahead ahead) =>
        ahead.TryRead(out var operation) ? ((NumberedOperation)operation).Number : null;
}
