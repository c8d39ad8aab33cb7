using System.Buffers;
using Engine.Storage;

namespace Engine.Tests;

/// <summary>Passes every call on to another journal; who wants to see or to change one overrides it.</summary>
internal abstract class ForwardingJournal(IJournal inner) : IJournal
{
    public virtual Durability Durability => inner.Durability;

    public virtual ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default) =>
        inner.AcquireAsync(cancellationToken);

    public virtual ValueTask<AppendResult> AppendAsync(
        long epoch, long expectedSequence, ReadOnlyMemory<byte> frames) =>
        inner.AppendAsync(epoch, expectedSequence, frames);

    public virtual IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence, CancellationToken cancellationToken = default) =>
        inner.ReadAsync(fromSequence, cancellationToken);

    public virtual ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default) =>
        inner.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);

    public virtual ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default) =>
        inner.LoadSnapshotAsync(cancellationToken);

    public virtual ValueTask TruncateAsync(
        long epoch, long belowSequence, CancellationToken cancellationToken = default) =>
        inner.TruncateAsync(epoch, belowSequence, cancellationToken);

    public virtual ValueTask DisposeAsync() => inner.DisposeAsync();
}
