using Engine.Core;
using Engine.Core.Scheduling;

namespace Engine.Tests.Core.Scheduling;

public class IndexedHeapTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Pops_in_key_order_whatever_the_order_of_adding(int seed)
    {
        var random = new Random(seed);
        for (int size = 0; size <= 70; size++)
        {
            var heap = new IndexedHeap<Item>();
            int[] keys = [.. Enumerable.Range(0, size)];
            random.Shuffle(keys);
            foreach (int key in keys)
            {
                heap.Add(Key(key), new Item());
            }

            Assert.Equal(Enumerable.Range(0, size).Select(Key), Drain(heap));
        }
    }

    // Six members: a root with four children, one of which has a child of its own; in all 720 orders of arrival.
    [Fact]
    public void Any_member_can_leave_or_move_from_any_place_in_every_small_heap()
    {
        foreach (int[] order in Permutations(6))
        {
            for (int member = 0; member < order.Length; member++)
            {
                // To before, between and after all others, its own place included; -1 is to leave.
                for (int target = -1; target <= 2 * order.Length; target++)
                {
                    var heap = new IndexedHeap<Item>();
                    Item[] items = [.. order.Select(_ => new Item())];
                    for (int i = 0; i < order.Length; i++)
                    {
                        heap.Add(Key((2 * order[i]) + 1), items[i]);
                    }

                    List<OrderKey> expected = [.. order.Where((_, i) => i != member).Select(k => Key((2 * k) + 1))];
                    if (target < 0)
                    {
                        heap.Remove(items[member]);
                    }
                    else
                    {
                        OrderKey key = target % 2 == 1 && target != (2 * order[member]) + 1 ? Key(100) : Key(target);
                        heap.Move(items[member], key);
                        expected.Add(key);
                    }

                    expected.Sort();
                    Assert.Equal(expected, Drain(heap));
                }
            }
        }
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public void Answers_as_a_sorted_list_does(int seed)
    {
        var random = new Random(seed);
        var heap = new IndexedHeap<Item>();
        var model = new SortedList<OrderKey, Item>();
        for (int step = 0; step < 30_000; step++)
        {
            var key = new OrderKey((ulong)random.Next(4), (ulong)random.NextInt64(1L << 40));
            int action = random.Next(step % 10_000 < 5_000 ? 5 : 8);
            if (model.Count == 0 || (action <= 2 && !model.ContainsKey(key)))
            {
                var item = new Item();
                heap.Add(key, item);
                model.Add(key, item);
            }
            else if (action == 3 && !model.ContainsKey(key))
            {
                int at = random.Next(model.Count);
                Item item = model.Values[at];
                heap.Move(item, key);
                model.RemoveAt(at);
                model.Add(key, item);
            }
            else
            {
                int at = action == 4 ? random.Next(model.Count) : 0;
                heap.Remove(model.Values[at]);
                Assert.Equal(HeapNode.Outside, model.Values[at].HeapSlot);
                model.RemoveAt(at);
            }

            Assert.Equal(model.Count, heap.Count);
            if (model.Count > 0 && (model.Keys[0] != heap.FirstKey || !ReferenceEquals(model.Values[0], heap.First)))
            {
                Assert.Fail($"Seed {seed}, step {step}: the first is {heap.FirstKey}, not {model.Keys[0]}.");
            }

            if (step % 500 == 0)
            {
                Assert.Equal(
                    model.Select(pair => (pair.Key, pair.Value)),
                    Enumerable.Range(0, heap.Count).Select(place => heap[place]).OrderBy(member => member.Key));
            }
        }
    }

    [Fact]
    public void Refuses_a_member_that_is_in_a_heap_already()
    {
        var first = new IndexedHeap<Item>();
        var second = new IndexedHeap<Item>();
        var item = new Item();
        first.Add(Key(1), item);

        Assert.Throws<InvariantViolationException>(() => first.Add(Key(2), item));
        Assert.Throws<InvariantViolationException>(() => second.Add(Key(2), item));
    }

    [Fact]
    public void Refuses_to_move_or_remove_who_is_elsewhere_or_nowhere()
    {
        var heap = new IndexedHeap<Item>();
        var other = new IndexedHeap<Item>();
        heap.Add(Key(1), new Item());
        var outside = new Item();
        var elsewhere = new Item();
        other.Add(Key(1), elsewhere);
        var gone = new Item();
        heap.Add(Key(2), gone);
        heap.Remove(gone);

        foreach (Item item in (Item[])[outside, elsewhere, gone])
        {
            Assert.Throws<InvariantViolationException>(() => heap.Remove(item));
            Assert.Throws<InvariantViolationException>(() => heap.Move(item, Key(5)));
        }
    }

    [Fact]
    public void A_member_that_left_can_come_back()
    {
        var heap = new IndexedHeap<Item>();
        var item = new Item();

        heap.Add(Key(5), item);
        heap.Remove(item);
        heap.Add(Key(3), item);

        Assert.Equal(Key(3), heap.FirstKey);
        Assert.Equal(1, heap.Count);
    }

    [Fact]
    public void Keeps_no_reference_to_a_member_that_left()
    {
        var heap = new IndexedHeap<Item>();
        heap.Add(Key(1), new Item());
        WeakReference left = AddAndRemove(heap);

        GC.Collect();

        Assert.False(left.IsAlive);
        GC.KeepAlive(heap);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static WeakReference AddAndRemove(IndexedHeap<Item> heap)
        {
            var item = new Item();
            heap.Add(Key(2), item);
            heap.Remove(item);
            return new WeakReference(item);
        }
    }

    [Fact]
    public void Allocates_nothing_at_a_steady_size()
    {
        var heap = new IndexedHeap<Item>();
        Item[] items = [.. Enumerable.Range(0, 1_000).Select(_ => new Item())];
        ulong sequence = 0;
        Turn();

        Assert.Equal(0, Allocations.Of(Turn));

        void Turn()
        {
            foreach (Item item in items)
            {
                heap.Add(new OrderKey(0, ++sequence), item);
            }

            foreach (Item item in items)
            {
                heap.Move(item, new OrderKey(1, ++sequence));
            }

            foreach (Item item in items)
            {
                heap.Remove(item);
            }
        }
    }

    private static OrderKey Key(int key) => new(0, (ulong)key);

    private static List<OrderKey> Drain(IndexedHeap<Item> heap)
    {
        var keys = new List<OrderKey>();
        while (heap.Count > 0)
        {
            keys.Add(heap.FirstKey);
            heap.Remove(heap.First);
        }

        return keys;
    }

    private static IEnumerable<int[]> Permutations(int count)
    {
        if (count == 0)
        {
            return [[]];
        }

        return Permutations(count - 1).SelectMany(shorter =>
            Enumerable.Range(0, count).Select(at => (int[])[.. shorter[..at], count - 1, .. shorter[at..]]));
    }

    private sealed class Item : HeapNode;
}
