using Engine.Storage;
using Engine.Storage.Redis;
using Engine.Tests.Support;

namespace Engine.Tests;

/// <summary>What an owner believes about its lease when nobody asks it to write.</summary>
[NeedsRedis]
[Collection(RedisTests.Name)]
public sealed class RedisLeaseTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(30);

    private readonly string _name = Guid.NewGuid().ToString("N");

    [ContractFact]
    public async Task The_lease_holds_from_the_acquisition_to_the_close_while_it_is_renewed()
    {
        // Long enough for a busy machine; four renewals take longer than one lease.
        var journal = Open(TimeSpan.FromSeconds(2));
        Assert.False(journal.HoldsLease);

        await journal.AcquireAsync();
        var renewals = new HashSet<string>();
        while (renewals.Count < 5)
        {
            renewals.Add(await redis.Server.CommandAsync(
                "EVAL", "return tonumber(redis.call('HGET', KEYS[1], 'until'))", "1", $"{{{_name}}}:meta"));
            Assert.True(journal.HoldsLease, "an idle owner lost its lease though Redis answers");
        }

        await journal.DisposeAsync();
        Assert.False(journal.HoldsLease);
    }

    [ContractFact]
    public async Task Without_renewals_the_lease_ends_before_anybody_can_take_over_and_comes_back_with_one()
    {
        await using var journal = Open();
        await using var next = Open();
        var writer = await JournalWriter.AcquireAsync(journal);
        redis.Server.Pause();
        try
        {
            await UntilAsync(() => !journal.HoldsLease);
        }
        finally
        {
            redis.Server.Resume();
        }

        await UntilAsync(() => journal.HoldsLease);
        await Assert.ThrowsAsync<JournalLockedException>(() => next.AcquireAsync().AsTask());
        await writer.AppendAsync("1");
        Assert.False(journal.OwnershipEnded.IsCompleted);
    }

    [ContractFact]
    public async Task An_idle_owner_that_was_replaced_learns_it_by_itself()
    {
        await using var journal = Open();
        await journal.AcquireAsync();

        // Another owner, as the server knows one.
        await redis.Server.CommandAsync("HSET", $"{{{_name}}}:meta", "epoch", "2", "nonce", "another");

        Assert.Equal(AppendStatus.Fenced, (await journal.OwnershipEnded.WaitAsync(Guard)).Status);
        Assert.False(journal.HoldsLease);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var guard = new CancellationTokenSource(Guard);
        while (!condition())
        {
            guard.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private RedisJournal Open(TimeSpan? lease = null) => new(
        new RedisJournalOptions
        {
            Connection = redis.Server.Address,
            Namespace = _name,
            LeaseDuration = lease ?? TimeSpan.FromMilliseconds(500),
        },
        TimeProvider.System);
}
