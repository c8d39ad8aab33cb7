using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Engine.Runtime;
using Engine.Storage;
using Microsoft.Extensions.Logging;

namespace Engine.Tests.Runtime;

/// <summary>How an answer reaches its caller, whichever of the two is there first.</summary>
public sealed class OperationTests
{
    [Fact]
    public async Task An_answer_that_is_there_already_is_found()
    {
        var operation = Question(7);
        var answer = operation.Task;
        Assert.False(answer.IsCompleted);
        operation.PublishAlone();

        Assert.True(answer.IsCompletedSuccessfully);
        Assert.Equal(7, await answer);
    }

    [Fact]
    public async Task Who_waits_already_is_woken_when_the_whole_batch_is_answered()
    {
        var operation = Question(7);
        var answer = operation.Task.AsTask();
        operation.Publish();
        Assert.False(answer.IsCompleted);
        operation.Wake();

        Assert.Equal(7, await answer.WaitAsync(TestEngine.Guard));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Who_gets_no_answer_hears_why(bool waitsAlready)
    {
        var operation = Question(7);
        var answer = operation.Task;
        var waiting = waitsAlready ? answer.AsTask() : null;
        operation.Fail(new EngineStoppedException("Over."));

        var failure = await Assert.ThrowsAsync<EngineStoppedException>(
            () => (waiting ?? answer.AsTask()).WaitAsync(TestEngine.Guard));
        Assert.Equal("Over.", failure.Message);
    }

    [Fact]
    public async Task An_answer_is_read_when_it_is_there_and_once()
    {
        var operation = Question(7);
        var answer = operation.Task;
        Assert.Throws<InvalidOperationException>(() => answer.GetAwaiter().GetResult());
        operation.PublishAlone();
        Assert.Equal(7, await answer);

        Assert.Throws<InvalidOperationException>(() => answer.GetAwaiter().GetResult());
        Assert.Throws<InvalidOperationException>(() => answer.IsCompleted);
    }

    [Fact]
    public async Task Of_a_batch_in_which_one_answer_throws_those_before_it_are_given_and_the_rest_is_known()
    {
        var batch = new Batch();
        var (first, second, third) = (Question(1), new Throwing(), Question(3));
        var answer = first.Task.AsTask();
        batch.Answers.AddRange([first, second, third]);

        Assert.Throws<InvalidOperationException>(batch.Answer);

        Assert.Equal(1, await answer.WaitAsync(TestEngine.Guard));
        Assert.Equal([second, third], batch.Unanswered);
    }

    [Fact]
    public async Task An_answer_that_cannot_be_given_stops_the_engine_and_nobody_waits_for_ever()
    {
        var engine = await SteppedEngine.StartAsync(new JobEngineOptions(), new MemoryJournal(), new ManualTimeProvider());
        var (first, third) = (new FuncOperation<int>(_ => 1), new FuncOperation<int>(_ => 3));
        var given = first.Task.AsTask();
        var lost = third.Task.AsTask();
        await engine.RunAsync(first, new Throwing(), third);

        Assert.Equal(1, await given.WaitAsync(TestEngine.Guard));
        await Assert.ThrowsAsync<EngineStoppedException>(() => lost.WaitAsync(TestEngine.Guard));
    }

    [Fact]
    public async Task Who_asked_for_what_cannot_be_published_hears_that_the_engine_has_stopped_like_all_others()
    {
        var engine = await SteppedEngine.StartAsync(new JobEngineOptions(), new MemoryJournal(), new ManualTimeProvider());
        var (broken, next) = (new Unpublishable(), new FuncOperation<int>(_ => 1));
        var answers = new[] { broken.Task.AsTask(), next.Task.AsTask() };

        await engine.RunAsync(broken, next);

        foreach (var answer in answers)
        {
            await Assert.ThrowsAsync<EngineStoppedException>(() => answer.WaitAsync(TestEngine.Guard));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Who_cannot_be_woken_keeps_nobody_else_from_being_woken(bool fails)
    {
        var engine = await SteppedEngine.StartAsync(new JobEngineOptions(), new MemoryJournal(), new ManualTimeProvider());
        var (first, second, third) = (Question(1), Question(2), Question(3));
        WaitInClosedContext(first);
        WaitInClosedContext(second);
        var answer = third.Task.AsTask();

        await engine.RunAsync(fails ? [new Throwing(), first, second, third] : [first, second, third]);

        if (fails)
        {
            await Assert.ThrowsAsync<EngineStoppedException>(() => answer.WaitAsync(TestEngine.Guard));
        }
        else
        {
            Assert.Equal(3, await answer.WaitAsync(TestEngine.Guard));
        }
    }

    [Fact]
    public async Task An_operation_that_breaks_before_its_turn_stops_the_engine_and_all_behind_it_hear_that()
    {
        var engine = await SteppedEngine.StartAsync(new JobEngineOptions(), new MemoryJournal(), new ManualTimeProvider());
        var operations = Enumerable.Range(0, 100).Select(_ => new Unpreparable()).ToArray();
        var answers = operations.Select(operation => operation.Task.AsTask()).ToList();

        await engine.RunAsync(operations);

        foreach (var answer in answers)
        {
            await Assert.ThrowsAsync<EngineStoppedException>(() => answer.WaitAsync(TestEngine.Guard));
        }
    }

    [Fact]
    public async Task An_engine_that_fails_tells_its_callers_even_when_it_cannot_be_logged()
    {
        // As on a full disk, which journal and log may share.
        var engine = await SteppedEngine.StartAsync(
            new JobEngineOptions(), new MemoryJournal(), new ManualTimeProvider(), new FullLog());
        var operation = Question(1);
        var answer = operation.Task.AsTask();

        await engine.RunAsync(new Throwing(), operation);

        await Assert.ThrowsAsync<EngineStoppedException>(() => answer.WaitAsync(TestEngine.Guard));
    }

    /// <summary>An exception keeps each place it is thrown at: one for all would cost each caller what all before have
    /// left there, and an engine may fail with very many waiting.</summary>
    [Fact]
    public async Task What_many_are_told_does_not_grow_with_each_who_hears_it()
    {
        var engine = await SteppedEngine.StartAsync(new JobEngineOptions(), new MemoryJournal(), new ManualTimeProvider());
        var operations = Enumerable.Range(0, 20).Select(Question).ToList();
        var answers = operations.Select(operation => operation.Task.AsTask()).ToList();

        await engine.RunAsync([new Throwing(), .. operations]);

        var lengths = new List<int>();
        foreach (var answer in answers)
        {
            var news = await Assert.ThrowsAsync<EngineStoppedException>(() => answer.WaitAsync(TestEngine.Guard));
            Assert.Equal("Broken.", news.InnerException?.Message);
            lengths.Add(news.StackTrace!.Length);
        }

        Assert.All(lengths, length => Assert.Equal(lengths[0], length));
    }

    /// <summary>Lives are numbered in 32 bits, which a pooled operation can use up; most of them nobody waits for.</summary>
    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    [InlineData(int.MinValue + 7)]
    [InlineData(-1)]
    public async Task Who_waits_is_woken_however_many_have_not_waited_before(int life)
    {
        var operation = Question(0);
        LifeOf(operation) = life;
        AnsweredOf(operation) = unchecked(life - 1);
        for (int i = 0; i < 3; i++)
        {
            operation.Execute(null!);
            var answer = operation.Task.AsTask();
            operation.Publish();
            operation.Wake();
            Assert.Equal(0, await answer.WaitAsync(TestEngine.Guard));
        }
    }

    /// <summary>Callers and loops that share a pool of operations, as engines in one process do, in every order of
    /// waiting and answering.</summary>
    [Fact]
    public async Task Every_caller_gets_its_own_answer_whenever_it_waits()
    {
        const int Loops = 2;
        const int Callers = 4;
        const int Each = 30_000;
        var pool = new OperationPool<Echo>();
        using var stop = new CancellationTokenSource();
        var inboxes = Enumerable.Range(0, Loops).Select(_ => new ConcurrentQueue<Echo>()).ToArray();
        var loops = inboxes.Select(inbox => new Thread(() => AnswerAll(inbox, stop.Token)) { IsBackground = true })
            .ToList();
        loops.ForEach(loop => loop.Start());

        var callers = Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            var random = new Random(caller);
            var answers = new List<(int Asked, ValueTask<int> Answer)>();
            for (int asked = 0; asked < Each;)
            {
                for (int i = random.Next(1, 20); i > 0; i--)
                {
                    var echo = pool.Rent();
                    echo.Pool = pool;
                    echo.Number = ++asked;
                    answers.Add((asked, echo.Task));
                    inboxes[random.Next(Loops)].Enqueue(echo);
                }

                if (random.Next(3) == 0)
                {
                    Thread.SpinWait(random.Next(2_000));
                }

                foreach (var (number, answer) in answers)
                {
                    if (number % 10 == 0)
                    {
                        await Assert.ThrowsAsync<EngineStoppedException>(async () => await answer);
                    }
                    else
                    {
                        Assert.Equal(number, await answer);
                    }
                }

                answers.Clear();
            }
        })).ToList();

        // Somebody who is never woken shows as waiting for ever.
        await Task.WhenAll(callers).WaitAsync(TimeSpan.FromMinutes(5));
        await stop.CancelAsync();
        loops.ForEach(loop => loop.Join());
    }

    private static void AnswerAll(ConcurrentQueue<Echo> inbox, CancellationToken stop)
    {
        var batch = new Batch();
        while (!stop.IsCancellationRequested)
        {
            while (batch.Answers.Count < 64 && inbox.TryDequeue(out var echo))
            {
                if (echo.Number % 10 == 0)
                {
                    echo.Fail(new EngineStoppedException("Every tenth."));
                }
                else
                {
                    echo.Execute(null!);
                    batch.Answers.Add(echo);
                }
            }

            if (batch.IsEmpty)
            {
                Thread.Yield();
            }

            batch.Answer();
            batch.Reset();
        }
    }

    private static FuncOperation<int> Question(int answer)
    {
        var operation = new FuncOperation<int>(_ => answer);
        operation.Execute(null!);
        return operation;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_life")]
    private static extern ref int LifeOf(Operation<int> operation);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_answered")]
    private static extern ref int AnsweredOf(Operation<int> operation);

    private static void WaitInClosedContext(FuncOperation<int> operation)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new ClosedContext());
        operation.Task.GetAwaiter().OnCompleted(() => Assert.Fail("It was closed."));
        SynchronizationContext.SetSynchronizationContext(before);
    }

    private sealed class Echo : Operation<int>
    {
        private int _answer;

        internal int Number { get; set; }

        internal OperationPool<Echo>? Pool { get; set; }

        protected override ref int Answer => ref _answer;

        internal override bool Execute(LoopContext loop)
        {
            _answer = Number;
            return true;
        }

        protected override void Recycle() => Pool!.Return(this);
    }

    private sealed class Unpublishable : Operation<int>
    {
        private int _answer;

        protected override ref int Answer => ref _answer;

        internal override bool Execute(LoopContext loop) => true;

        internal override void Publish() => throw new InvalidOperationException("Broken.");
    }

    private sealed class Unpreparable : Operation<int>
    {
        private int _answer;

        protected override ref int Answer => ref _answer;

        internal override void Prepare(LoopContext loop, int step) => throw new InvalidOperationException("Broken.");

        internal override bool Execute(LoopContext loop) => true;
    }

    private sealed class FullLog : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter) => throw new IOException("No space left on device.");
    }

    // As that of a window which is gone.
    private sealed class ClosedContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) =>
            throw new InvalidOperationException("Closed.");
    }

    private sealed class Throwing : Operation
    {
        internal override bool Execute(LoopContext loop) => true;

        internal override void Publish() => throw new InvalidOperationException("Broken.");

        internal override void Fail(Exception exception)
        {
        }
    }
}
