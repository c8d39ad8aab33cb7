using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Engine.Simulation;
using Engine.Storage;

namespace Engine.Tests.Support;

/// <summary>Lets a test await a journal that lives in a simulated world: one thread makes the calls and lets the
/// world's
/// events happen whenever it has nothing else to do.</summary>
/// <remarks>Without a world nothing takes time; the calls are still made one by one, as the simulated storage
/// needs.</remarks>
internal sealed class Pump : IDisposable
{
    private readonly BlockingCollection<Action> _calls = [];
    private readonly World? _world;
    private readonly Thread _thread;

    internal Pump(World? world)
    {
        _world = world;
        _thread = new Thread(Run) { IsBackground = true, Name = "simulated world" };
        _thread.Start();
    }

    /// <summary>Makes a call; the task is completed by the world's thread, so in the order of the world's
    /// events.</summary>
    internal Task<T> CallAsync<T>(Func<ValueTask<T>> call)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _calls.Add(() => Forward(call, done));
        return done.Task;
    }

    internal Task CallAsync(Func<ValueTask> call) => CallAsync(async () =>
    {
        await call().ConfigureAwait(false);
        return true;
    });

    public void Dispose()
    {
        _calls.CompleteAdding();
        _thread.Join();
        _calls.Dispose();
    }

    private static async void Forward<T>(Func<ValueTask<T>> call, TaskCompletionSource<T> done)
    {
        try
        {
            done.SetResult(await call().ConfigureAwait(false));
        }
        catch (Exception error)
        {
            done.SetException(error);
        }
    }

    private void Run()
    {
        while (!_calls.IsCompleted)
        {
            if (_calls.TryTake(out var call) || (!Step() && _calls.TryTake(out call, Timeout.Infinite)))
            {
                call();
            }
        }
    }

    private bool Step() => _world is { Planned: > 0 } && _world.Step(TimeSpan.MaxValue);
}

/// <summary>A journal whose calls are all made by a pump.</summary>
internal sealed class PumpedJournal(IJournal journal, Pump pump) : IJournal
{
    public Durability Durability => journal.Durability;

    public ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default) =>
        new(pump.CallAsync(() => journal.AcquireAsync(cancellationToken)));

    public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames) =>
        new(pump.CallAsync(() => journal.AppendAsync(epoch, expectedSequence, frames)));

    public async IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var frames = journal.ReadAsync(fromSequence, cancellationToken).GetAsyncEnumerator(cancellationToken);
        try
        {
            while (await pump.CallAsync(() => frames.MoveNextAsync()))
            {
                yield return frames.Current;
            }
        }
        finally
        {
            await pump.CallAsync(() => frames.DisposeAsync());
        }
    }

    public ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default) =>
        new(pump.CallAsync(() => journal.SaveSnapshotAsync(epoch, sequence, state, cancellationToken)));

    public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default) =>
        new(pump.CallAsync(() => journal.LoadSnapshotAsync(cancellationToken)));

    public ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default) =>
        new(pump.CallAsync(() => journal.TruncateAsync(epoch, belowSequence, cancellationToken)));

    public ValueTask DisposeAsync() => new(pump.CallAsync(journal.DisposeAsync));
}
