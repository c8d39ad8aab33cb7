using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;
using Engine.Core;

namespace Engine.Runtime;

/// <summary>Operations in the order in which they were put in. Any thread puts in, the loop's takes out.</summary>
/// <remarks>
/// Whoever puts one in sees to it that there are never more than it has room for. So a place is one addition, nobody
/// tries again, and taking out needs no atomic instruction, which would wait for all that was written before.
/// </remarks>
internal sealed class OperationRing(int capacity)
{
    private const int PlacesInLine = 8;

    // In a structure: an array of references would look up the type of each operation that is put into it.
    private readonly Slot[] _slots = new Slot[BitOperations.RoundUpToPowerOf2((uint)capacity)];
    private Ends _ends;
    private SpinWait _wait;

    /// <summary>Whether nothing is in, nor about to be. The loop's thread.</summary>
    internal bool IsEmpty => Volatile.Read(ref _ends.Written) == _ends.Read;

    /// <summary>At the last try to take one out, the next was only about to be there: others may be behind it. The loop's
    /// thread.</summary>
    internal bool IsHeldUp { get; private set; }

    /// <summary>Puts an operation in. There is room for it.</summary>
    internal void Enqueue(Operation operation) => Put(TakePlace(), operation);

    /// <summary>Takes the next place, which must be filled as soon as can be.</summary>
    internal long TakePlace() => Interlocked.Increment(ref _ends.Written) - 1;

    /// <summary>Fills a place.</summary>
    internal void Put(long place, Operation operation) => Volatile.Write(ref SlotOf(place).Operation, operation);

    /// <summary>Takes the next out, unless there is none, or it is only about to be there. The loop's thread.</summary>
    internal bool TryDequeue([NotNullWhen(true)] out Operation? operation)
    {
        ref var slot = ref SlotOf(_ends.Read);
        operation = Volatile.Read(ref slot.Operation);
        if (operation is null)
        {
            IsHeldUp = !IsEmpty;
            if (IsHeldUp)
            {
                // Somebody was put to sleep with the place in its hand: let it have the processor.
                _wait.SpinOnce(sleep1Threshold: -1);
            }

            return false;
        }

        slot.Operation = null;
        _ends.Read++;
        IsHeldUp = false;
        _wait.Reset();
        return true;
    }

    /// <summary>Asks for the places that come next, which others have written: where many wait that is mostly so. The
    /// loop's thread.</summary>
    internal void PrefetchNext()
    {
        Prefetch.Place(ref SlotOf(_ends.Read));
        Prefetch.Place(ref SlotOf(_ends.Read + PlacesInLine));
    }

    private ref Slot SlotOf(long place) => ref _slots[place & (_slots.Length - 1)];

    private struct Slot
    {
        internal Operation? Operation;
    }

    // Apart, as one is written by all and the other by the loop.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Ends
    {
        [FieldOffset(64)]
        internal long Written;

        [FieldOffset(192)]
        internal long Read;
    }
}
