namespace Engine.Core.Scheduling;

/// <summary>Something that lies in at most one <see cref="IndexedHeap{T}"/> at a time and knows how to be found
/// there.</summary>
internal abstract class HeapNode
{
    internal const int Outside = -1;

    /// <summary>The node's number in its heap, <see cref="Outside"/> when it is in none: it stays the same wherever the
    /// node moves to. Set by the heap only.</summary>
    internal int HeapSlot = Outside;

    /// <summary>The heap's first may soon be this node, whose own memory was asked for before: a chance to ask for what
    /// it leads to, nothing more.</summary>
    internal virtual void ComesNear()
    {
    }
}

/// <summary>A four-ary heap whose members can be found, so that any of them can leave or move in O(log n).</summary>
/// <remarks>
/// Keys lie in the heap, and where each member is in a table beside it: sifting touches two small arrays, and no
/// member. Were the place kept in the member itself, each level would write to an object that was last used thousands
/// of jobs ago. Sifting moves a hole instead of swapping.
/// </remarks>
internal sealed class IndexedHeap<T>
    where T : HeapNode
{
    private const int Arity = 4;

    // The first's children, and theirs.
    private const int LastNext = Arity;
    private const int LastBehindNext = Arity + (Arity * Arity);
    private const int NodeLines = 4;

    // In the order of the heap; beyond it, the slots that are free.
    private (OrderKey Key, int Slot)[] _places;
    private (T Node, int Place)[] _slots;

    internal IndexedHeap(int capacity = 4)
    {
        _places = new (OrderKey, int)[capacity];
        _slots = new (T, int)[capacity];
        FreeSlotsFrom(0);
    }

    internal int Count { get; private set; }

    /// <summary>The member with the lowest key. The heap is not empty.</summary>
    internal T First => _slots[_places[0].Slot].Node;

    /// <summary>The lowest key. The heap is not empty.</summary>
    internal OrderKey FirstKey => _places[0].Key;

    /// <summary>The members in no particular, but reproducible, order: the parent of the member at <c>i</c> is at
    /// <c>(i - 1) / 4</c>.</summary>
    internal (OrderKey Key, T Node) this[int place] => (_places[place].Key, _slots[_places[place].Slot].Node);

    /// <summary>Where a member is, for who checks the heap.</summary>
    internal int PlaceOf(T node) => Contains(node) ? _slots[node.HeapSlot].Place : HeapNode.Outside;

    internal void Add(OrderKey key, T node)
    {
        Invariant.Holds(node.HeapSlot == HeapNode.Outside);
        if (Count == _places.Length)
        {
            Array.Resize(ref _places, Count * 2);
            Array.Resize(ref _slots, Count * 2);
            FreeSlotsFrom(Count);
        }

        int slot = _places[Count].Slot;
        node.HeapSlot = slot;
        _slots[slot].Node = node;
        SiftUp(Count++, key, slot);
    }

    internal void Remove(T node)
    {
        int slot = node.HeapSlot;
        Invariant.Holds(Contains(node));
        int place = _slots[slot].Place;
        node.HeapSlot = HeapNode.Outside;
        _slots[slot].Node = null!;
        var (key, last) = _places[--Count];
        _places[Count].Slot = slot;
        if (place < Count)
        {
            Sift(place, key, last);
        }
    }

    /// <summary>Gives a member another key.</summary>
    internal void Move(T node, OrderKey key)
    {
        Invariant.Holds(Contains(node));
        Sift(_slots[node.HeapSlot].Place, key, node.HeapSlot);
    }

    /// <summary>Whether the node is in this heap.</summary>
    internal bool Contains(T node) =>
        (uint)node.HeapSlot < (uint)_slots.Length && ReferenceEquals(_slots[node.HeapSlot].Node, node);

    private void FreeSlotsFrom(int first)
    {
        for (int i = first; i < _places.Length; i++)
        {
            _places[i].Slot = i;
        }
    }

    private void Sift(int place, OrderKey key, int slot)
    {
        if (place > 0 && key < _places[(place - 1) / Arity].Key)
        {
            SiftUp(place, key, slot);
        }
        else
        {
            SiftDown(place, key, slot);
        }
    }

    private void SiftUp(int place, OrderKey key, int slot)
    {
        var places = _places;
        var slots = _slots;
        while (place > 0)
        {
            int parent = (place - 1) / Arity;
            ref readonly var above = ref places[parent];
            if (!(key < above.Key))
            {
                break;
            }

            slots[above.Slot].Place = place;
            places[place] = above;
            place = parent;
        }

        places[place] = (key, slot);
        slots[slot].Place = place;
    }

    private void SiftDown(int place, OrderKey key, int slot)
    {
        var places = _places;
        var slots = _slots;
        int count = Count;
        while (true)
        {
            int child = (place * Arity) + 1;
            if (child >= count)
            {
                break;
            }

            int best = child;
            int end = Math.Min(child + Arity, count);
            for (int i = child + 1; i < end; i++)
            {
                if (places[i].Key < places[best].Key)
                {
                    best = i;
                }
            }

            ref readonly var below = ref places[best];
            if (!(below.Key < key))
            {
                break;
            }

            slots[below.Slot].Place = place;
            if (place <= LastNext)
            {
                slots[below.Slot].Node.ComesNear();
            }
            else if (place <= LastBehindNext)
            {
                // Not by a call of its own, which would have to wait for that memory.
                Prefetch.Object(slots[below.Slot].Node, NodeLines);
            }

            places[place] = below;
            place = best;
        }

        places[place] = (key, slot);
        slots[slot].Place = place;
    }
}
