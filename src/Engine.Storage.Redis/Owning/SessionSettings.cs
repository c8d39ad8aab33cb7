using Engine.Storage.Redis.Connections;
using Microsoft.Extensions.Logging;

namespace Engine.Storage.Redis.Owning;

/// <summary>What a session works with.</summary>
/// <param name="Options">The journal's.</param>
/// <param name="Keys">The journal's.</param>
/// <param name="ConnectAsync">Makes a connection to a server that was checked.</param>
/// <param name="Mark">Told which end of the log was seen in Redis.</param>
/// <param name="Time">The clock of time-outs and keep-alives.</param>
/// <param name="Logger">The journal's.</param>
internal sealed record SessionSettings(
    RedisJournalOptions Options,
    JournalKeys Keys,
    Func<Task<IRedisConnection>> ConnectAsync,
    HighMark Mark,
    TimeProvider Time,
    ILogger Logger);

/// <summary>A journal that was acquired.</summary>
/// <param name="Record">By whom.</param>
/// <param name="End">The last frame.</param>
/// <param name="Connection">What it was acquired on; the owner's alone.</param>
/// <param name="AskedAt">A timestamp from before it was asked for.</param>
internal sealed record Acquired(
    OwnershipRecord Record, (long Sequence, uint Checksum) End, IRedisConnection Connection, long AskedAt);

/// <summary>Who an owner is, in Redis's eyes.</summary>
internal sealed class OwnershipRecord
{
    internal OwnershipRecord(string id, long epoch, Guid nonce, TimeSpan lease)
    {
        (Id, Epoch, Nonce) = (id, epoch, nonce);
        Arguments = [RedisText.Of(epoch), RedisText.Of(NonceText)];
        RenewArguments = [.. Arguments, RedisText.Of((long)lease.TotalMilliseconds)];
    }

    /// <summary>The journal's own, made with it.</summary>
    internal string Id { get; }

    internal long Epoch { get; }

    internal Guid Nonce { get; }

    internal string NonceText => Nonce.ToString("N");

    /// <summary>Epoch and nonce, which every script of an owner begins with.</summary>
    internal byte[][] Arguments { get; }

    /// <summary>The same and the lease, in milliseconds.</summary>
    internal byte[][] RenewArguments { get; }
}
