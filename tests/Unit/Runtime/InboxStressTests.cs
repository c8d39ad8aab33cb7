using Engine.Core;
using Engine.Estimation;
using Engine.Runtime;

namespace Engine.Tests.Runtime;

/// <summary>Many at the door of a small inbox at once, and a loop that reads as the engine's does: whoever got in is
/// read once, in order, and nobody is left waiting.</summary>
public sealed class InboxStressTests
{
    private const int Capacity = 16;
    private const int Writers = 4;

    // A lost wake-up or a lost place shows as waiting for ever. Other tests run beside these: a busy machine may take over a
    // minute for what takes two seconds.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Whoever_got_in_is_read_once_and_in_order_and_there_are_never_more_than_places(bool readsAhead)
    {
        const int Each = 40_000;
        var inbox = new Inbox(Capacity);
        var reader = new Reader(inbox, readsAhead);
        var loop = Start(reader.Run);
        var authors = Enumerable.Range(0, Writers).Select(i => new Author(inbox, i, Each)).ToList();
        var threads = authors.Select(author => Start(author.WriteInBursts)).ToList();
        threads.ForEach(Join);
        reader.Stop();
        Join(loop);

        Assert.Null(reader.Complaint);
        for (int i = 0; i < Writers; i++)
        {
            Assert.Equal(authors[i].GotIn, reader.Read[i]);
        }

        Assert.True(authors.Sum(author => author.GaveUp) > 0, "Nobody gave up: that was not tried.");
        Assert.True(inbox.IsDrained);
    }

    [Fact]
    public void Closed_at_any_moment_it_drains_and_everybody_is_read_or_sent_away()
    {
        const int Rounds = 400;
        int sentAway = 0;
        for (int round = 0; round < Rounds; round++)
        {
            var inbox = new Inbox(Capacity);
            var reader = new Reader(inbox, readsAhead: round % 2 == 0, closesAfter: round % 97 * 7);
            var loop = Start(reader.Run);
            var authors = Enumerable.Range(0, Writers).Select(i => new Author(inbox, i, int.MaxValue)).ToList();
            var threads = authors.Select(author => Start(author.WriteInBursts)).ToList();
            threads.ForEach(Join);
            Join(loop);

            Assert.Null(reader.Complaint);
            for (int i = 0; i < Writers; i++)
            {
                Assert.Equal(authors[i].GotIn, reader.Read[i]);
            }

            sentAway += authors.Sum(author => author.SentAway);
            Assert.True(inbox.IsDrained);
        }

        Assert.True(sentAway >= Rounds * Writers, "Every writer should have come to a closed door.");
    }

    [Fact]
    public async Task An_engine_that_stops_while_its_inbox_is_full_answers_every_call_or_says_that_it_has_stopped()
    {
        for (int round = 0; round < 20; round++)
        {
            await using var engine = await TestEngine.StartAsync(options =>
            {
                options.InboxCapacity = Capacity;
                options.GlobalCap = 1_000_000;
            });
            int accepted = 0;
            var authors = Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
            {
                while (true)
                {
                    var calls = Enumerable.Range(0, 50)
                        .Select(i => engine.SubmitAsync($"{writer}-{i}").AsTask())
                        .ToList();
                    foreach (var call in calls)
                    {
                        try
                        {
                            var answer = await call;
                            Interlocked.Add(ref accepted, answer.Outcome == SubmitOutcome.Refused ? 0 : 1);
                        }
                        catch (EngineStoppedException)
                        {
                            await Task.WhenAll(calls).ContinueWith(static _ => { }, TaskScheduler.Default);
                            return;
                        }
                    }
                }
            })).ToList();
            while (Volatile.Read(ref accepted) < round * 20)
            {
                await Task.Yield();
            }

            await engine.Engine.StopAsync().AsTask().WaitAsync(Patience);
            await Task.WhenAll(authors).WaitAsync(Patience);
        }
    }

    private static Thread Start(Action run)
    {
        var thread = new Thread(() => run()) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private static void Join(Thread thread) =>
        Assert.True(thread.Join(Patience), "Somebody waits for what never comes.");

    /// <summary>Reads as the loop does: takes, gives places back, and sleeps when there is nothing.</summary>
    private sealed class Reader(Inbox inbox, bool readsAhead, int closesAfter = int.MaxValue)
    {
        private readonly Lookahead _ahead = new(inbox, new LoopContext(
            new EngineCore(
                EngineSettings.From(new JobEngineOptions()), new MovingAverageEstimator(), new BatchWriter()),
            new LiveFeed()));
        private readonly int[] _last = [-1, -1, -1, -1];
        private int _total;
        private bool _stops;

        internal int[] Read { get; } = new int[Writers];

        internal string? Complaint { get; private set; }

        private bool HasItems => readsAhead ? _ahead.HasItems : inbox.HasItems;

        private bool IsDrained => readsAhead ? _ahead.IsDrained : inbox.IsDrained;

        internal void Stop()
        {
            Volatile.Write(ref _stops, true);
            inbox.Ring();
        }

        internal void Run()
        {
            while (!(Volatile.Read(ref _stops) && !HasItems) && _total < closesAfter)
            {
                if (!Step())
                {
                    inbox.Sleep(() => HasItems || Volatile.Read(ref _stops));
                }
            }

            inbox.Close();
            var wait = default(SpinWait);
            while (!IsDrained)
            {
                inbox.Disperse();
                if (!Step())
                {
                    wait.SpinOnce();
                }
            }
        }

        private bool Step()
        {
            int count = 0;
            if (readsAhead)
            {
                if (_ahead.TryRead(out var operation))
                {
                    Note((NumberedOperation)operation);
                    count = 1;
                }

                return count > 0;
            }

            while (inbox.TryRead(out var operation))
            {
                Note((NumberedOperation)operation);
                count++;
            }

            // None of their places was given back.
            Complaint = count <= Capacity ? Complaint : $"{count} were in an inbox of {Capacity}.";
            inbox.Release(count);
            return count > 0;
        }

        private void Note(NumberedOperation operation)
        {
            _total++;
            Read[operation.Author]++;
            if (operation.Number <= _last[operation.Author])
            {
                Complaint ??= $"Number {operation.Number} of writer {operation.Author} came after " +
                    $"{_last[operation.Author]}.";
            }

            _last[operation.Author] = operation.Number;
        }
    }

    /// <summary>Writes a few at a time without waiting for each, and loses patience with some.</summary>
    private sealed class Author(Inbox inbox, int number, int count)
    {
        internal int GotIn { get; private set; }

        internal int GaveUp { get; private set; }

        internal int SentAway { get; private set; }

        internal void WriteInBursts()
        {
            var random = new Random(number);
            var under = new List<(Task Task, CancellationTokenSource? Patience)>();
            for (int next = 0; next < count && SentAway == 0;)
            {
                int burst = Math.Min(random.Next(1, 2 * Capacity), count - next);
                for (int i = 0; i < burst; i++)
                {
                    var patience = random.Next(8) == 0 ? new CancellationTokenSource() : null;
                    var operation = new NumberedOperation(number, next++);
                    under.Add((inbox.WriteAsync(operation, patience?.Token ?? default).AsTask(), patience));
                }

                foreach (var (_, patience) in under)
                {
                    patience?.Cancel();
                }

                foreach (var (task, patience) in under)
                {
                    Count(task);
                    patience?.Dispose();
                }

                under.Clear();
            }
        }

        private void Count(Task task)
        {
            try
            {
                if (!task.Wait(Patience))
                {
                    return;
                }

                GotIn++;
            }
            catch (AggregateException exception) when (exception.InnerException is OperationCanceledException)
            {
                GaveUp++;
            }
            catch (AggregateException exception) when (exception.InnerException is EngineStoppedException)
            {
                SentAway++;
            }
        }
    }
}
