using BenchmarkDotNet.Attributes;
using Engine.Core.Scheduling;

namespace Engine.Bench.Micro;

/// <summary>What does the next of many lanes cost: one in, the best out, and a change of place?</summary>
[MemoryDiagnoser]
public class IndexedHeapBenchmarks
{
    private const ulong Step = 0x9E37_79B9_7F4A_7C15;

    private readonly IndexedHeap<Item> _heap = new();
    private readonly PriorityQueue<Item, OrderKey> _queue = new();
    private Item[] _items = [];
    private ulong _sequence;

    [Params(1_000, 100_000)]
    public int Depth { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        _items = [.. Enumerable.Range(0, Depth).Select(_ => new Item())];
        foreach (Item item in _items)
        {
            _heap.Add(Next(), item);
            _queue.Enqueue(item, Next());
        }
    }

    [Benchmark]
    public int AddAndTakeFirst()
    {
        Item first = _heap.First;
        _heap.Remove(first);
        _heap.Add(Next(), first);
        return _heap.Count;
    }

    /// <summary>The framework's heap for comparison; no member of it can move or leave.</summary>
    [Benchmark(Baseline = true)]
    public int PriorityQueueAddAndTakeFirst()
    {
        Item first = _queue.Dequeue();
        _queue.Enqueue(first, Next());
        return _queue.Count;
    }

    /// <summary>Any member gets another key.</summary>
    [Benchmark]
    public int Move()
    {
        _heap.Move(_items[(int)(_sequence % (ulong)Depth)], Next());
        return _heap.Count;
    }

    // Spread over all places, yet later ones tend to come later: what a queue in use looks like.
    private OrderKey Next()
    {
        _sequence++;
        return new OrderKey(0, (_sequence << 20) + (_sequence * Step >> 30));
    }

    private sealed class Item : HeapNode;
}
