using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Engine.Runtime;

/// <summary>Operations in the order in which they were put in. Any thread puts in, the loop's takes out.</summary>
/// <remarks>
/// Whoever puts one in sees to it that there are never more than it has room for. So a place is one addition, nobody
/// tries again, and taking out needs no atomic instruction, which would wait for all that was written before.
/// </remarks>
internal sealed class OperationRing(int capacity)
{
    // In a structure: an array of references would look up the type of each operation that is put into it.
    private readonly Slot[] _slots = new Slot[BitOperations.RoundUpToPowerOf2((uint)capacity)];
    private Ends _ends;
    private SpinWait _wait;

    /// <summary>Whether nothing is in, nor about to be. The loop's thread.</summary>
    internal bool IsEmpty => Volatile.Read(ref _ends.Written) == _ends.Read;

    /// <summary>Puts an operation in. There is room for it.</summary>
    internal void Enqueue(Operation operation) =>
        Volatile.Write(ref SlotOf(Interlocked.Increment(ref _ends.Written) - 1).Operation, operation);

    /// <summary>Takes the next out, unless there is none, or it is only about to be there. The loop's thread.</summary>
    internal bool TryDequeue([NotNullWhen(true)] out Operation? operation)
    {
        ref var slot = ref SlotOf(_ends.Read);
        operation = Volatile.Read(ref slot.Operation);
        if (operation is null)
        {
            if (!IsEmpty)
            {
                // Somebody was put to sleep with the place in its hand: let it have the processor.
                _wait.SpinOnce(sleep1Threshold: -1);
            }

            return false;
        }

        slot.Operation = null;
        _ends.Read++;
        _wait.Reset();
        return true;
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
