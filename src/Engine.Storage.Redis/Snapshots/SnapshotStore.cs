using System.Buffers;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;
using Microsoft.Extensions.Logging;

namespace Engine.Storage.Redis.Snapshots;

/// <summary>Keeps the two newest snapshots, each in parts under a key of its own.</summary>
/// <remarks>A snapshot is written to the place that neither of them has, read back and compared, and only then does one
/// script make it the newest. A crash in between leaves a place with parts that nothing points to.</remarks>
internal sealed class SnapshotStore(
    SideConnection side, JournalKeys keys, RedisJournalOptions options, ILogger logger)
{
    private readonly HashSet<string> _bad = [];
    private string _verified = "";

    /// <exception cref="JournalFencedException">Another owner has taken over.</exception>
    /// <exception cref="JournalException">Redis failed, or what was read back is not what was written.</exception>
    internal async Task SaveAsync(
        OwnershipRecord record,
        StoredJournal stored,
        long sequence,
        uint checksum,
        ReadOnlySequence<byte> state,
        CancellationToken cancellationToken)
    {
        int slot = FreeSlot(stored);
        var descriptor = SnapshotDescriptor.Of(slot, record.Id, sequence, checksum, state);
        if (SnapshotDescriptor.Read(stored.Snapshot) is { } newest && newest.Sequence > sequence)
        {
            await VerifyNewestAsync(stored, cancellationToken).ConfigureAwait(false);
            return;
        }

        // One that was found bad must not push a whole one out.
        string kept = _bad.Contains(stored.Snapshot) ? stored.PreviousSnapshot : stored.Snapshot;
        byte[][] head = [.. record.Arguments, RedisText.Of(options.NewGuid().ToString("N"))];
        await RunAsync(JournalScripts.BeginSnapshot, slot, [.. head, RedisText.Of(slot)], record, cancellationToken)
            .ConfigureAwait(false);
        try
        {
            await WriteAsync(descriptor, state, head, kept, record, cancellationToken).ConfigureAwait(false);
        }
        catch (JournalOutOfMemoryException)
        {
            // Where memory is out, half a snapshot is the last thing to keep: frames are refused for it, too.
            await RunAsync(
                JournalScripts.BeginSnapshot, slot,
                [.. record.Arguments, RedisText.Of(options.NewGuid().ToString("N")), RedisText.Of(slot)], record,
                cancellationToken).ConfigureAwait(false);
            throw;
        }

        _verified = descriptor.ToString();
    }

    private async Task WriteAsync(
        SnapshotDescriptor descriptor,
        ReadOnlySequence<byte> state,
        byte[][] head,
        string kept,
        OwnershipRecord record,
        CancellationToken cancellationToken)
    {
        int slot = descriptor.Slot;
        var rest = state;
        for (int part = 0; part < descriptor.Parts; part++)
        {
            byte[] bytes = rest.Slice(0, descriptor.LengthOf(part)).ToArray();
            rest = rest.Slice(bytes.Length);
            await RunAsync(
                JournalScripts.PutSnapshotPart, slot, [.. head, RedisText.Of(part), bytes], record,
                cancellationToken).ConfigureAwait(false);
        }

        if (!await IsWholeAsync(descriptor, record.Id, null, cancellationToken).ConfigureAwait(false))
        {
            throw new JournalException(
                $"The snapshot of frame {descriptor.Sequence} was written to {keys.Snapshot(slot)} and came back " +
                "different; the earlier ones stand.");
        }

        // A build that cannot read it must not take it for a damaged one.
        string version = state.Length > options.MaxPlainSnapshotBytes ? StoredJournal.LargeSnapshotsVersion : "";
        await RunAsync(
            JournalScripts.CommitSnapshot, slot,
            [
                .. head, RedisText.Of(descriptor.ToString()), RedisText.Of(descriptor.Sequence), RedisText.Of(kept),
                RedisText.Of(version),
            ],
            record, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The newest that is whole and that the log reaches down to.</summary>
    internal async Task<JournalSnapshot?> LoadAsync(StoredJournal stored, CancellationToken cancellationToken)
    {
        string problem = "there is no snapshot";
        foreach (string text in new[] { stored.Snapshot, stored.PreviousSnapshot }.Where(static text => text.Length > 0))
        {
            if (SnapshotDescriptor.Read(text) is not { } descriptor)
            {
                problem = $"'{text}' describes no snapshot";
                _bad.Add(text);
                logger.SnapshotDamaged(keys.Meta, 0, problem);
                continue;
            }

            // A snapshot that the log does not reach down to helps only if no frame between them is needed.
            if (descriptor.Sequence < stored.First - 1 || descriptor.Sequence > stored.Sequence)
            {
                problem = $"the snapshot of frame {descriptor.Sequence} does not reach the log";
                continue;
            }

            var state = new List<ReadOnlyMemory<byte>>();
            if (await IsWholeAsync(descriptor, stored.Id, state, cancellationToken).ConfigureAwait(false))
            {
                return new JournalSnapshot(descriptor.Sequence, descriptor.Checksum, BytePieces.Join(state));
            }

            problem = $"{keys.Snapshot(descriptor.Slot)} does not hold the snapshot of frame {descriptor.Sequence}";
            _bad.Add(text);
            logger.SnapshotDamaged(keys.Meta, descriptor.Sequence, problem);
        }

        return stored.First == 1
            ? null
            : throw StoredJournal.Damage(
                keys,
                $"{problem}, and {keys.Log} begins only with frame {stored.First}; restore the snapshot from a backup");
    }

    /// <summary>Reads the newest snapshot if this object has not done so before.</summary>
    /// <exception cref="JournalDamagedException">It cannot be read.</exception>
    internal async Task VerifyNewestAsync(StoredJournal stored, CancellationToken cancellationToken)
    {
        if (stored.Snapshot.Length == 0 || stored.Snapshot == _verified)
        {
            return;
        }

        if (SnapshotDescriptor.Read(stored.Snapshot) is not { } descriptor
            || !await IsWholeAsync(descriptor, stored.Id, null, cancellationToken).ConfigureAwait(false))
        {
            throw StoredJournal.Damage(keys, $"the newest snapshot ('{stored.Snapshot}') cannot be read");
        }

        _verified = stored.Snapshot;
    }

    /// <summary>By what Redis will compare: also a descriptor that cannot be read holds its place.</summary>
    private static int FreeSlot(StoredJournal stored) => Enumerable.Range(0, JournalKeys.SnapshotSlots).First(
        slot => !stored.Snapshot.StartsWith($"{slot} ", StringComparison.Ordinal)
            && !stored.PreviousSnapshot.StartsWith($"{slot} ", StringComparison.Ordinal));

    /// <summary>Reads all parts, and puts them into <paramref name="state"/> if somebody wants them.</summary>
    private async Task<bool> IsWholeAsync(
        SnapshotDescriptor descriptor,
        string journal,
        List<ReadOnlyMemory<byte>>? state,
        CancellationToken cancellationToken)
    {
        using var hash = descriptor.BeginHash(journal);
        for (int part = 0; part < descriptor.Parts; part++)
        {
            string field = RedisText.Read(RedisText.Of(part));
            var answer = await side.UseAsync(
                connection => connection.ExecuteAsync("HGET", keys.Snapshot(descriptor.Slot), field),
                cancellationToken).ConfigureAwait(false);
            if (answer.FirstOrDefault() is not { } bytes || bytes.Length != descriptor.LengthOf(part))
            {
                return false;
            }

            hash.AppendData(bytes);
            state?.Add(bytes);
        }

        return descriptor.IsHash(hash);
    }

    private async Task RunAsync(
        RedisScript script, int slot, byte[][] arguments, OwnershipRecord record, CancellationToken cancellationToken)
    {
        var answer = await side.UseAsync(
            async connection =>
            {
                try
                {
                    return await connection.EvaluateAsync(script, keys.MetaAndSnapshot(slot), arguments)
                        .ConfigureAwait(false);
                }
                catch (RedisRefusedException error)
                    when (error.Message.Contains("OOM", StringComparison.Ordinal))
                {
                    // Not asked again: memory does not come back while what was written stays.
                    throw new JournalOutOfMemoryException(
                        "Redis has no memory for another snapshot; the earlier ones stand. Raise its maxmemory: " +
                        $"three snapshots must fit beside the log. ({error.Message})");
                }
            },
            cancellationToken).ConfigureAwait(false);
        switch (RedisText.Read(answer[0]))
        {
            case JournalScripts.Done or JournalScripts.Duplicate:
                return;
            case JournalScripts.Fenced:
                throw new JournalFencedException(
                    $"Epoch {record.Epoch} is over; the owner's is {RedisText.Read(answer[1])}.");
            case var other:
                throw new JournalException(
                    $"The snapshot was not stored: {script.Name} was answered with {other}; the earlier ones stand.");
        }
    }

    private sealed class JournalOutOfMemoryException(string message) : JournalException(message);
}
