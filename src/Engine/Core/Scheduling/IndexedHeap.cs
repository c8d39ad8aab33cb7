namespace Engine.Core.Scheduling;

/// <summary>Something that lies in at most one <see cref="IndexedHeap{T}"/> at a time and knows where.</summary>
internal abstract class HeapNode
{
    internal const int Outside = -1;

    /// <summary>The node's place in its heap, <see cref="Outside"/> when it is in none. Set by the heap only.</summary>
    internal int HeapIndex = Outside;

    /// <summary>The heap's first may soon be this node: a chance to ask for memory, nothing more.</summary>
    /// <param name="isNext">It is one of the next few; else of those behind them.</param>
    internal virtual void ComesNear(bool isNext)
    {
    }
}

/// <summary>A four-ary heap whose members know their place, so that any of them can leave or move in O(log
/// n).</summary>
/// <remarks>Keys lie beside the members in one array, so that comparing never follows a reference. Sifting moves a hole
/// instead of swapping.</remarks>
internal sealed class IndexedHeap<T>
    where T : HeapNode
{
    private const int Arity = 4;

    // The first's children, and theirs.
    private const int LastNext = Arity;
    private const int LastBehindNext = Arity + (Arity * Arity);

    private (OrderKey Key, T Node)[] _nodes;

    internal IndexedHeap(int capacity = 4) => _nodes = new (OrderKey, T)[capacity];

    internal int Count { get; private set; }

    /// <summary>The member with the lowest key. The heap is not empty.</summary>
    internal T First => _nodes[0].Node;

    /// <summary>The lowest key. The heap is not empty.</summary>
    internal OrderKey FirstKey => _nodes[0].Key;

    internal void Add(OrderKey key, T node)
    {
        Invariant.Holds(node.HeapIndex == HeapNode.Outside);
        if (Count == _nodes.Length)
        {
            Array.Resize(ref _nodes, Count * 2);
        }

        SiftUp(Count++, key, node);
    }

    internal void Remove(T node)
    {
        int index = node.HeapIndex;
        Invariant.Holds((uint)index < (uint)Count && ReferenceEquals(_nodes[index].Node, node));

        node.HeapIndex = HeapNode.Outside;
        var (key, last) = _nodes[--Count];
        _nodes[Count] = default;
        if (index < Count)
        {
            Sift(index, key, last);
        }
    }

    /// <summary>Gives a member another key.</summary>
    internal void Move(T node, OrderKey key)
    {
        Invariant.Holds((uint)node.HeapIndex < (uint)Count && ReferenceEquals(_nodes[node.HeapIndex].Node, node));
        Sift(node.HeapIndex, key, node);
    }

    /// <summary>Whether the node is in this heap.</summary>
    internal bool Contains(T node) =>
        (uint)node.HeapIndex < (uint)Count && ReferenceEquals(_nodes[node.HeapIndex].Node, node);

    /// <summary>The members in no particular, but reproducible, order.</summary>
    internal ReadOnlySpan<(OrderKey Key, T Node)> Unordered => _nodes.AsSpan(0, Count);

    private void Sift(int index, OrderKey key, T node)
    {
        if (index > 0 && key < _nodes[(index - 1) / Arity].Key)
        {
            SiftUp(index, key, node);
        }
        else
        {
            SiftDown(index, key, node);
        }
    }

    private void SiftUp(int index, OrderKey key, T node)
    {
        var nodes = _nodes;
        while (index > 0)
        {
            int parent = (index - 1) / Arity;
            if (!(key < nodes[parent].Key))
            {
                break;
            }

            nodes[index] = nodes[parent];
            nodes[index].Node.HeapIndex = index;
            index = parent;
        }

        nodes[index] = (key, node);
        node.HeapIndex = index;
    }

    private void SiftDown(int index, OrderKey key, T node)
    {
        var nodes = _nodes;
        int count = Count;
        while (true)
        {
            int child = (index * Arity) + 1;
            if (child >= count)
            {
                break;
            }

            int best = child;
            int end = Math.Min(child + Arity, count);
            for (int i = child + 1; i < end; i++)
            {
                if (nodes[i].Key < nodes[best].Key)
                {
                    best = i;
                }
            }

            if (!(nodes[best].Key < key))
            {
                break;
            }

            nodes[index] = nodes[best];
            nodes[index].Node.HeapIndex = index;
            if (index <= LastBehindNext)
            {
                nodes[index].Node.ComesNear(isNext: index <= LastNext);
            }

            index = best;
        }

        nodes[index] = (key, node);
        node.HeapIndex = index;
    }
}
