using Engine.Storage.Redis;

namespace Engine.Host.Configuration;

/// <summary>The settings of the journal in Redis.</summary>
internal static class RedisKeys
{
    internal static IReadOnlyList<Setting> All { get; } =
    [
        Setting.Text("Redis:Connection", null,
            "one server as StackExchange.Redis writes it, such as localhost:6379,password=...",
            "With `Journal` `Redis`: the primary, as `host:port`, then settings behind commas: `password=...`, "
            + "`ssl=true`. [redis.md](redis.md) says how it must be set up.",
            RedisJournalOptions.IsConnection,
            (s, _, value) => s.Redis.Connection = value),
        Setting.Text("Redis:Namespace", "engine", "1 to 64 letters, digits, dots, dashes, underscores and colons",
            "With `Journal` `Redis`: what the journal's keys begin with. Two engines that differ in it share one Redis "
            + "and know nothing of each other.",
            text => text.Length <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':'),
            (s, _, value) => s.Redis.Namespace = value),
        Setting.Duration(
            "Redis:LeaseDuration", TimeSpan.FromSeconds(5), TimeSpan.FromMilliseconds(500), TimeSpan.FromMinutes(10),
            "With `Journal` `Redis`: how long the ownership lasts without a sign of life of the owner. So soon after "
            + "its end a standby takes over, and so long a restart after a crash waits.",
            (s, _, value) => s.Redis.LeaseDuration = value),
        Setting.Duration(
            "Redis:CommandTimeout", TimeSpan.FromSeconds(2), TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(1),
            "With `Journal` `Redis`: how long one command may go without an answer before its connection is given up.",
            (s, _, value) => s.Redis.CommandTimeout = value),
        Setting.Duration(
            "Redis:OutageTimeout", TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10),
            "With `Journal` `Redis`: how long Redis may be away, or refuse, while work waits for it, before the host "
            + "stops.",
            (s, _, value) => s.Redis.OutageTimeout = value),
        Setting.Integer("Redis:Replicas", 0, 0, 16,
            "With `JournalDurability` `Replicated`: how many replicas have what is acknowledged (`WAIT`).",
            (s, _, value) => s.Redis.Replicas = value),
    ];
}
