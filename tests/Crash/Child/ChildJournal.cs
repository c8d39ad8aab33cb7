using System.Runtime.CompilerServices;
using Engine.Storage;

namespace Engine.Tests.Crash.Child;

/// <summary>The journal as the child's engine sees it: with a point to stop at inside the replay, and, when a test plants
/// that bug, with acknowledgements that come before the append.</summary>
internal sealed class ChildJournal(IJournal inner, Pauses pauses, ArchiveWriter? archive, int acknowledgeEarlyMs)
    : ForwardingJournal(inner), ILeasedJournal
{
    internal const string Replaying = "Replaying";
    internal const string Replayed = "Replayed";

    private readonly ILeasedJournal? _leased = inner as ILeasedJournal;
    private readonly TaskCompletionSource<AppendResult> _never = new();
    private readonly Lock _gate = new();
    private Task _late = Task.CompletedTask;

    /// <summary>The epoch of this process.</summary>
    internal long Epoch { get; private set; }

    public bool HoldsLease => _leased is not { HoldsLease: false };

    /// <summary>What is owned by a lock on files is owned for as long as the process lives.</summary>
    public Task<AppendResult> OwnershipEnded => _leased?.OwnershipEnded ?? _never.Task;

    public override async ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
    {
        var ownership = await base.AcquireAsync(cancellationToken);
        Epoch = ownership.Epoch;
        return ownership;
    }

    public override ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        archive?.Write(frames.Span);
        if (acknowledgeEarlyMs == 0)
        {
            return base.AppendAsync(epoch, expectedSequence, frames);
        }

        byte[] copy = frames.ToArray();
        lock (_gate)
        {
            _late = AppendLateAsync(_late, epoch, expectedSequence, copy);
        }

        return new(AppendResult.Durable);
    }

    public override async IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        try
        {
            await foreach (var frame in base.ReadAsync(fromSequence, cancellationToken))
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

    public override async ValueTask DisposeAsync()
    {
        await _late;
        await base.DisposeAsync();
    }

    private async Task AppendLateAsync(Task before, long epoch, long expectedSequence, byte[] frames)
    {
        await Task.WhenAll(before, Task.Delay(acknowledgeEarlyMs));
        await base.AppendAsync(epoch, expectedSequence, frames);
    }
}
