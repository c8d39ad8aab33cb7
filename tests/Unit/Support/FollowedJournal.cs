using System.Buffers;
using Engine.Storage;

namespace Engine.Tests;

/// <summary>A memory journal that passes for a durable one, tells what a follower did to it, and lets it fail.</summary>
internal sealed class FollowedJournal() : ForwardingJournal(new MemoryJournal())
{
    public override Durability Durability => Durability.Synced;

    internal List<long> Saved { get; } = [];

    internal List<long> CutBelow { get; } = [];

    /// <summary>One byte of every snapshot that is read is another.</summary>
    internal bool Damaged { get; set; }

    internal bool SaveFails { get; set; }

    /// <summary>Waits here before saving.</summary>
    internal Func<Task> Saving { get; set; } = () => Task.CompletedTask;

    public override async ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default)
    {
        await Saving();
        if (SaveFails)
        {
            throw new IOException("No space left on device.");
        }

        await base.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);
        lock (Saved)
        {
            Saved.Add(sequence);
        }
    }

    public override async ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default)
    {
        var snapshot = await base.LoadSnapshotAsync(cancellationToken);
        if (!Damaged || snapshot is null)
        {
            return snapshot;
        }

        byte[] bytes = snapshot.State.ToArray();
        bytes[^1] ^= 1;
        return snapshot with { State = new ReadOnlySequence<byte>(bytes) };
    }

    public override async ValueTask TruncateAsync(
        long epoch, long belowSequence, CancellationToken cancellationToken = default)
    {
        await base.TruncateAsync(epoch, belowSequence, cancellationToken);
        CutBelow.Add(belowSequence);
    }
}
