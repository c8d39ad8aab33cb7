using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Redis;
using Engine.Tests.Redis;

namespace Engine.Bench.Throughput;

/// <summary>Opens journals of the kind under test, each in a directory or namespace of its own, and clears up after
/// them.</summary>
internal sealed class Journals : IAsyncDisposable
{
    internal const string Memory = "memory";
    internal const string Faster = "faster";
    internal const string Redis = "redis";

    private readonly string _kind;
    private readonly string _directory;
    private readonly RedisServer? _server;
    private readonly string _redis;
    private int _count;

    private Journals(string kind, string directory, RedisServer? server, string redis) =>
        (_kind, _directory, _server, _redis) = (kind, directory, server, redis);

    /// <summary>Where Redis is, if the journals are there.</summary>
    internal string? RedisAddress => _kind == Redis ? _redis : null;

    /// <summary>Makes ready; starts a redis-server that syncs before it answers when one is needed.</summary>
    /// <param name="kind">What the journals are kept in.</param>
    /// <param name="directory">Where they lie; the server's data, too.</param>
    /// <param name="redis">A server that runs already, or null.</param>
    internal static async Task<Journals> CreateAsync(string kind, string directory, string? redis)
    {
        if (kind != Redis || redis is not null)
        {
            return new Journals(kind, directory, null, redis ?? "");
        }

        Directory.CreateDirectory(directory);
        var server = await RedisServer.StartAsync("--dir", directory);
        return new Journals(kind, directory, server, server.Address);
    }

    /// <summary>An empty journal that need not be read back.</summary>
    internal IJournal OpenNew() => _kind == Memory ? new MemoryJournal(keepFrames: false) : Open($"journal-{_count++}");

    /// <summary>Opens one journal several times, one after another.</summary>
    internal Func<IJournal> Reopenable()
    {
        if (_kind == Memory)
        {
            var journal = new MemoryJournal(keepFrames: true);
            return () => journal;
        }

        string name = $"journal-{_count++}";
        return () => Open(name);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private IJournal Open(string name) => _kind == Redis
        ? new RedisJournal(
            new RedisJournalOptions
            {
                Connection = _redis,
                Namespace = $"bench-{Environment.ProcessId}-{name}",

                // Other measurements stall the server, too; none of them is about time-outs.
                CommandTimeout = TimeSpan.FromSeconds(30),
                OutageTimeout = TimeSpan.FromMinutes(1),
            },
            TimeProvider.System)
        : new FasterJournal(new FasterJournalOptions { Directory = Path.Combine(_directory, name) });
}
