using System.Buffers;
using System.Diagnostics;
using Engine.Storage;
using Engine.Storage.Redis;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;
using Engine.Tests.Redis;
using Engine.Tests.Support;

namespace Engine.Tests;

/// <summary>One owner at a time, whatever the former one believes (F25).</summary>
[Collection(RedisTests.Name)]
public sealed class RedisFencingTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private readonly string _name = Guid.NewGuid().ToString("N");

    [RedisFact]
    public async Task F25_A_journal_with_an_owner_is_refused_with_his_address_and_for_how_long()
    {
        await using var owner = Open(options => options.OwnerAddress = static () => "http://10.0.0.1:5080");
        await using var other = Open();
        await owner.AcquireAsync();

        var refused = await Assert.ThrowsAsync<JournalLockedException>(() => other.AcquireAsync().AsTask());

        Assert.Equal("http://10.0.0.1:5080", refused.Owner);
        Assert.InRange(refused.RetryAfter!.Value, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(2));
        Assert.Contains("http://10.0.0.1:5080", refused.Message, StringComparison.Ordinal);
    }

    [RedisFact]
    public async Task F25_An_idle_owner_keeps_the_journal()
    {
        await using var owner = Open(options => options.LeaseDuration = TimeSpan.FromMilliseconds(600));
        await using var other = Open();
        var writer = await JournalWriter.AcquireAsync(owner);

        // Asked for four leases long without a pause.
        for (long started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(2.4);)
        {
            await Assert.ThrowsAsync<JournalLockedException>(() => other.AcquireAsync().AsTask());
        }

        await writer.AppendAsync("1");
    }

    [RedisFact]
    public async Task F25_A_clean_stop_hands_over_at_once()
    {
        await using var other = Open();
        await using (var owner = Open(options => options.LeaseDuration = TimeSpan.FromMinutes(10)))
        {
            await (await JournalWriter.AcquireAsync(owner)).AppendAsync("1");
            await Assert.ThrowsAsync<JournalLockedException>(() => other.AcquireAsync().AsTask());
        }

        Assert.Equal((2, 1), Show(await other.AcquireAsync()));
    }

    [RedisFact]
    public async Task F25_A_paused_owner_that_wakes_writes_nothing()
    {
        await using var proxy = new FaultProxy(redis.Server.Port);
        await using var paused = RedisJournals.Open(proxy.Address, Set(options =>
        {
            options.CommandTimeout = TimeSpan.FromMinutes(1);
            options.LeaseDuration = TimeSpan.FromSeconds(1);
        }));
        await using var next = Open();
        var former = await JournalWriter.AcquireAsync(paused);
        await former.AppendAsync("1");
        proxy.Freeze();
        Task<AppendResult>[] late =
            [former.Start("a").AsTask(), former.Start("b").AsTask(), former.Start("c").AsTask()];

        long started = Stopwatch.GetTimestamp();
        var writer = await AcquireWhenFreeAsync(next);
        var waited = Stopwatch.GetElapsedTime(started);
        await writer.AppendAsync("2");
        proxy.Thaw();

        foreach (var append in late)
        {
            Assert.Equal(AppendStatus.Fenced, (await append.WaitAsync(RedisJournals.Patience)).Status);
        }

        Assert.Equal(AppendStatus.Fenced, (await former.Start("d")).Status);
        Assert.Equal(AppendStatus.Fenced, (await paused.OwnershipEnded.WaitAsync(RedisJournals.Patience)).Status);
        Assert.False(paused.HoldsLease);
        Assert.True(next.HoldsLease);
        await Assert.ThrowsAsync<JournalFencedException>(
            () => paused.SaveSnapshotAsync(former.Epoch, 1, "s"u8.ToArray()).AsTask());
        await Assert.ThrowsAsync<JournalFencedException>(() => paused.TruncateAsync(former.Epoch, 1).AsTask());
        await writer.AppendAsync("3");
        Assert.Equal(["1", "2", "3"], await next.ReadTextsAsync());
        Assert.InRange(waited, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [RedisFact]
    public async Task F25_A_snapshot_of_a_former_owner_is_refused_by_Redis()
    {
        // The former owner does not know yet: nothing of his own says no.
        await using var proxy = new FaultProxy(redis.Server.Port);
        await using var former = RedisJournals.Open(
            proxy.Address, Set(options => options.LeaseDuration = TimeSpan.FromMilliseconds(500)));
        await using var next = Open();
        var writer = await JournalWriter.AcquireAsync(former);
        await writer.AppendAsync("1", "2");
        await former.SaveSnapshotAsync(writer.Epoch, 2, "s"u8.ToArray());
        proxy.Freeze();
        await AcquireWhenFreeAsync(next);

        var saving = former.SaveSnapshotAsync(writer.Epoch, 1, new byte[2_000_000]).AsTask();
        var newer = former.SaveSnapshotAsync(writer.Epoch, 2, new byte[2_000_000]).AsTask();
        var truncating = former.TruncateAsync(writer.Epoch, 2).AsTask();
        proxy.Thaw();

        await saving;
        await Assert.ThrowsAsync<JournalFencedException>(() => newer);
        await Assert.ThrowsAsync<JournalFencedException>(() => truncating);
        Assert.Equal(["1", "2"], await next.ReadTextsAsync());
        Assert.Equal("s"u8.ToArray(), (await next.LoadSnapshotAsync())!.State.ToArray());
    }

    [RedisFact]
    public async Task F25_An_owner_whose_lease_ran_out_goes_on_while_nobody_took_over()
    {
        await using var proxy = new FaultProxy(redis.Server.Port);
        await using var owner = RedisJournals.Open(proxy.Address, Set(options =>
        {
            options.CommandTimeout = TimeSpan.FromMinutes(1);
            options.LeaseDuration = TimeSpan.FromMilliseconds(500);
        }));
        var writer = await JournalWriter.AcquireAsync(owner);
        await writer.AppendAsync("1");
        proxy.Freeze();
        var append = writer.Start("2");
        await UntilLeaseIsOverAsync();
        proxy.Thaw();

        Assert.Equal(AppendResult.Durable, await append);
        await writer.AppendAsync("3");
    }

    [RedisFact]
    public async Task F25_An_idle_owner_learns_that_he_was_replaced_and_knows_before_that_his_lease_is_over()
    {
        await using var proxy = new FaultProxy(redis.Server.Port);
        await using var owner = RedisJournals.Open(
            proxy.Address, Set(options => options.LeaseDuration = TimeSpan.FromMilliseconds(500)));
        await using var next = Open();
        Assert.False(owner.HoldsLease);
        await owner.AcquireAsync();
        Assert.True(owner.HoldsLease);
        proxy.Freeze();

        await AcquireWhenFreeAsync(next);
        Assert.False(owner.HoldsLease);
        Assert.False(owner.OwnershipEnded.IsCompleted);
        proxy.Thaw();

        Assert.Equal(AppendStatus.Fenced, (await owner.OwnershipEnded.WaitAsync(RedisJournals.Patience)).Status);
    }

    [RedisFact]
    public async Task F25_Of_ten_at_once_one_becomes_the_owner()
    {
        var journals = Enumerable.Range(0, 10).Select(_ => Open()).ToList();
        var acquiring = journals.Select(journal => Task.Run(() => journal.AcquireAsync().AsTask())).ToList();
        await Task.WhenAll(acquiring.Select(static task => task.ContinueWith(static _ => { }, TaskScheduler.Default)));

        var owner = Assert.Single(acquiring, static task => task.IsCompletedSuccessfully);
        Assert.Equal(1, (await owner).Epoch);
        Assert.All(
            acquiring.Where(task => task != owner),
            static task => Assert.True(
                task.Exception!.InnerException is JournalLockedException, $"{task.Exception}"));
        foreach (var journal in journals)
        {
            await journal.DisposeAsync();
        }
    }

    [RedisFact]
    public async Task A_lease_from_before_the_servers_clock_went_back_lasts_no_longer_than_a_lease()
    {
        await using (var owner = Open(options => options.LeaseDuration = TimeSpan.FromMilliseconds(500)))
        {
            var ownership = await owner.AcquireAsync();

            // As a server finds it that was an hour ahead, from an owner that was killed.
            long until = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds();
            await owner.DisposeAsync();
            await redis.Server.CommandAsync(
                "HSET", $"{{{_name}}}:meta", "nonce", ownership.Nonce.ToString("N"), "until", $"{until}");
        }

        await using var next = Open();
        long started = Stopwatch.GetTimestamp();
        await AcquireWhenFreeAsync(next);

        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromMilliseconds(300), TimeSpan.FromSeconds(5));
    }

    [RedisFact]
    public async Task F10_The_answer_to_an_acquisition_may_be_lost()
    {
        await using var proxy = new FaultProxy(redis.Server.Port);
        for (int fatal = 1; fatal <= 12; fatal++)
        {
            int pieces = 0;
            proxy.Decide = () => Interlocked.Increment(ref pieces) == fatal ? Fault.CutAfterSend : Fault.None;
            await using var journal = RedisJournals.Open(
                proxy.Address, Set(options => options.CommandTimeout = TimeSpan.FromMilliseconds(250)));

            await (await JournalWriter.AcquireAsync(journal)).AppendAsync($"{fatal}");
        }

        await using var reader = Open();
        Assert.Equal(Enumerable.Range(1, 12).Select(i => $"{i}"), await reader.ReadTextsAsync());
    }

    /// <summary>Its answer is lost, the next attempt sees that it went through, and before that one can renew the lease,
    /// the lease is over and somebody else's.</summary>
    [RedisFact]
    public async Task F25_An_acquisition_that_is_taken_away_before_it_is_confirmed_is_none()
    {
        await using var next = Open();
        var connector = new MeddlingConnector(
            new StackExchangeConnector(redis.Server.Address, RedisJournals.Patience, TimeProvider.System));
        string meta = $"{{{_name}}}:meta";
        var options = new RedisJournalOptions();
        Set(null)(options);
        await using var journal = new RedisJournal(options, connector, TimeProvider.System, null);
        connector.AfterAsync = script => script == JournalScripts.Acquire.Name
            ? Task.FromException(new RedisUnreachableException("The answer is lost."))
            : Task.CompletedTask;
        connector.BeforeAsync = async script =>
        {
            if (script == JournalScripts.Renew.Name)
            {
                await redis.Server.CommandAsync("HSET", meta, "until", "0");
                await next.AcquireAsync();
            }
        };

        await Assert.ThrowsAsync<JournalLockedException>(() => journal.AcquireAsync().AsTask());

        Assert.False(journal.HoldsLease);
        Assert.True(next.HoldsLease);
    }

    private static async Task<JournalWriter> AcquireWhenFreeAsync(RedisJournal journal)
    {
        using var guard = new CancellationTokenSource(RedisJournals.Patience);
        while (true)
        {
            guard.Token.ThrowIfCancellationRequested();
            try
            {
                return await JournalWriter.AcquireAsync(journal);
            }
            catch (JournalLockedException)
            {
                // Not yet.
            }
        }
    }

    private async Task UntilLeaseIsOverAsync()
    {
        using var guard = new CancellationTokenSource(RedisJournals.Patience);
        string key = $"{{{_name}}}:meta";
        while (long.Parse((await redis.Server.QueryAsync("HGET", key, "until"))!, null)
            > DateTimeOffset.UtcNow.ToUnixTimeMilliseconds())
        {
            guard.Token.ThrowIfCancellationRequested();
        }
    }

    private static (long Epoch, long Last) Show(JournalOwnership ownership) =>
        (ownership.Epoch, ownership.LastSequence);

    private RedisJournal Open(Action<RedisJournalOptions>? configure = null) => redis.Server.OpenJournal(Set(configure));

    private Action<RedisJournalOptions> Set(Action<RedisJournalOptions>? configure) => options =>
    {
        options.Namespace = _name;
        configure?.Invoke(options);
    };
}
