using Engine.Runtime;

namespace Engine.Tests.Runtime;

/// <summary>A caller that sleeps with a place in its hand holds up those behind it, and neither loses them nor keeps the
/// engine from what else it has to do. With the engine's own loop.</summary>
public sealed class StalledCallerTests
{
    // With more behind it than fit in: some stand in line.
    private const int Capacity = 16;
    private const int Behind = 50;

    [Fact]
    public async Task Those_behind_it_are_answered_in_order_when_it_goes_on_and_none_is_lost()
    {
        await using var engine = await StartAsync();
        var stalled = new StalledCaller(StalledCaller.InboxOf(engine.Engine));
        var order = new List<int>();
        var behind = Enumerable.Range(1, Behind)
            .Select(i => engine.Engine.AskAsync(_ => Noted(order, i), default).AsTask())
            .ToList();
        var own = new FuncOperation<int>(_ => Noted(order, 0));
        var answer = own.Task.AsTask();
        Assert.DoesNotContain(behind, task => task.IsCompleted);

        stalled.GoOn(own);

        Assert.Equal(0, await answer.WaitAsync(TestEngine.Guard));
        Assert.Equal(Enumerable.Range(1, Behind), await Task.WhenAll(behind).WaitAsync(TestEngine.Guard));
        Assert.Equal(Enumerable.Range(0, Behind + 1), order);
    }

    [Fact]
    public async Task What_was_decided_before_becomes_durable_and_is_answered_meanwhile()
    {
        var journal = new GatedJournal();
        await using var engine = await StartAsync(journal);
        journal.Shut();
        var before = engine.SubmitAsync().AsTask();
        await journal.WaitForHeldAsync(1);
        var inbox = StalledCaller.InboxOf(engine.Engine);
        var stalled = new StalledCaller(inbox);
        var behind = engine.SubmitAsync().AsTask();
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (!inbox.IsHeldUp)
        {
            guard.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        journal.Open();

        Assert.Equal(SubmitOutcome.Queued, (await before.WaitAsync(TestEngine.Guard)).Outcome);
        Assert.False(behind.IsCompleted);
        stalled.GoOn(new FuncOperation<int>(_ => 0));
        Assert.Equal(SubmitOutcome.Queued, (await behind.WaitAsync(TestEngine.Guard)).Outcome);
    }

    [Fact]
    public async Task An_engine_that_is_asked_to_stop_stops_when_it_goes_on()
    {
        await using var engine = await StartAsync();
        var stalled = new StalledCaller(StalledCaller.InboxOf(engine.Engine));
        var before = Submit(engine);
        var stop = engine.Engine.StopAsync().AsTask();
        var after = Submit(engine);
        Assert.False(stop.IsCompleted);
        var own = new FuncOperation<int>(_ => 7);
        var answer = own.Task.AsTask();

        stalled.GoOn(own);

        await stop.WaitAsync(TestEngine.Guard);
        Assert.Equal(7, await answer.WaitAsync(TestEngine.Guard));
        foreach (var result in await Task.WhenAll(before).WaitAsync(TestEngine.Guard))
        {
            Assert.Equal(SubmitOutcome.Queued, result.Outcome);
        }

        // Refused while it was stopping, or sent away when it had stopped.
        foreach (var submission in after)
        {
            var failure = await Record.ExceptionAsync(() => submission.WaitAsync(TestEngine.Guard));
            Assert.True(failure is EngineStoppedException || (await submission).Refusal?.Reason == RefusalReason.Stopping);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_engine_that_ends_before_it_goes_on_waits_for_it_and_sends_it_and_all_behind_it_away(bool fails)
    {
        await using var engine = await StartAsync();
        using var asked = new ManualResetEventSlim();
        var end = engine.Engine.AskAsync(
            loop =>
            {
                asked.Wait(TestEngine.Guard);
                loop.IsEnding = !fails;
                return fails ? throw new InvalidOperationException("Broken.") : true;
            },
            default).AsTask();
        var stalled = new StalledCaller(StalledCaller.InboxOf(engine.Engine));
        var behind = Submit(engine);
        var own = new FuncOperation<int>(_ => 7);
        var answer = own.Task.AsTask();
        asked.Set();

        // The door is closed when somebody is sent away on the doorstep; from then on the loop waits for the stalled one.
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        var last = engine.SubmitAsync().AsTask();
        while (!last.IsCompleted)
        {
            guard.Token.ThrowIfCancellationRequested();
            behind.Add(last);
            await Task.Yield();
            last = engine.SubmitAsync().AsTask();
        }

        Assert.False(engine.Engine.Stopped.IsCompleted);
        Assert.False(answer.IsCompleted);
        stalled.GoOn(own);

        await Assert.ThrowsAsync<EngineStoppedException>(() => answer.WaitAsync(TestEngine.Guard));
        foreach (var submission in behind.Append(last))
        {
            await Assert.ThrowsAsync<EngineStoppedException>(() => submission.WaitAsync(TestEngine.Guard));
        }

        var failure = await Record.ExceptionAsync(() => engine.Engine.Stopped.WaitAsync(TestEngine.Guard));
        Assert.Equal(fails ? "Broken." : null, failure?.Message);
        Assert.Equal(fails, (await Record.ExceptionAsync(() => end.WaitAsync(TestEngine.Guard))) is EngineStoppedException);
    }

    private static Task<TestEngine> StartAsync(GatedJournal? journal = null) => TestEngine.StartAsync(
        options =>
        {
            options.InboxCapacity = Capacity;
            options.GlobalCap = 1_000_000;
        },
        journal: journal);

    private static List<Task<SubmitResult>> Submit(TestEngine engine) =>
        [.. Enumerable.Range(0, Behind).Select(i => engine.SubmitAsync($"u{i}").AsTask())];

    private static int Noted(List<int> order, int number)
    {
        order.Add(number);
        return number;
    }
}
