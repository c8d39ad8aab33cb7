namespace Engine.Storage.Redis.Connections;

/// <summary>Whether a server keeps what it acknowledges as the journal's durability says. Asked on every new
/// connection: another server may stand behind the same address.</summary>
internal static class ServerCheck
{
    private static readonly Version Oldest = new(6, 2);

    /// <summary>Why the server does not do, with what to change; null when it does.</summary>
    internal static async Task<string?> ProblemAsync(
        IRedisConnection connection, string server, Durability durability)
    {
        var info = ReadInfo(await connection.ExecuteAsync("INFO").ConfigureAwait(false));
        string version = info.GetValueOrDefault("redis_version", "");
        if (!Version.TryParse(version, out var parsed) || parsed < Oldest)
        {
            return $"Redis at {server} is version '{version}'; {Oldest} or later is needed.";
        }

        if (info.GetValueOrDefault("cluster_enabled") != "0")
        {
            return $"Redis at {server} is a node of a cluster; a single server is needed, with or without replicas.";
        }

        string role = info.GetValueOrDefault("role", "");
        if (role != "master")
        {
            return $"Redis at {server} has the role '{role}'; the primary is needed.";
        }

        List<(string Name, string Value)> needed = [("maxmemory-policy", "noeviction"), ("appendonly", "yes")];
        if (durability != Durability.Logged)
        {
            needed.Add(("appendfsync", "always"));
            needed.Add(("no-appendfsync-on-rewrite", "no"));
        }

        foreach (var (name, value) in needed)
        {
            string found = await ReadSettingAsync(connection, name).ConfigureAwait(false);
            if (found != value)
            {
                return Problem(server, durability, name, value, found);
            }
        }

        return null;
    }

    private static string Problem(string server, Durability durability, string name, string value, string found)
    {
        string instead = name.Contains("fsync", StringComparison.Ordinal)
            ? " Or name the weaker promise: Durability Logged."
            : "";
        return $"Redis at {server} has {name} '{found}'; for durability {durability} it must be '{value}'. Change it " +
            $"in redis.conf, or by CONFIG SET {name} {value} and CONFIG REWRITE.{instead}";
    }

    private static async Task<string> ReadSettingAsync(IRedisConnection connection, string name)
    {
        var answer = await connection.ExecuteAsync("CONFIG", "GET", name).ConfigureAwait(false);
        return answer.Length == 2 ? RedisText.Read(answer[1]) : "";
    }

    private static Dictionary<string, string> ReadInfo(byte[]?[] answer)
    {
        var info = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in RedisText.Read(answer.FirstOrDefault()).Split('\n'))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                info[line[..colon]] = line[(colon + 1)..].Trim();
            }
        }

        return info;
    }
}
