using System.Buffers;
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
internal sealed class StepwiseJournal() : ForwardingJournal(new MemoryJournal())
{
    private readonly MemoryJournal _everything = new();

    public override Durability Durability => Durability.Synced;

    internal SnapshotStep? BreaksAt { get; set; }

    internal int Saved { get; private set; }

    /// <summary>Below this, frames are gone.</summary>
    internal long CutBelow { get; private set; } = 1;

    /// <summary>All frames there ever were.</summary>
    internal IJournal Everything => _everything;

    public override async ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
    {
        await _everything.AcquireAsync(cancellationToken);
        return await base.AcquireAsync(cancellationToken);
    }

    public override async ValueTask<AppendResult> AppendAsync(
        long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        Assert.Equal(AppendResult.Durable, await _everything.AppendAsync(epoch, expectedSequence, frames));
        return await base.AppendAsync(epoch, expectedSequence, frames);
    }

    public override IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence, CancellationToken cancellationToken = default)
    {
        Pass(SnapshotStep.Read);
        return base.ReadAsync(fromSequence, cancellationToken);
    }

    public override async ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default)
    {
        Pass(SnapshotStep.Save);
        await base.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);
        Saved++;
        Pass(SnapshotStep.Saved);
    }

    public override ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default)
    {
        Pass(SnapshotStep.Load);
        return base.LoadSnapshotAsync(cancellationToken);
    }

    public override async ValueTask TruncateAsync(
        long epoch, long belowSequence, CancellationToken cancellationToken = default)
    {
        Pass(SnapshotStep.Truncate);
        await base.TruncateAsync(epoch, belowSequence, cancellationToken);
        CutBelow = belowSequence;
        Pass(SnapshotStep.Truncated);
    }

    private void Pass(SnapshotStep step)
    {
        if (BreaksAt == step)
        {
            throw new IOException($"Killed at {step}.");
        }
    }
}
