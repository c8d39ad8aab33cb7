using Engine.Core;
using Engine.Core.Scheduling;

namespace Engine.Tests.Core.Scheduling;

/// <summary>A lane's queue against a sorted list, whatever the order in which jobs come and go.</summary>
public sealed class LaneQueueTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 10)]
    [InlineData(3, 50)]
    [InlineData(4, 100)]
    public void Leads_with_the_lowest_key_whatever_comes_and_goes(ulong seed, int percentOutOfOrder)
    {
        var queue = new LaneQueue();
        var model = new SortedDictionary<OrderKey, Job>();
        ulong next = 1_000_000;
        for (int step = 0; step < 20_000; step++)
        {
            seed = (seed * 6364136223846793005) + 1442695040888963407;
            uint dice = (uint)(seed >> 33);
            if (model.Count == 0 || dice % 100 < (step % 2000 < 1000 ? 60 : 40))
            {
                ulong low = (dice / 100) % 100 < percentOutOfOrder ? dice % 1_000_000 : next++;
                var key = new OrderKey(1, low);
                if (model.ContainsKey(key))
                {
                    continue;
                }

                var job = new Job { Key = key };
                model.Add(key, job);
                queue.Add(key, job);
            }
            else
            {
                // Mostly the first, as claims do; now and then one from anywhere, as cancellations do.
                var job = dice % 7 == 0 ? model.ElementAt((int)(dice / 7 % model.Count)).Value : model.First().Value;
                model.Remove(job.Key);
                queue.Remove(job);
            }

            Assert.Equal(model.Count, queue.Count);
            if (model.Count > 0)
            {
                Assert.Same(model.First().Value, queue.First);
                Assert.Equal(model.First().Key, queue.FirstKey);
            }
        }

        Assert.Equal(model.Values.ToHashSet(), queue.Members.Select(member => member.Job).ToHashSet());
    }

    [Fact]
    public void In_order_it_allocates_nothing_once_warm()
    {
        var queue = new LaneQueue();
        Job[] jobs = [.. Enumerable.Range(1, 64).Select(i => new Job { Key = new OrderKey(1, (ulong)i) })];
        PassThrough(queue, jobs);

        Assert.Equal(0, Allocations.Of(() => PassThrough(queue, jobs)));
    }

    [Fact]
    public void A_job_that_is_not_in_cannot_be_taken_out()
    {
        var queue = new LaneQueue();
        queue.Add(new OrderKey(1, 1), new Job { Key = new OrderKey(1, 1) });

        Assert.Throws<InvariantViolationException>(() => queue.Remove(new Job { Key = new OrderKey(1, 2) }));
    }

    private static void PassThrough(LaneQueue queue, Job[] jobs)
    {
        foreach (var job in jobs)
        {
            queue.Add(job.Key, job);
        }

        while (queue.Count > 0)
        {
            queue.Remove(queue.First);
        }
    }
}
