namespace Engine.Storage.Redis.Connections;

/// <summary>Waits until replicas have what a connection wrote.</summary>
internal static class Replication
{
    /// <summary>Why not as many replicas as configured have everything that was written on this connection before; null
    /// when they have, or none are asked for.</summary>
    internal static async Task<string?> ProblemAsync(IRedisConnection connection, RedisJournalOptions options)
    {
        if (options.Replicas == 0)
        {
            return null;
        }

        // Redis gives up before the connection does: its answer is a number in any case, and the number decides.
        long patienceMs = Math.Max(1, (long)options.CommandTimeout.TotalMilliseconds / 2);
        var answer = await connection
            .ExecuteAsync("WAIT", RedisText.Read(RedisText.Of(options.Replicas)), RedisText.Read(RedisText.Of(patienceMs)))
            .ConfigureAwait(false);
        return RedisText.TryRead(answer.FirstOrDefault(), out long count) && count >= options.Replicas
            ? null
            : $"{count} of {options.Replicas} replicas have what was written";
    }
}
