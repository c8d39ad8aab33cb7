using System.Buffers;
using System.Runtime.CompilerServices;
using Engine.Runtime;
using Engine.Simulation.Audit;
using Engine.Storage;

namespace Engine.Simulation.Driver;

/// <summary>The storage port of one life: sees what goes through, and may end the life before or after any
/// call.</summary>
internal sealed class PortJournal(
    Life life, IJournal inner, Inquest inquest, Func<bool> crashes, Func<bool> mayFail) : IJournal
{
    public Durability Durability => inner.Durability;

    /// <summary>Appends that have not been answered.</summary>
    internal int InFlight { get; private set; }

    /// <summary>An append ended in doubt, or was refused: the life must end without another word.</summary>
    internal bool HasFailed { get; private set; }

    public async ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
    {
        await MayCrashAsync().ConfigureAwait(false);
        var ownership = await inner.AcquireAsync(cancellationToken).ConfigureAwait(false);
        await MayCrashAsync().ConfigureAwait(false);
        life.Acquired(ownership);
        return ownership;
    }

    public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        if (crashes())
        {
            return Never<AppendResult>();
        }

        bool isSuperseded = life.Witness.IsSuperseded;
        var append = inner.AppendAsync(epoch, expectedSequence, frames);
        if (!isSuperseded)
        {
            FrameCodec.TryRead(frames, out var frame, out _, out _);
            inquest.HandedOver(frame.Sequence, frame.Checksum, life.Witness.EventCount, frame.InstantMs);
        }

        if (crashes())
        {
            return Never<AppendResult>();
        }

        if (append.IsCompletedSuccessfully)
        {
            Ended(expectedSequence + 1, append.Result, isSuperseded);
            return append;
        }

        if (++InFlight == CommandLoop.MaxBatchesInFlight)
        {
            inquest.Sometimes.Saw(Corner.JournalBehind);
        }

        return AwaitAsync(expectedSequence + 1, append, isSuperseded);
    }

    public async IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await MayCrashAsync().ConfigureAwait(false);
        await foreach (var frame in inner.ReadAsync(fromSequence, cancellationToken).ConfigureAwait(false))
        {
            if (!life.Witness.IsSuperseded)
            {
                inquest.FoundFrame(frame.Sequence, frame.Checksum);
            }

            yield return frame;
        }

        await MayCrashAsync().ConfigureAwait(false);
    }

    public async ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default)
    {
        await MayCrashAsync().ConfigureAwait(false);
        if (!life.Witness.IsSuperseded)
        {
            inquest.Snapshot(sequence, state);
        }

        await inner.SaveSnapshotAsync(epoch, sequence, state, cancellationToken).ConfigureAwait(false);
        if (!life.Witness.IsSuperseded)
        {
            inquest.Proven(sequence);
            inquest.SnapshotKept(sequence);
        }

        await MayCrashAsync().ConfigureAwait(false);
    }

    public async ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default)
    {
        await MayCrashAsync().ConfigureAwait(false);
        var snapshot = await inner.LoadSnapshotAsync(cancellationToken).ConfigureAwait(false);
        if (snapshot is not null && !life.Witness.IsSuperseded)
        {
            inquest.SnapshotKept(snapshot.Sequence);
        }

        return snapshot;
    }

    public async ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default)
    {
        await MayCrashAsync().ConfigureAwait(false);
        if (!life.Witness.IsSuperseded)
        {
            inquest.Cut(belowSequence);
        }

        await inner.TruncateAsync(epoch, belowSequence, cancellationToken).ConfigureAwait(false);
        await MayCrashAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        long acknowledged = inquest.AckedSequence;
        bool isOwner = !life.Witness.IsSuperseded && !HasFailed && life.Epoch > 0;
        await inner.DisposeAsync().ConfigureAwait(false);
        if (isOwner)
        {
            inquest.Proven(acknowledged);
        }
    }

    private async ValueTask<AppendResult> AwaitAsync(long sequence, ValueTask<AppendResult> append, bool wasSuperseded)
    {
        var result = await append.ConfigureAwait(false);
        InFlight--;
        Ended(sequence, result, wasSuperseded);
        return result;
    }

    private void Ended(long sequence, AppendResult result, bool wasSuperseded)
    {
        if (result.Status != AppendStatus.Durable)
        {
            if (!HasFailed && !mayFail() && !life.Witness.IsSuperseded && !life.HasLostItsPast && !life.IsDead)
            {
                inquest.Fail("D2", $"A sound journal answered {result.Status} to frame {sequence}: {result.Error}");
            }

            HasFailed = true;
        }
        else if (wasSuperseded)
        {
            inquest.Fail("D7", $"Frame {sequence} of a superseded owner was accepted.");
        }
        else if (life.HasLostItsPast)
        {
            inquest.Fail("F12", $"Frame {sequence} was acknowledged behind frames that a fail-over had lost.");
        }
        else if (HasFailed)
        {
            inquest.Fail("D5", $"Frame {sequence} was acknowledged after an append had ended in doubt.");
        }
        else if (!life.Witness.IsSuperseded)
        {
            inquest.Acknowledged(sequence);
        }
    }

    private ValueTask MayCrashAsync() => crashes() ? new ValueTask(Never<bool>().AsTask()) : ValueTask.CompletedTask;

    // Whoever waits for it waits for ever, and goes with it.
    private static ValueTask<T> Never<T>() => new(new TaskCompletionSource<T>().Task);
}
