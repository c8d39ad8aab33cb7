using Engine.Runtime;

namespace Engine.Tests.Runtime;

/// <summary>The queue behind the inbox: in order, once each, and never waiting for who is about to put one in.</summary>
public sealed class OperationRingTests
{
    [Fact]
    public void What_was_put_in_comes_out_in_order_however_often_it_goes_round()
    {
        var ring = new OperationRing(5);
        var operations = Enumerable.Range(0, 8).Select(i => new FuncOperation<int>(_ => i)).ToList();
        for (int round = 0; round < 100; round++)
        {
            int count = 1 + (round % operations.Count);
            Assert.True(ring.IsEmpty);
            Assert.False(ring.TryDequeue(out _));
            operations[..count].ForEach(ring.Enqueue);
            Assert.False(ring.IsEmpty);
            for (int i = 0; i < count; i++)
            {
                Assert.True(ring.TryDequeue(out var operation));
                Assert.Same(operations[i], operation);
            }
        }
    }

    [Fact]
    public void Who_takes_its_time_to_fill_a_place_holds_up_those_behind_it_and_nobody_else()
    {
        var ring = new OperationRing(4);
        var (slow, quick) = (new FuncOperation<int>(_ => 1), new FuncOperation<int>(_ => 2));
        long place = ring.TakePlace();
        ring.Enqueue(quick);

        Assert.False(ring.TryDequeue(out _));
        Assert.True(ring.IsHeldUp);
        Assert.False(ring.IsEmpty);

        ring.Put(place, slow);
        Assert.True(ring.TryDequeue(out var first));
        Assert.False(ring.IsHeldUp);
        Assert.True(ring.TryDequeue(out var second));
        Assert.Same(slow, first);
        Assert.Same(quick, second);
        Assert.False(ring.TryDequeue(out _));
        Assert.False(ring.IsHeldUp);
        Assert.True(ring.IsEmpty);
    }

    [Fact]
    public void Many_put_in_at_once_and_each_ones_come_out_in_its_order()
    {
        const int Writers = 4;
        const int Each = 50_000;
        const int Capacity = 64;
        var ring = new OperationRing(Capacity);
        using var places = new SemaphoreSlim(Capacity);
        var threads = Enumerable.Range(0, Writers).Select(writer => new Thread(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                places.Wait();
                ring.Enqueue(new NumberedOperation(writer, i));
            }
        })
        { IsBackground = true }).ToList();
        threads.ForEach(thread => thread.Start());

        int[] next = new int[Writers];
        var started = TimeProvider.System.GetTimestamp();
        while (next.Sum() < Writers * Each)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromMinutes(5), "One is missing.");
            if (ring.TryDequeue(out var operation))
            {
                places.Release();
                var numbered = (NumberedOperation)operation;
                Assert.Equal(next[numbered.Author]++, numbered.Number);
            }
        }

        Assert.True(ring.IsEmpty);
        threads.ForEach(thread => thread.Join());
    }
}
