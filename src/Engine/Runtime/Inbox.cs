using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Engine.Runtime;

/// <summary>The one way into the loop: a queue with counted places, and a bell for when the loop sleeps.</summary>
/// <remarks>
/// When it is full callers wait in line; nothing is dropped. Whoever got a place is answered or failed: who closes it waits
/// for those who are just about to put theirs in. Queues without a lock, because two million operations a second go
/// through, and the loop must not wait for a writer that was put to sleep in the middle (decisions 0012 and 0016).
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle owns nothing to dispose.")]
internal sealed class Inbox(int capacity)
{
    private const int ClosedBit = 1 << 30;

    private readonly OperationRing _operations = new(capacity);
    private readonly ConcurrentQueue<Waiter> _line = new();
    private readonly SemaphoreSlim _bell = new(0);

    private Counts _counts;

    /// <summary>Whether something is in. The loop's thread.</summary>
    internal bool HasItems => !_operations.IsEmpty || !_line.IsEmpty;

    /// <summary>At the last try to take one out the next was only about to be there, or nobody in line could be let in:
    /// others may be behind it. The loop's thread.</summary>
    internal bool IsHeldUp => _operations.IsHeldUp || !_line.IsEmpty;

    /// <summary>Closed, and nobody has a place any more.</summary>
    internal bool IsDrained => Volatile.Read(ref _counts.Places) == ClosedBit;

    /// <summary>Puts an operation in; it is answered or failed, even when the loop has ended.</summary>
    /// <exception cref="EngineStoppedException">It is closed.</exception>
    internal ValueTask WriteAsync(Operation operation, CancellationToken cancellationToken)
    {
        // Nobody gets past those in line, not even when places were freed and those are just being let in: one writer's
        // operations keep their order, awaited or not. Closed, the count is beyond any capacity.
        int places = Interlocked.Increment(ref _counts.Places);
        if (places > capacity || Volatile.Read(ref _counts.InLine) > 0)
        {
            return StandInLineAsync(operation, isClosed: places > ClosedBit, cancellationToken);
        }

        _operations.Enqueue(operation);
        Ring();
        return ValueTask.CompletedTask;
    }

    /// <summary>Takes an operation out. The loop's thread.</summary>
    internal bool TryRead([NotNullWhen(true)] out Operation? operation) => _operations.TryDequeue(out operation);

    /// <inheritdoc cref="OperationRing.PrefetchNext"/>
    internal void PrefetchNext() => _operations.PrefetchNext();

    /// <summary>Frees the places of operations that were taken out, and lets in as many of those in line. The loop's
    /// thread.</summary>
    internal void Release(int count)
    {
        if (count > 0)
        {
            Interlocked.Add(ref _counts.Places, -count);
        }

        // Those in line are counted before all places: who joins in between takes a place in this sum, and never makes
        // room for one too many. Letting in one too few does no harm: who is not in line yet rings when it is.
        while (Volatile.Read(ref _counts.InLine) is > 0 and var inLine && Volatile.Read(ref _counts.Places) - inLine < capacity
            && _line.TryDequeue(out var waiter))
        {
            if (waiter.TrySetResult())
            {
                _operations.Enqueue(waiter.Operation);
            }
            else
            {
                // It gave up.
                Interlocked.Decrement(ref _counts.Places);
            }

            Interlocked.Decrement(ref _counts.InLine);
        }
    }

    /// <summary>Lets nothing more in. What is in, or has a place, can still be read.</summary>
    internal void Close() => Interlocked.Or(ref _counts.Places, ClosedBit);

    /// <summary>Sends those in line away. The loop's thread, after <see cref="Close"/>.</summary>
    internal void Disperse()
    {
        while (_line.TryDequeue(out var waiter))
        {
            waiter.TrySetException(Stopped());
            Interlocked.Decrement(ref _counts.InLine);
            Interlocked.Decrement(ref _counts.Places);
        }
    }

    /// <summary>Wakes the loop. Any thread.</summary>
    internal void Ring()
    {
        if (Volatile.Read(ref _counts.Asleep) == 1 && Interlocked.Exchange(ref _counts.Asleep, 0) == 1)
        {
            _bell.Release();
        }
    }

    /// <summary>Sleeps until somebody rings, unless there is something to do. The loop's thread.</summary>
    internal void Sleep(Func<bool> mustStayAwake)
    {
        // Asleep first, then look: whoever brings work after the look sees that it must ring.
        Interlocked.Exchange(ref _counts.Asleep, 1);
        if (mustStayAwake() && Interlocked.Exchange(ref _counts.Asleep, 0) == 1)
        {
            return;
        }

        _bell.Wait();
    }

    private async ValueTask StandInLineAsync(Operation operation, bool isClosed, CancellationToken cancellationToken)
    {
        if (isClosed)
        {
            Interlocked.Decrement(ref _counts.Places);
            throw Stopped();
        }

        // Rung for: places may have been freed since this one was refused, by a loop that saw nobody in line and sleeps.
        var waiter = new Waiter(operation);
        Interlocked.Increment(ref _counts.InLine);
        _line.Enqueue(waiter);
        Ring();
        var registration = cancellationToken.UnsafeRegister(
            static (waiter, token) => ((Waiter)waiter!).TrySetCanceled(token), waiter);
        await using (registration.ConfigureAwait(false))
        {
            await waiter.Task.ConfigureAwait(false);
        }
    }

    private static EngineStoppedException Stopped() => new("The engine has stopped.");

    // Apart from everything else: written by all, so that who shares a line with them would wait for each of them.
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    internal struct Counts
    {
        // Places that are taken or wanted: of the operations that are in, or soon will be, and of those that stand in line.
        [FieldOffset(64)]
        internal int Places;

        // Of those places: of who is in line, or about to be, until its operation is in.
        [FieldOffset(68)]
        internal int InLine;

        [FieldOffset(72)]
        internal int Asleep;
    }

    private sealed class Waiter(Operation operation) : TaskCompletionSource(
        TaskCreationOptions.RunContinuationsAsynchronously)
    {
        internal Operation Operation { get; } = operation;
    }
}
