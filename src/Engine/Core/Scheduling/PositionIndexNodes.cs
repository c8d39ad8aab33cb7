using System.Numerics;
using System.Runtime.CompilerServices;

namespace Engine.Core.Scheduling;

/// <summary>A node of a <see cref="PositionIndex"/>.</summary>
internal abstract class PositionNode
{
    /// <summary>Keys in a leaf, children in a branch.</summary>
    internal int Count;

    /// <summary>How many keys are not above the given one.</summary>
    /// <remarks>No branch depends on a key: which half it is in cannot be predicted.</remarks>
    protected static int CountUpTo(ReadOnlySpan<OrderKey> keys, OrderKey key)
    {
        int low = 0;
        int length = keys.Length;
        while (length > 0)
        {
            int half = (length + 1) >> 1;
            low += keys[low + half - 1] <= key ? half : 0;
            length -= half;
        }

        return low;
    }
}

/// <summary>Keys in order.</summary>
internal sealed class PositionLeaf : PositionNode
{
    internal const int Capacity = 64;

    /// <summary>Header, counters and link, then the keys.</summary>
    internal const int Bytes = 32 + (Capacity * 16);

    internal KeyBlock Keys;

    /// <summary>Where the last key went: the next one of a run goes behind it.</summary>
    internal int LastInsert;

    /// <summary>The next in the list of unused leaves.</summary>
    internal PositionLeaf? NextSpare;

    /// <summary>How many keys are not above the given one.</summary>
    internal int CountUpTo(OrderKey key) => CountUpTo(((ReadOnlySpan<OrderKey>)Keys)[..Count], key);

    internal void InsertAt(int at, OrderKey key)
    {
        Span<OrderKey> keys = Keys;
        keys[at..Count].CopyTo(keys[(at + 1)..]);
        keys[at] = key;
        Count++;
        LastInsert = at;
    }

    internal void RemoveAt(int at)
    {
        Span<OrderKey> keys = Keys;
        keys[(at + 1)..Count].CopyTo(keys[at..]);
        Count--;
        LastInsert -= LastInsert >= at ? 1 : 0;
    }

    /// <summary>Moves the keys from <paramref name="from"/> on behind those of <paramref name="target"/>.</summary>
    internal void MoveTail(int from, PositionLeaf target)
    {
        ((Span<OrderKey>)Keys)[from..Count].CopyTo(((Span<OrderKey>)target.Keys)[target.Count..]);
        target.Count += Count - from;
        Count = from;
    }

    internal void Clear()
    {
        Count = 0;
        LastInsert = 0;
    }

    [InlineArray(Capacity)]
    internal struct KeyBlock
    {
        private OrderKey _first;
    }
}

/// <summary>Leaves or branches in order, with how many keys are below each.</summary>
internal sealed class PositionBranch : PositionNode
{
    internal const int Capacity = 64;

    /// <summary>Header, counter and link, then per child a separator, a total and a reference.</summary>
    internal const int Bytes = 32 + (Capacity * (16 + 4 + 8));

    /// <summary>No key below child i is under separator i. The first separator is not asked, as the first child takes
    /// what is lower too; it is what the parent has for this branch, for when children move to the left.</summary>
    internal KeyBlock Separators;

    /// <summary>How many keys are below each child.</summary>
    internal TotalBlock Totals;

    internal ChildBlock Children;

    /// <summary>The next in the list of unused branches.</summary>
    internal PositionBranch? NextSpare;

    /// <summary>The child under which a key belongs.</summary>
    internal int SlotOf(OrderKey key)
    {
        ReadOnlySpan<OrderKey> separators = Separators;
        int last = Count - 1;

        // Jobs mostly enter at the end and leave at the beginning: in a large tree nearly all the way is along an edge.
        if (last == 0 || separators[last] <= key)
        {
            return last;
        }

        return key < separators[1] ? 0 : CountUpTo(separators[1..last], key);
    }

    /// <summary>How many keys are below the children before a slot.</summary>
    internal int TotalBefore(int slot)
    {
        ReadOnlySpan<int> totals = Totals;
        var sums = Vector<int>.Zero;
        int i = 0;
        for (; i <= slot - Vector<int>.Count; i += Vector<int>.Count)
        {
            sums += new Vector<int>(totals[i..]);
        }

        int sum = Vector.Sum(sums);
        for (; i < slot; i++)
        {
            sum += totals[i];
        }

        return sum;
    }

    internal void InsertAt(int at, OrderKey separator, PositionNode child, int total)
    {
        MakeRoom(at, 1);
        Separators[at] = separator;
        Totals[at] = total;
        Children[at] = child;
    }

    /// <summary>Takes out a child other than the first, which would leave the parent's separator behind.</summary>
    internal void RemoveAt(int at)
    {
        Invariant.Holds(at > 0);
        CloseGap(at, 1);
    }

    /// <summary>Moves some children over into another node and says how many keys went with them.</summary>
    internal int Move(int from, int count, PositionBranch target, int at)
    {
        target.MakeRoom(at, count);
        int keys = 0;
        for (int i = 0; i < count; i++)
        {
            target.Separators[at + i] = Separators[from + i];
            target.Totals[at + i] = Totals[from + i];
            target.Children[at + i] = Children[from + i];
            keys += Totals[from + i];
        }

        CloseGap(from, count);
        return keys;
    }

    internal void Clear()
    {
        ((Span<PositionNode>)Children)[..Count].Clear();
        Count = 0;
    }

    private void MakeRoom(int at, int count)
    {
        ((Span<OrderKey>)Separators)[at..Count].CopyTo(((Span<OrderKey>)Separators)[(at + count)..]);
        ((Span<int>)Totals)[at..Count].CopyTo(((Span<int>)Totals)[(at + count)..]);
        ((Span<PositionNode>)Children)[at..Count].CopyTo(((Span<PositionNode>)Children)[(at + count)..]);
        Count += count;
    }

    private void CloseGap(int at, int count)
    {
        ((Span<OrderKey>)Separators)[(at + count)..Count].CopyTo(((Span<OrderKey>)Separators)[at..]);
        ((Span<int>)Totals)[(at + count)..Count].CopyTo(((Span<int>)Totals)[at..]);
        ((Span<PositionNode>)Children)[(at + count)..Count].CopyTo(((Span<PositionNode>)Children)[at..]);
        ((Span<PositionNode>)Children)[(Count - count)..Count].Clear();
        Count -= count;
    }

    [InlineArray(Capacity)]
    internal struct KeyBlock
    {
        private OrderKey _first;
    }

    [InlineArray(Capacity)]
    internal struct TotalBlock
    {
        private int _first;
    }

    [InlineArray(Capacity)]
    internal struct ChildBlock
    {
        private PositionNode _first;
    }
}
