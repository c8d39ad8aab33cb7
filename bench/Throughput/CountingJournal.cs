using System.Buffers;
using Engine.Storage;

namespace Engine.Bench.Throughput;

/// <summary>Counts what goes into a journal and passes everything on.</summary>
internal sealed class CountingJournal(IJournal journal) : IJournal
{
    private long _bytes;
    private long _appends;

    /// <summary>Bytes handed over so far, frame headers included.</summary>
    internal long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Calls of <see cref="AppendAsync"/> so far: one a batch.</summary>
    internal long Appends => Interlocked.Read(ref _appends);

    public Durability Durability => journal.Durability;

    public ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default) =>
        journal.AcquireAsync(cancellationToken);

    public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        Interlocked.Add(ref _bytes, frames.Length);
        Interlocked.Increment(ref _appends);
        return journal.AppendAsync(epoch, expectedSequence, frames);
    }

    public IAsyncEnumerable<JournalFrame> ReadAsync(long fromSequence, CancellationToken cancellationToken = default) =>
        journal.ReadAsync(fromSequence, cancellationToken);

    public ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default) =>
        journal.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);

    public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default) =>
        journal.LoadSnapshotAsync(cancellationToken);

    public ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default) =>
        journal.TruncateAsync(epoch, belowSequence, cancellationToken);

    public ValueTask DisposeAsync() => journal.DisposeAsync();
}
