using System.Globalization;
using System.Threading.Channels;
using Engine.Storage;
using Engine.Tests.Support;

namespace Engine.Tests;

/// <summary>An owner that appends numbered frames, several under way at a time, as the engine does, and books every
/// acknowledgement.</summary>
internal sealed class LedgerLoad
{
    private const int InFlight = 6;

    private volatile bool _stop;
    private readonly Channel<int> _acknowledged = Channel.CreateUnbounded<int>();
    private readonly Random _random = new(5);
    private Task _running = Task.CompletedTask;
    private Task<int>? _next;
    private int _sent;
    private int _durable;

    /// <summary>Numbers from 1 to this were acknowledged.</summary>
    internal int Durable => Volatile.Read(ref _durable);

    /// <summary>What ended the load before it was stopped.</summary>
    internal AppendResult? Failure { get; private set; }

    internal static async Task<LedgerLoad> StartAsync(IJournal journal)
    {
        var load = new LedgerLoad();
        var writer = await JournalWriter.AcquireAsync(journal);
        load._running = Task.Run(() => load.RunAsync(writer));
        return load;
    }

    /// <summary>Returns when so many more were acknowledged.</summary>
    internal async Task AdvanceAsync(int count)
    {
        for (int i = 0; i < count; i++)
        {
            var next = _next ?? NextAsync();
            _next = null;
            bool isNext = await Task.WhenAny(next, Task.Delay(RedisJournals.Patience)) == next;
            Assert.True(isNext, $"Nothing is acknowledged any more after {Durable} of {_sent}: {Failure}.");
        }
    }

    /// <summary>Returns when half a second has passed without an acknowledgement.</summary>
    internal async Task UntilNothingMovesAsync()
    {
        while (await Task.WhenAny(_next ??= NextAsync(), Task.Delay(TimeSpan.FromSeconds(0.5))) == _next)
        {
            _next = null;
        }
    }

    /// <summary>Sends nothing more and waits for what is under way.</summary>
    internal async Task StopAsync()
    {
        _stop = true;
        await _running.WaitAsync(RedisJournals.Patience);
    }

    /// <summary>Every acknowledged number is stored, once, in its order; none is stored that was not sent.</summary>
    internal void Check(IReadOnlyList<string> stored)
    {
        Assert.InRange(stored.Count, Durable, _sent);
        Assert.Equal(
            Enumerable.Range(1, stored.Count), stored.Select(text => int.Parse(text.Split(' ')[0], CultureInfo.InvariantCulture)));
    }

    private Task<int> NextAsync() => _acknowledged.Reader.ReadAsync().AsTask();

    private async Task RunAsync(JournalWriter writer)
    {
        var open = new Queue<Task<AppendResult>>();
        while (true)
        {
            while (open.Count < InFlight && !_stop && Failure is null)
            {
                int number = Interlocked.Increment(ref _sent);
                open.Enqueue(writer.Start($"{number} {new string('x', _random.Next(3) * _random.Next(10_000))}").AsTask());
            }

            if (!open.TryDequeue(out var oldest))
            {
                return;
            }

            var result = await oldest;
            if (result.Status == AppendStatus.Durable && Failure is null)
            {
                Interlocked.Increment(ref _durable);
                _acknowledged.Writer.TryWrite(Durable);
            }
            else
            {
                Failure ??= result;
                Assert.NotEqual(AppendStatus.Durable, result.Status);
            }
        }
    }
}
