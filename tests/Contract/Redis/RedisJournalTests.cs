using Engine.Storage;
using Engine.Storage.Redis;
using Engine.Tests.Redis;
using Engine.Tests.Support;

namespace Engine.Tests;

/// <summary>One redis-server for the tests of a class.</summary>
public sealed class RedisFixture : IAsyncLifetime
{
    private RedisServer? _server;

    internal RedisServer Server => _server ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync()
    {
        if (RedisServer.Missing is null)
        {
            _server = await RedisServer.StartAsync();
        }
    }

    public async Task DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }
}

[NeedsRedis]
[Collection(RedisTests.Name)]
public sealed class RedisJournalTests(RedisFixture redis) : JournalContract, IClassFixture<RedisFixture>
{
    private readonly string _name = Guid.NewGuid().ToString("N");

    private protected override IJournal Open() => new RedisJournal(
        new RedisJournalOptions { Connection = redis.Server.Address, Namespace = _name }, TimeProvider.System);

    private protected override IJournal Reopen(IJournal closed) => Open();
}
