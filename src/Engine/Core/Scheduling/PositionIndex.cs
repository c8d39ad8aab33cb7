namespace Engine.Core.Scheduling;

/// <summary>The keys of all waiting jobs in order, and how many are below any of them: a job's position in O(log
/// n).</summary>
/// <remarks>
/// A B+-tree that counts: leaves hold up to 64 keys side by side, branches hold for each child how many keys are below
/// it. Jobs enter at the end of their tier and priority, so a full leaf is split where such a run of keys grows, and
/// stays full behind it. Two neighbouring leaves become one when the keys of both fill seven eighths of it, so that a
/// key takes about 17 bytes when jobs come and go in the usual order, and 40 when they leave at random.
///
/// One pass from the root to a leaf: a full branch is split, and a nearly empty one refilled, on the way down, so that
/// nothing has to go back up. Nodes are reused; at a steady size nothing is allocated.
///
/// Architecture invariant: no balance depends on chance, so the same calls leave the same tree.
/// </remarks>
internal sealed class PositionIndex
{
    // Below what a split leaves, so that a merge is not undone by the next few keys.
    private const int LeafMergeLimit = PositionLeaf.Capacity * 7 / 8;
    private const int BranchMergeLimit = PositionBranch.Capacity * 7 / 8;
    private const int BranchMinimum = PositionBranch.Capacity / 4;

    // A megabyte of leaves and what holds them: beyond that, what a burst leaves behind goes back to the collector.
    private const int MaxSpareLeaves = 1024;
    private const int MaxSpareBranches = 64;

    private PositionNode _root = new PositionLeaf();
    private PositionLeaf? _spareLeaves;
    private PositionBranch? _spareBranches;
    private int _spareLeafCount;
    private int _spareBranchCount;

    // The key that came last, and its place as long as nothing else came or went; 0 when that was not seen on the way.
    private OrderKey _lastKey;
    private long _lastRank;

    /// <summary>How many keys there are.</summary>
    internal int Count { get; private set; }

    /// <summary>What the nodes in use take, roughly: for tests and figures, as it walks all of them.</summary>
    internal long NodeBytes => BytesBelow(_root);

    /// <summary>Adds a key that is not in the index.</summary>
    internal void Add(OrderKey key)
    {
        if (_root is PositionBranch { Count: PositionBranch.Capacity } full)
        {
            PositionBranch top = TakeBranch();
            top.InsertAt(0, default, full, Count);
            _root = top;
        }

        PositionNode node = _root;
        PositionBranch? parent = null;
        int slot = 0;
        long before = 0;
        bool wasSplit = false;
        while (node is PositionBranch branch)
        {
            if (branch.Count == PositionBranch.Capacity)
            {
                // Only the root has no parent, and it was seen to above.
                SplitBranch(parent!, slot);
                slot = parent!.SlotOf(key);
                branch = (PositionBranch)parent.Children[slot];
                wasSplit = true;
            }

            if (parent is not null)
            {
                parent.Totals[slot]++;
            }

            parent = branch;
            slot = branch.SlotOf(key);
            before += branch.TotalBefore(slot);
            node = branch.Children[slot];
        }

        // Whoever submits a job asks for its place at once.
        int at = AddToLeaf((PositionLeaf)node, parent, slot, key);
        _lastKey = key;
        _lastRank = wasSplit ? 0 : before + at + 1;
        Count++;
    }

    /// <summary>Takes a key out that is in the index.</summary>
    internal void Remove(OrderKey key)
    {
        _lastRank = 0;
        while (_root is PositionBranch { Count: 1 } top)
        {
            _root = top.Children[0];
            Recycle(top);
        }

        PositionNode node = _root;
        PositionBranch? parent = null;
        int slot = 0;
        while (node is PositionBranch branch)
        {
            if (branch.Count < BranchMinimum && parent is { Count: > 1 })
            {
                Refill(parent, slot);
                slot = parent.SlotOf(key);
                branch = (PositionBranch)parent.Children[slot];
            }

            if (parent is not null)
            {
                parent.Totals[slot]--;
            }

            parent = branch;
            slot = branch.SlotOf(key);
            node = branch.Children[slot];
        }

        var leaf = (PositionLeaf)node;
        int after = leaf.CountUpTo(key);
        bool isPresent = after > 0 && leaf.Keys[after - 1] == key;
        Invariant.Holds(isPresent);

        leaf.RemoveAt(after - 1);
        Count--;
        if (parent is not null)
        {
            parent.Totals[slot]--;
            MergeLeaf(parent, slot);
        }
    }

    /// <summary>The 1-based place of a key in the order, or 0 when it is not in the index.</summary>
    internal long RankOf(OrderKey key)
    {
        if (_lastRank > 0 && _lastKey == key)
        {
            return _lastRank;
        }

        var (leaf, before) = LeafOf(key);
        int after = leaf.CountUpTo(key);
        return after > 0 && leaf.Keys[after - 1] == key ? before + after : 0;
    }

    /// <summary>How many keys come before a key that is not in the index.</summary>
    internal long CountBelow(OrderKey key)
    {
        var (leaf, before) = LeafOf(key);
        return before + leaf.CountUpTo(key);
    }

    private (PositionLeaf Leaf, long Before) LeafOf(OrderKey key)
    {
        long before = 0;
        PositionNode node = _root;
        while (node is PositionBranch branch)
        {
            int slot = branch.SlotOf(key);
            before += branch.TotalBefore(slot);
            node = branch.Children[slot];
        }

        return ((PositionLeaf)node, before);
    }

    /// <summary>Returns how many keys of the leaf are below the new one.</summary>
    private int AddToLeaf(PositionLeaf leaf, PositionBranch? parent, int slot, OrderKey key)
    {
        int at = leaf.CountUpTo(key);
        bool isNew = at == 0 || leaf.Keys[at - 1] != key;
        Invariant.Holds(isNew);

        if (leaf.Count < PositionLeaf.Capacity)
        {
            leaf.InsertAt(at, key);
            if (parent is not null)
            {
                parent.Totals[slot]++;
            }

            return at;
        }

        if (parent is null)
        {
            parent = TakeBranch();
            parent.InsertAt(0, default, leaf, leaf.Count);
            _root = parent;
        }

        SplitLeaf(leaf, parent, slot, at, key);
        return at;
    }

    private void SplitLeaf(PositionLeaf leaf, PositionBranch parent, int slot, int at, OrderKey key)
    {
        // Where keys arrive in order, the next one belongs behind this one: split there and the left leaf stays full,
        // or is filled by what follows. Anywhere else, in the middle.
        bool isRun = at == leaf.Count || at == leaf.LastInsert + 1;
        int cut = isRun ? at : leaf.Count / 2;
        bool goesRight = at == leaf.Count || at > cut;

        PositionLeaf right = TakeLeaf();
        leaf.MoveTail(cut, right);
        if (goesRight)
        {
            right.InsertAt(at - cut, key);
        }
        else
        {
            leaf.InsertAt(at, key);
        }

        parent.Totals[slot] = leaf.Count;
        parent.InsertAt(slot + 1, right.Keys[0], right, right.Count);

        // The halves may be small beside neighbours that are small too.
        MergeLeaf(parent, slot + 1);
        MergeLeaf(parent, slot);
    }

    // An empty leaf stays as long as its neighbours are nearly full: its place in the order is still good.
    private void MergeLeaf(PositionBranch parent, int slot)
    {
        Span<int> totals = parent.Totals;
        if (slot + 1 < parent.Count && totals[slot] + totals[slot + 1] <= LeafMergeLimit)
        {
            MergeLeafWithNext(parent, slot);
        }

        if (slot > 0 && totals[slot - 1] + totals[slot] <= LeafMergeLimit)
        {
            MergeLeafWithNext(parent, slot - 1);
        }
    }

    private void MergeLeafWithNext(PositionBranch parent, int slot)
    {
        var left = (PositionLeaf)parent.Children[slot];
        var right = (PositionLeaf)parent.Children[slot + 1];
        right.MoveTail(0, left);
        parent.Totals[slot] = left.Count;
        parent.RemoveAt(slot + 1);
        Recycle(right);
    }

    private void SplitBranch(PositionBranch parent, int slot)
    {
        var left = (PositionBranch)parent.Children[slot];
        PositionBranch right = TakeBranch();
        int half = left.Count / 2;
        int moved = left.Move(half, left.Count - half, right, 0);
        parent.Totals[slot] -= moved;
        parent.InsertAt(slot + 1, right.Separators[0], right, moved);
    }

    /// <summary>Makes a nearly empty branch one with a neighbour, or takes as many children as make them
    /// equal.</summary>
    private void Refill(PositionBranch parent, int slot)
    {
        int leftSlot = slot > 0 ? slot - 1 : slot;
        var left = (PositionBranch)parent.Children[leftSlot];
        var right = (PositionBranch)parent.Children[leftSlot + 1];
        int sum = left.Count + right.Count;
        bool merges = sum <= BranchMergeLimit;
        int leftCount = merges ? sum : sum / 2;

        int moved = leftCount > left.Count
            ? right.Move(0, leftCount - left.Count, left, left.Count)
            : -left.Move(leftCount, left.Count - leftCount, right, 0);
        parent.Totals[leftSlot] += moved;
        parent.Totals[leftSlot + 1] -= moved;
        parent.Separators[leftSlot + 1] = right.Separators[0];

        if (merges)
        {
            parent.RemoveAt(leftSlot + 1);
            Recycle(right);
        }
    }

    private static long BytesBelow(PositionNode node)
    {
        if (node is not PositionBranch branch)
        {
            return PositionLeaf.Bytes;
        }

        long sum = PositionBranch.Bytes;
        foreach (PositionNode child in ((ReadOnlySpan<PositionNode>)branch.Children)[..branch.Count])
        {
            sum += BytesBelow(child);
        }

        return sum;
    }

    private PositionLeaf TakeLeaf()
    {
        if (_spareLeaves is not { } leaf)
        {
            return new PositionLeaf();
        }

        _spareLeaves = leaf.NextSpare;
        _spareLeafCount--;
        leaf.NextSpare = null;
        return leaf;
    }

    private void Recycle(PositionLeaf leaf)
    {
        if (_spareLeafCount == MaxSpareLeaves)
        {
            return;
        }

        leaf.Clear();
        leaf.NextSpare = _spareLeaves;
        _spareLeaves = leaf;
        _spareLeafCount++;
    }

    private PositionBranch TakeBranch()
    {
        if (_spareBranches is not { } branch)
        {
            return new PositionBranch();
        }

        _spareBranches = branch.NextSpare;
        _spareBranchCount--;
        branch.NextSpare = null;
        return branch;
    }

    private void Recycle(PositionBranch branch)
    {
        if (_spareBranchCount == MaxSpareBranches)
        {
            return;
        }

        branch.Clear();
        branch.NextSpare = _spareBranches;
        _spareBranches = branch;
        _spareBranchCount++;
    }
}
