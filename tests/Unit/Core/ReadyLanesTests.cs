using Engine.Core;
using Engine.Core.Scheduling;

namespace Engine.Tests.Core;

public sealed class ReadyLanesTests
{
    private readonly JobTypeEntry _type = new("work", 1);
    private readonly TierEntry _tier = new("free", 1);

    [Theory]
    [InlineData(1, 3, 5)]
    [InlineData(2, 3, 60)]
    [InlineData(3, 30, 2_000)]
    public void Knows_the_lane_that_is_next_whatever_comes_and_goes(int seed, int streams, int about)
    {
        var dice = new Random(seed);
        var ready = new ReadyLanes();
        var model = new SortedDictionary<OrderKey, Lane>();
        var keys = new Dictionary<Lane, OrderKey>();
        ulong sequence = 1_000_000;
        for (int step = 0; step < 20_000; step++)
        {
            // Mostly the next of a stream, as jobs of one tier come; some that were there long before.
            var key = new OrderKey((ulong)dice.Next(streams), dice.Next(5) == 0 ? (ulong)dice.NextInt64(1_000_000) : ++sequence);
            bool grows = (step / about % 3) != 2;
            if (model.Count == 0 || dice.Next(100) < (grows ? 55 : 35))
            {
                if (!model.ContainsKey(key))
                {
                    var lane = new Lane(_type, _tier, new UserAccount("u", 1), project: null, resources: null);
                    ready.Add(key, lane);
                    model.Add(key, lane);
                    keys.Add(lane, key);
                }
            }
            else
            {
                // Mostly the first, as lanes are served.
                var lane = dice.Next(10) < 7 ? ready.First : model.ElementAt(dice.Next(model.Count)).Value;
                model.Remove(keys[lane]);
                if (dice.Next(3) == 0 && !model.ContainsKey(key))
                {
                    ready.Move(lane, key);
                    model.Add(key, lane);
                    keys[lane] = key;
                }
                else
                {
                    ready.Remove(lane);
                    keys.Remove(lane);
                    Assert.False(ready.Contains(lane));
                }
            }

            Assert.Equal(model.Count, ready.Count);
            if (model.Count > 0)
            {
                var (firstKey, first) = model.First();
                Assert.Equal(firstKey, ready.FirstKey);
                Assert.Same(first, ready.First);
                Assert.True(ready.Contains(first));
            }
        }

        Assert.Equal(model.Select(pair => (pair.Key, pair.Value)), ready.All.OrderBy(entry => entry.Key));
        Assert.All(ready.Rows, row => Assert.Equal(row.Order(), row));
    }

    [Fact]
    public void Keys_of_a_few_tiers_that_come_in_turns_need_no_heap()
    {
        var ready = new ReadyLanes();
        for (ulong i = 0; i < 600; i++)
        {
            ready.Add(new OrderKey(i * 7 % 3, i), new Lane(_type, _tier, new UserAccount("u", 1), null, null));
        }

        Assert.Equal(0, ready.Others.Count);
        Assert.Equal(600, ready.All.Count());
    }

    [Fact]
    public void Rows_that_ran_empty_take_whatever_comes()
    {
        // None fits behind those before it: all rows begin, and what is left over goes to the heap.
        var ready = new ReadyLanes();
        for (ulong i = 0; i < 10; i++)
        {
            ready.Add(new OrderKey(1_000 - i, i), new Lane(_type, _tier, new UserAccount("u", 1), null, null));
        }

        Assert.Equal(2, ready.Others.Count);
        while (ready.Count > 0)
        {
            ready.Remove(ready.First);
        }

        for (ulong i = 10; i < 300; i++)
        {
            ready.Add(new OrderKey(i % 3, i), new Lane(_type, _tier, new UserAccount("u", 1), null, null));
        }

        Assert.Equal(0, ready.Others.Count);
        Assert.Equal(new OrderKey(0, 12), ready.FirstKey);
    }
}
