using System.Globalization;
using System.Text;
using Engine.Storage.Redis.Connections;

namespace Engine.Tests;

/// <summary>A journal as it was exported from Redis, which answers as Redis would: so that hundreds of thousands of
/// damages can be tried on it, each by the code that reads in production.</summary>
internal sealed class StoredJournalDouble : IRedisConnector, IRedisConnection
{
    private static readonly string[] MetaFields =
    [
        "version", "id", "epoch", "nonce", "owner", "lease", "until", "sequence", "checksum", "first", "base", "snapshot",
        "previous",
    ];

    /// <summary>The hash, field by field.</summary>
    internal Dictionary<string, byte[]> Meta { get; init; } = [];

    /// <summary>The stream: ids and frames.</summary>
    internal List<(string Id, byte[] Frame)> Log { get; init; } = [];

    public string Server => "a double";

    internal StoredJournalDouble Copy() => new() { Meta = new(Meta), Log = [.. Log] };

    public Task<IRedisConnection> ConnectAsync() => Task.FromResult<IRedisConnection>(this);

    public Task<byte[]?[]> EvaluateAsync(RedisScript script, string[] keys, byte[][] arguments) =>
        Task.FromResult<byte[]?[]>(script.Name switch
        {
            "look" => Look(),
            "read" => Read(Number(arguments[0]), Number(arguments[1]), (int)Number(arguments[2])),
            _ => throw new NotSupportedException(script.Name),
        });

    public Task<byte[]?[]> ExecuteAsync(string command, params string[] arguments) =>
        Task.FromResult<byte[]?[]>((command, arguments.LastOrDefault()) switch
        {
            ("INFO", _) => [Bytes("redis_version:7.0.15\r\ncluster_enabled:0\r\nrole:master\r\n")],
            ("CONFIG", "appendonly") => [[], Bytes("yes")],
            ("CONFIG", "appendfsync") => [[], Bytes("always")],
            ("CONFIG", "no-appendfsync-on-rewrite") => [[], Bytes("no")],
            ("CONFIG", "maxmemory-policy") => [[], Bytes("noeviction")],
            _ => throw new NotSupportedException(command),
        });

    public void Dispose()
    {
        // There is nothing behind it.
    }

    private byte[][] Look() =>
    [
        Bytes("OK"), Bytes("1"), Bytes(Meta.Count > 0 ? "1" : "0"), Bytes($"{Log.Count}"),
        .. End(Log.Count > 0 ? Log[0] : null), .. End(Log.Count > 0 ? Log[^1] : null),
        .. MetaFields.Select(field => Meta.GetValueOrDefault(field) ?? []),
    ];

    private static byte[][] End((string Id, byte[] Frame)? entry) =>
        entry is var (id, frame) ? [Bytes(id), frame[..Math.Min(48, frame.Length)]] : [[], []];

    private byte[][] Read(long first, long last, int count) =>
    [
        Bytes("OK"), Meta.GetValueOrDefault("first") ?? [],
        .. Log.Where(entry => SequenceOf(entry.Id) is var sequence && sequence >= first && sequence <= last).Take(count)
            .SelectMany(static entry => new[] { Bytes(entry.Id), entry.Frame }),
    ];

    private static long SequenceOf(string id) =>
        long.Parse(id.AsSpan(0, id.IndexOf('-', StringComparison.Ordinal)), CultureInfo.InvariantCulture);

    private static long Number(byte[] text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
