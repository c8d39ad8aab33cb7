using Engine.Storage;
using Engine.Tests.Redis;
using Engine.Tests.Support;

namespace Engine.Tests;

/// <summary>Redis dies, the network breaks, and every append is answered as what became of it.</summary>
[Collection(RedisTests.Name)]
public sealed class RedisFaultTests
{
    [RedisFact]
    public async Task F10_Redis_is_killed_and_started_again_fifty_times_under_load()
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal();
        var load = await LedgerLoad.StartAsync(journal);
        for (int i = 0; i < 50; i++)
        {
            await load.AdvanceAsync(20 + (i % 7));
            server.Kill();
            await server.StartAsync();
        }

        await load.AdvanceAsync(10);
        await load.StopAsync();

        Assert.Null(load.Failure);
        load.Check(await server.ReadTextsAsync());
    }

    [RedisTheory]
    [InlineData(nameof(Fault.CutBeforeSend), 60)]
    [InlineData(nameof(Fault.CutInside), 60)]
    [InlineData(nameof(Fault.CutAfterSend), 60)]
    [InlineData(nameof(Fault.HalfOpen), 8)]
    public async Task F11_Lost_answers_are_found_out(string fault, int times)
    {
        await using var server = await RedisServer.StartAsync();
        await using var proxy = new FaultProxy(server.Port);
        await using var journal = proxy.OpenJournal(
            options => options.CommandTimeout = TimeSpan.FromMilliseconds(400));
        var load = await LedgerLoad.StartAsync(journal);
        int pieces = 0;
        int hit = 0;
        proxy.Decide = () =>
        {
            // Also while reconnecting: every seventeenth piece falls on each step of it in turn.
            bool strikes = Interlocked.Increment(ref pieces) % 17 == 0 && Volatile.Read(ref hit) < times;
            return strikes && Interlocked.Increment(ref hit) <= times ? Enum.Parse<Fault>(fault) : Fault.None;
        };

        while (Volatile.Read(ref hit) < times)
        {
            await load.AdvanceAsync(1);
        }

        await load.AdvanceAsync(20);
        await load.StopAsync();

        Assert.Null(load.Failure);
        load.Check(await server.ReadTextsAsync());
    }

    [RedisTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task F11_Faults_of_all_kinds_by_chance_lose_and_double_nothing(int seed)
    {
        await using var server = await RedisServer.StartAsync();
        await using var proxy = new FaultProxy(server.Port);
        await using var journal = proxy.OpenJournal(
            options => options.CommandTimeout = TimeSpan.FromMilliseconds(400));
        var load = await LedgerLoad.StartAsync(journal);
        var random = new Random(seed);
        Fault[] kinds = [Fault.CutBeforeSend, Fault.CutInside, Fault.CutAfterSend, Fault.CutAfterSend];
        int hit = 0;
        proxy.Decide = () =>
        {
            lock (random)
            {
                if (hit >= 100 || random.Next(9) != 0)
                {
                    return Fault.None;
                }

                hit++;
                return hit % 25 == 0 ? Fault.HalfOpen : kinds[random.Next(kinds.Length)];
            }
        };

        while (Volatile.Read(ref hit) < 100)
        {
            await load.AdvanceAsync(1);
        }

        await load.AdvanceAsync(20);
        await load.StopAsync();

        Assert.Null(load.Failure);
        load.Check(await server.ReadTextsAsync());
    }

    [RedisFact]
    public async Task F11_An_append_that_arrives_after_it_was_sent_again_changes_nothing()
    {
        await using var server = await RedisServer.StartAsync();
        await using var proxy = new FaultProxy(server.Port);
        await using var journal = proxy.OpenJournal(
            options => options.CommandTimeout = TimeSpan.FromMilliseconds(400));
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");

        // The first copy of the second append stays in the network until two appends more are stored.
        int pieces = 0;
        proxy.Decide = () => Interlocked.Increment(ref pieces) == 1 ? Fault.Hold : Fault.None;
        await writer.AppendAsync("2", "3", "4");
        proxy.LetGo();
        await writer.AppendAsync("5", "6");

        Assert.True(pieces > 1);
        Assert.Equal(["1", "2", "3", "4", "5", "6"], await server.ReadTextsAsync());
    }

    [RedisFact]
    public async Task F10_An_outage_longer_than_the_bound_is_unknown_for_good()
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal(options => options.OutageTimeout = TimeSpan.FromMilliseconds(300));
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");
        server.Kill();

        var first = await writer.Start("2").AsTask().WaitAsync(RedisJournals.Patience);
        await server.StartAsync();
        var later = await writer.Start("3");

        Assert.Equal((AppendStatus.Unknown, AppendStatus.Unknown), (first.Status, later.Status));
        Assert.Contains("cannot be reached", first.Error, StringComparison.Ordinal);
        await Assert.ThrowsAsync<JournalException>(() => journal.SaveSnapshotAsync(writer.Epoch, 1, default).AsTask());
    }

    [RedisFact]
    public async Task F10_An_idle_owner_survives_any_outage()
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal(options => options.OutageTimeout = TimeSpan.FromSeconds(5));
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");

        server.Kill();
        await server.StartAsync();

        await writer.AppendAsync("2");
        Assert.Equal(["1", "2"], await server.ReadTextsAsync());
    }

    [RedisFact]
    public async Task F11_A_stalled_server_is_waited_for()
    {
        await using var server = await RedisServer.StartAsync();
        await using var journal = server.OpenJournal(
            options => options.CommandTimeout = TimeSpan.FromMilliseconds(300));
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");
        server.Pause();

        var append = writer.Start("2").AsTask();
        await Task.WhenAny(append, Task.Delay(TimeSpan.FromSeconds(1)));
        Assert.False(append.IsCompleted);
        server.Resume();

        Assert.Equal(AppendResult.Durable, await append.WaitAsync(RedisJournals.Patience));
        Assert.Equal(["1", "2"], await server.ReadTextsAsync());
    }

    [RedisFact]
    public async Task F10_Starting_waits_for_a_Redis_that_comes_up_and_says_so_when_it_does_not()
    {
        await using var server = await RedisServer.StartAsync();
        server.Kill();
        await using var patient = server.OpenJournal();
        await using var impatient = server.OpenJournal(
            options => options.OutageTimeout = TimeSpan.FromMilliseconds(200));

        var error = await Assert.ThrowsAnyAsync<JournalException>(() => impatient.AcquireAsync().AsTask());
        var acquiring = patient.AcquireAsync().AsTask();
        await server.StartAsync();

        Assert.Contains(server.Address, error.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await acquiring.WaitAsync(RedisJournals.Patience)).Epoch);
    }
}
