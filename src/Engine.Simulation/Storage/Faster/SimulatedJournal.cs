using System.Buffers;
using System.Runtime.CompilerServices;
using Engine.Storage;

namespace Engine.Simulation.Storage.Faster;

/// <summary>A journal as a process of the simulation sees it: dead when the process is.</summary>
/// <remarks>Calls that the journal lets wait for one another wait here, on the world's thread, before its own lock
/// could
/// let them go on elsewhere.</remarks>
internal sealed class SimulatedJournal(IJournal journal, SimulatedProcess process) : IJournal
{
    private Task _turn = Task.CompletedTask;

    /// <summary>Whose it is.</summary>
    internal SimulatedProcess Process => process;

    /// <inheritdoc/>
    public Durability Durability => journal.Durability;

    /// <inheritdoc/>
    public ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default) =>
        new(InTurnAsync(() => journal.AcquireAsync(cancellationToken).AsTask()));

    /// <inheritdoc/>
    public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames) =>
        process.IsAlive
            ? journal.AppendAsync(epoch, expectedSequence, frames)
            : new ValueTask<AppendResult>(new TaskCompletionSource<AppendResult>().Task);

    /// <inheritdoc/>
    public async IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (!process.IsAlive)
        {
            await new TaskCompletionSource().Task.ConfigureAwait(false);
        }

        await foreach (var frame in journal.ReadAsync(fromSequence, cancellationToken).ConfigureAwait(false))
        {
            yield return frame;
        }
    }

    /// <inheritdoc/>
    public ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default) =>
        new(InTurnAsync(() => Void(journal.SaveSnapshotAsync(epoch, sequence, state, cancellationToken))));

    /// <inheritdoc/>
    public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default) =>
        new(InTurnAsync(() => journal.LoadSnapshotAsync(cancellationToken).AsTask()));

    /// <inheritdoc/>
    public ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default) =>
        new(InTurnAsync(() => Void(journal.TruncateAsync(epoch, belowSequence, cancellationToken))));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() =>
        process.IsAlive ? new(InTurnAsync(() => Void(journal.DisposeAsync()))) : ValueTask.CompletedTask;

    private static async Task<bool> Void(ValueTask task)
    {
        await task.ConfigureAwait(false);
        return true;
    }

    private async Task<T> InTurnAsync<T>(Func<Task<T>> call)
    {
        var before = _turn;
        var mine = new TaskCompletionSource();
        _turn = mine.Task;
        await before.ConfigureAwait(false);
        if (!process.IsAlive)
        {
            await new TaskCompletionSource().Task.ConfigureAwait(false);
        }

        try
        {
            return await call().ConfigureAwait(false);
        }
        finally
        {
            mine.SetResult();
        }
    }
}
