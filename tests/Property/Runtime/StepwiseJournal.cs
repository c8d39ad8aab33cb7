using Engine.Storage;

namespace Engine.Tests.Runtime;

/// <summary>What a follower does to a journal, in its order.</summary>
internal enum SnapshotStep
{
    Load,
    Read,
    Save,
    Saved,
    Truncate,
    Truncated,
}

/// <summary>A journal that breaks off at one step of a snapshot, as the process would that is killed there, and that
/// remembers every frame, whatever is cut.</summary>
internal sealed class StepwiseJournal : IJournal
{
    private readonly MemoryJournal _inner = new();
    private readonly MemoryJournal _everything = new();

    public Durability Durability => Durability.Synced;

    internal SnapshotStep? BreaksAt { get; set; }

    internal int Saved { get; private set; }

    /// <summary>Below this, frames are gone.</summary>
    internal long CutBelow { get; private set; } = 1;

    /// <summary>All frames there ever were.</summary>
    internal IJournal Everything => _everything;

    public async ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
    {
        await _everything.AcquireAsync(cancellationToken);
        return await _inner.AcquireAsync(cancellationToken);
    }

    public async ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        Assert.Equal(AppendResult.Durable, await _everything.AppendAsync(epoch, expectedSequence, frames));
        return await _inner.AppendAsync(epoch, expectedSequence, frames);
    }

    public IAsyncEnumerable<JournalFrame> ReadAsync(long fromSequence, CancellationToken cancellationToken = default)
    {
        Pass(SnapshotStep.Read);
        return _inner.ReadAsync(fromSequence, cancellationToken);
    }

    public async ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlyMemory<byte> state, CancellationToken cancellationToken = default)
    {
        Pass(SnapshotStep.Save);
        await _inner.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);
        Saved++;
        Pass(SnapshotStep.Saved);
    }

    public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default)
    {
        Pass(SnapshotStep.Load);
        return _inner.LoadSnapshotAsync(cancellationToken);
    }

    public async ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default)
    {
        Pass(SnapshotStep.Truncate);
        await _inner.TruncateAsync(epoch, belowSequence, cancellationToken);
        CutBelow = belowSequence;
        Pass(SnapshotStep.Truncated);
    }

    public ValueTask DisposeAsync() => _inner.DisposeAsync();

    private void Pass(SnapshotStep step)
    {
        if (BreaksAt == step)
        {
            throw new IOException($"Killed at {step}.");
        }
    }
}
