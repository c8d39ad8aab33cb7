using Engine.Storage;

namespace Engine.Tests.Http;

/// <summary>A journal that works until it does not, and takes its time before it fails when it is told to.</summary>
internal sealed class BreakableJournal : IJournal
{
    private readonly MemoryJournal _inner = new();
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _holds;

    public Durability Durability => Durability.Memory;

    /// <summary>Completes when an append waits for what becomes of it.</summary>
    internal Task Held => _held.Task;

    /// <summary>Frames that were stored.</summary>
    internal int Stored { get; private set; }

    /// <summary>From now on appends wait, and nobody knows what becomes of them.</summary>
    internal void Hold() => _holds = true;

    /// <summary>From now on appends fail, those that wait first.</summary>
    internal void Break()
    {
        _holds = true;
        _broken.SetResult();
    }

    public ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken) =>
        _inner.AcquireAsync(cancellationToken);

    public async ValueTask<AppendResult> AppendAsync(
        long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        if (_holds)
        {
            _held.TrySetResult();
            await _broken.Task;
            return new AppendResult(AppendStatus.Unknown, "the disk is gone");
        }

        Stored++;
        return await _inner.AppendAsync(epoch, expectedSequence, frames);
    }

    public IAsyncEnumerable<JournalFrame> ReadAsync(long fromSequence, CancellationToken cancellationToken) =>
        _inner.ReadAsync(fromSequence, cancellationToken);

    public ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlyMemory<byte> state, CancellationToken cancellationToken) =>
        _inner.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);

    public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken) =>
        _inner.LoadSnapshotAsync(cancellationToken);

    public ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken) =>
        _inner.TruncateAsync(epoch, belowSequence, cancellationToken);

    public ValueTask DisposeAsync() => _inner.DisposeAsync();
}
