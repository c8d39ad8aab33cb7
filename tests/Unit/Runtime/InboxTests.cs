using Engine.Core;
using Engine.Estimation;
using Engine.Runtime;

namespace Engine.Tests.Runtime;

/// <summary>The way into the loop, step by step: who gets in, waits, is sent away, and who wakes whom.</summary>
public sealed class InboxTests
{
    [Fact]
    public void What_was_put_in_comes_out_once_and_in_order()
    {
        var inbox = new Inbox(4);
        var written = Write(inbox, 0, 4);

        Assert.All(written, task => Assert.True(task.IsCompletedSuccessfully));
        Assert.True(inbox.HasItems);
        Assert.Equal([0, 1, 2, 3], Take(inbox));
        Assert.False(inbox.HasItems);
        Assert.Empty(Take(inbox));
    }

    [Fact]
    public async Task Who_finds_it_full_waits_until_a_place_was_given_back_and_not_only_taken_out()
    {
        var inbox = new Inbox(2);
        var written = Write(inbox, 0, 5);

        Assert.Equal([true, true, false, false, false], written.Select(task => task.IsCompletedSuccessfully));
        Assert.Equal([0, 1], Take(inbox));
        Assert.Empty(Take(inbox));
        inbox.Release(1);
        Assert.Equal([2], Take(inbox));
        await written[2].WaitAsync(TestEngine.Guard);
        Assert.False(written[3].IsCompleted || written[4].IsCompleted);
        inbox.Release(2);
        Assert.Equal([3, 4], Take(inbox));
        await Task.WhenAll(written).WaitAsync(TestEngine.Guard);
        AssertEmpty(inbox, held: 2);
    }

    [Fact]
    public void Nobody_who_comes_later_passes_those_in_line()
    {
        var inbox = new Inbox(2);
        Write(inbox, 0, 3);
        Assert.Equal([0, 1], Take(inbox));
        inbox.Release(1);
        var later = Write(inbox, 3, 2);
        Assert.All(later, task => Assert.False(task.IsCompleted));
        inbox.Release(1);
        Write(inbox, 5, 1);

        var order = new List<int>();
        for (int step = 0; step < 6; step++)
        {
            var taken = Take(inbox);
            order.AddRange(taken);
            inbox.Release(taken.Count);
        }

        Assert.Equal([2, 3, 4, 5], order);
        AssertEmpty(inbox);
    }

    [Fact]
    public void F7_who_stands_in_line_is_work_and_holds_up_whatever_must_not_go_before_it()
    {
        var inbox = new Inbox(1);
        Write(inbox, 0, 1);
        Assert.Equal([0], Take(inbox));
        Assert.False(inbox.HasItems || inbox.IsHeldUp);

        // Its place was not given back yet: nothing is in, and still this one was there before.
        Write(inbox, 1, 1);
        Assert.Empty(Take(inbox));
        Assert.True(inbox.HasItems);
        Assert.True(inbox.IsHeldUp);

        inbox.Release(1);
        Assert.Equal([1], Take(inbox));
        Assert.Empty(Take(inbox));
        Assert.False(inbox.HasItems || inbox.IsHeldUp);
        AssertEmpty(inbox, held: 1);
    }

    [Fact]
    public async Task Who_gives_up_in_line_is_never_let_in_and_leaves_its_place_to_the_next()
    {
        var inbox = new Inbox(1);
        using var patience = new CancellationTokenSource();
        Write(inbox, 0, 1);
        var given = inbox.WriteAsync(new Item(1), patience.Token).AsTask();
        var next = Write(inbox, 2, 1)[0];
        await patience.CancelAsync();

        var cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        Assert.Equal(patience.Token, cancelled.CancellationToken);
        Assert.Equal([0], Take(inbox));
        inbox.Release(1);

        await next.WaitAsync(TestEngine.Guard);
        Assert.Equal([2], Take(inbox));
        AssertEmpty(inbox, held: 1);
    }

    [Fact]
    public async Task Who_had_given_up_before_it_came_to_a_full_inbox_does_not_wait_and_holds_no_place()
    {
        var inbox = new Inbox(1);
        Write(inbox, 0, 1);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => inbox.WriteAsync(new Item(1), new CancellationToken(canceled: true)).AsTask());

        Assert.Equal([0], Take(inbox));
        inbox.Release(1);
        Assert.Empty(Take(inbox));
        AssertEmpty(inbox);
    }

    [Fact]
    public async Task Who_was_let_in_cannot_give_up_any_more()
    {
        var inbox = new Inbox(1);
        using var patience = new CancellationTokenSource();
        Write(inbox, 0, 1);
        var waiting = inbox.WriteAsync(new Item(1), patience.Token).AsTask();
        Take(inbox);
        inbox.Release(1);
        await patience.CancelAsync();

        await waiting.WaitAsync(TestEngine.Guard);
        Assert.Equal([1], Take(inbox));
        AssertEmpty(inbox, held: 1);
    }

    [Fact]
    public async Task Closed_it_lets_nobody_in_and_gives_out_what_is_in()
    {
        var inbox = new Inbox(2);
        var written = Write(inbox, 0, 3);
        inbox.Close();
        inbox.Close();

        await Assert.ThrowsAsync<EngineStoppedException>(() => inbox.WriteAsync(new Item(9), default).AsTask());
        Assert.Equal([0, 1], Take(inbox));
        inbox.Release(2);
        Assert.Empty(Take(inbox));
        Assert.False(inbox.IsDrained, "One stands in line still.");
        Assert.False(written[2].IsCompleted);

        inbox.Disperse();

        await Assert.ThrowsAsync<EngineStoppedException>(() => written[2]);
        Assert.True(inbox.IsDrained);
        await Assert.ThrowsAsync<EngineStoppedException>(() => inbox.WriteAsync(new Item(9), default).AsTask());
        Assert.True(inbox.IsDrained);
    }

    [Fact]
    public void Closed_it_is_not_drained_before_what_is_in_was_taken_and_given_back()
    {
        var inbox = new Inbox(2);
        Assert.False(inbox.IsDrained, "It is open.");
        Write(inbox, 0, 1);
        inbox.Close();
        Assert.False(inbox.IsDrained);
        Assert.Equal([0], Take(inbox));
        Assert.False(inbox.IsDrained);
        inbox.Release(1);
        Assert.True(inbox.IsDrained);
    }

    [Fact]
    public async Task Who_gave_up_in_line_is_sent_away_with_the_others_and_holds_no_place()
    {
        var inbox = new Inbox(1);
        using var patience = new CancellationTokenSource();
        Write(inbox, 0, 1);
        var given = inbox.WriteAsync(new Item(1), patience.Token).AsTask();
        await patience.CancelAsync();
        inbox.Close();
        inbox.Disperse();
        Take(inbox);
        inbox.Release(1);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        Assert.True(inbox.IsDrained);
    }

    [Fact]
    public void What_was_taken_out_ahead_of_its_turn_is_work_still_and_keeps_a_closed_inbox_from_being_drained()
    {
        var core = new EngineCore(
            EngineSettings.From(new JobEngineOptions()), new MovingAverageEstimator(), new BatchWriter());
        var inbox = new Inbox(4);
        var ahead = new Lookahead(inbox, new LoopContext(core, new LiveFeed()));
        Write(inbox, 0, 2);
        Assert.True(ahead.TryRead(out _));
        Assert.False(inbox.HasItems);
        inbox.Close();

        Assert.True(ahead.HasItems);
        Assert.False(ahead.IsDrained);
        Assert.True(ahead.TryRead(out var last));
        Assert.Equal(1, ((Item)last).Number);
        Assert.False(ahead.HasItems);
        Assert.False(ahead.TryRead(out _));
        Assert.True(ahead.IsDrained);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public async Task Who_writes_while_the_loop_lies_down_wakes_it(int inside)
    {
        // With one inside there is no room: who stands in line rings too.
        var inbox = new Inbox(1);
        Write(inbox, 0, inside);

        await Sleep(inbox, () =>
        {
            Write(inbox, 1, 1);
            return false;
        });

        Assert.True(inbox.HasItems);
    }

    [Fact]
    public async Task Only_a_ring_after_it_lay_down_wakes_a_loop()
    {
        var inbox = new Inbox(1);

        // Rung for while awake, while it looked, and both found work: none of it is heard in the next sleep.
        inbox.Ring();
        await Sleep(inbox, () => true);
        await Sleep(inbox, () =>
        {
            inbox.Ring();
            return true;
        });

        bool rung = false;
        var looked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var woken = Task.Run(() =>
        {
            inbox.Sleep(() => !looked.TrySetResult());
            return Volatile.Read(ref rung);
        });
        await looked.Task.WaitAsync(TestEngine.Guard);
        for (int i = 0; i < 100 && !woken.IsCompleted; i++)
        {
            await Task.Yield();
        }

        Volatile.Write(ref rung, true);
        inbox.Ring();
        Assert.True(await woken.WaitAsync(TestEngine.Guard), "It woke up though nobody had rung.");
    }

    private static async Task Sleep(Inbox inbox, Func<bool> mustStayAwake) =>
        await Task.Run(() => inbox.Sleep(mustStayAwake)).WaitAsync(TestEngine.Guard);

    private static List<Task> Write(Inbox inbox, int first, int count) =>
        [.. Enumerable.Range(first, count).Select(i => inbox.WriteAsync(new Item(i), default).AsTask())];

    private static List<int> Take(Inbox inbox)
    {
        var taken = new List<int>();
        while (inbox.TryRead(out var operation))
        {
            taken.Add(((Item)operation).Number);
        }

        return taken;
    }

    // Nobody has a place that was never given back: as many get in as there is room for, and it can be drained.
    private static void AssertEmpty(Inbox inbox, int held = 0)
    {
        inbox.Release(held);
        Assert.False(inbox.HasItems);
        inbox.Close();
        Assert.True(inbox.IsDrained);
    }

    private sealed class Item(int number) : Operation
    {
        internal int Number { get; } = number;

        internal override bool Execute(LoopContext loop) => true;

        internal override void Publish()
        {
        }

        internal override void Fail(Exception exception)
        {
        }
    }
}
