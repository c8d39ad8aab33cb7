using Engine.Storage.Redis.Connections;

namespace Engine.Storage.Redis.Owning;

/// <summary>Makes an owner: looks, judges, and takes the ownership if nothing has changed since it looked.</summary>
/// <remarks>One that failed may have taken the ownership all the same, if its answer was lost: running it again finds
/// that out by its nonce.</remarks>
internal sealed class Acquisition(
    RedisJournalOptions options, JournalKeys keys, HighMark mark, string server, TimeProvider time)
{
    private readonly Guid _nonce = options.NewGuid();

    private string NonceText => _nonce.ToString("N");

    /// <summary>Takes the journal over from nobody, from an owner whose lease is over, or from
    /// <paramref name="former"/>, which is closed.</summary>
    /// <param name="side">Makes the connection.</param>
    /// <param name="former">The same object's session before this one.</param>
    /// <param name="address">Where the owner's callers reach it.</param>
    /// <param name="cancellationToken">Gives up; the lease may have been taken.</param>
    /// <exception cref="JournalLockedException">Another owner's lease is valid.</exception>
    internal async Task<Acquired> RunAsync(
        SideConnection side, OwnerSession? former, string? address, CancellationToken cancellationToken)
    {
        string formerNonce = former?.Record.NonceText ?? "";
        if (former is not null)
        {
            await former.EndAsync(release: false).ConfigureAwait(false);
            mark.Raise(former.Record.Id, former.Record.Epoch, former.Durable);
        }

        var (connection, taken) = await side.UseAndTakeAsync(
            connection => TakeAsync(connection, formerNonce, address ?? ""), cancellationToken).ConfigureAwait(false);
        mark.Raise(taken.Record.Id, taken.Record.Epoch, taken.End);
        return new Acquired(taken.Record, taken.End, connection, taken.AskedAt);
    }

    private async Task<(OwnershipRecord Record, (long, uint) End, long AskedAt)> TakeAsync(
        IRedisConnection connection, string formerNonce, string address)
    {
        await RequireReplicasAsync(connection).ConfigureAwait(false);
        while (true)
        {
            long askedAt = time.GetTimestamp();
            var stored = await StoredJournal.ReadAsync(connection, keys).ConfigureAwait(false);
            var end = (stored?.Sequence ?? 0, stored?.Checksum ?? 0);
            mark.Require(stored);
            if (stored?.Nonce == NonceText)
            {
                // An attempt whose answer was lost had gone through. What it wrote counts with the next sync.
                var own = new OwnershipRecord(stored.Id, stored.Epoch, _nonce, options.LeaseDuration);
                var renewed = await connection.EvaluateAsync(JournalScripts.Renew, keys.MetaOnly, own.RenewArguments)
                    .ConfigureAwait(false);
                if (RedisText.Read(renewed[0]) != JournalScripts.Done)
                {
                    // Its lease ran out meanwhile, and somebody else was there: the next look says who.
                    continue;
                }

                await RequireReplicasAsync(connection).ConfigureAwait(false);
                return (own, end, askedAt);
            }

            if (stored is { IsOwned: true, LeaseIsTooLong: false } && stored.Nonce != formerNonce)
            {
                mark.Raise(stored.Id, stored.Epoch, (stored.Sequence, stored.Checksum));
                throw Locked(stored);
            }

            string id = stored?.Id ?? options.NewGuid().ToString("N");
            long epoch = (stored?.Epoch ?? 0) + 1;
            var answer = await connection.EvaluateAsync(
                JournalScripts.Acquire,
                keys.MetaAndLog,
                [
                    stored is null ? [] : RedisText.Of(stored.Epoch),
                    RedisText.Of(stored?.Nonce ?? ""),
                    stored is null ? [] : RedisText.Of(stored.Sequence),
                    RedisText.Of(formerNonce),
                    RedisText.Of(epoch),
                    RedisText.Of(NonceText),
                    RedisText.Of((long)options.LeaseDuration.TotalMilliseconds),
                    RedisText.Of(address),
                    RedisText.Of(id),
                ]).ConfigureAwait(false);

            // Locked or changed meanwhile: the next look says by whom.
            if (RedisText.Read(answer[0]) == JournalScripts.Done)
            {
                // An epoch must not go back either: it counts when the replicas know it, too.
                await RequireReplicasAsync(connection).ConfigureAwait(false);
                return (new OwnershipRecord(id, epoch, _nonce, options.LeaseDuration), end, askedAt);
            }
        }
    }

    private async Task RequireReplicasAsync(IRedisConnection connection)
    {
        if (await Replication.ProblemAsync(connection, options).ConfigureAwait(false) is { } tooFew)
        {
            throw new RedisRefusedException($"Redis at {server}: {tooFew}.");
        }
    }

    private JournalLockedException Locked(StoredJournal stored)
    {
        string owner = stored.Owner.Length > 0 ? $" at {stored.Owner}" : "";
        return new JournalLockedException(
            $"The journal in {keys.Meta} of Redis at {server} is owned by another engine{owner} (epoch {stored.Epoch}); " +
            $"its lease ends in {stored.LeaseLeft.TotalSeconds:0.0} s unless it is renewed.",
            stored.Owner.Length > 0 ? stored.Owner : null,
            stored.LeaseLeft);
    }
}
