using System.Runtime.CompilerServices;
using Engine.Storage;

namespace Engine.Tests.Crash.Child;

/// <summary>The journal as the child's engine sees it: with a point to stop at inside the replay, and, when a test plants
/// that bug, with acknowledgements that come before the append.</summary>
internal sealed class ChildJournal(IJournal inner, Pauses pauses, ArchiveWriter? archive, int acknowledgeEarlyMs)
    : ILeasedJournal
{
    internal const string Replaying = "Replaying";
    internal const string Replayed = "Replayed";

    private readonly TaskCompletionSource<AppendResult> _never = new();
    private readonly Lock _gate = new();
    private Task _late = Task.CompletedTask;

    /// <summary>The epoch of this process.</summary>
    internal long Epoch { get; private set; }

    public Durability Durability => inner.Durability;

    public bool HoldsLease => inner is not ILeasedJournal { HoldsLease: false };

    /// <summary>What is owned by a lock on files is owned for as long as the process lives.</summary>
    public Task<AppendResult> OwnershipEnded => (inner as ILeasedJournal)?.OwnershipEnded ?? _never.Task;

    public async ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
    {
        var ownership = await inner.AcquireAsync(cancellationToken);
        Epoch = ownership.Epoch;
        return ownership;
    }

    public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        archive?.Write(frames.Span);
        if (acknowledgeEarlyMs == 0)
        {
            return inner.AppendAsync(epoch, expectedSequence, frames);
        }

        byte[] copy = frames.ToArray();
        lock (_gate)
        {
            _late = AppendLateAsync(_late, epoch, expectedSequence, copy);
        }

        return new(AppendResult.Durable);
    }

    public async IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        try
        {
            await foreach (var frame in inner.ReadAsync(fromSequence, cancellationToken))
            {
                pauses.Reached(Replaying);
                yield return frame;
            }
        }
        finally
        {
            // Whoever has read what it wants does not ask for the end.
            pauses.Reached(Replayed);
        }
    }

    public ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlyMemory<byte> state, CancellationToken cancellationToken = default) =>
        inner.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);

    public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default) =>
        inner.LoadSnapshotAsync(cancellationToken);

    public ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default) =>
        inner.TruncateAsync(epoch, belowSequence, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _late;
        await inner.DisposeAsync();
    }

    private async Task AppendLateAsync(Task before, long epoch, long expectedSequence, byte[] frames)
    {
        await Task.WhenAll(before, Task.Delay(acknowledgeEarlyMs));
        await inner.AppendAsync(epoch, expectedSequence, frames);
    }
}
