using Engine.Core;

namespace Engine.Tests.Core;

public sealed class LeaseQueueTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Knows_whose_lease_ends_first_whatever_lengths_are_in_use(int seed)
    {
        var dice = new Random(seed);
        var queue = new LeaseQueue();
        var model = new List<(Job Job, long Ends, int Given)>();
        var gone = new Stack<Job>();
        long now = 0;
        int given = 0;
        long[] lengths = [30_000, 10_000, 300_000];
        for (int step = 0; step < 20_000; step++)
        {
            now += dice.Next(4) * dice.Next(200);
            long length = lengths[step / 3_000 % lengths.Length];
            int index = dice.Next(Math.Max(1, model.Count));
            switch (dice.Next(4))
            {
                case 0 or 1 when model.Count < 200:
                    // Objects stand for one job after another, and come with what is left of the last.
                    var job = gone.TryPop(out var spare) ? spare : new Job();
                    Assert.False(queue.Contains(job));
                    queue.Add(job);
                    Assert.True(queue.Contains(job));
                    Assert.Equal(long.MaxValue, job.LeaseEndsMs);
                    model.Add((job, long.MaxValue, 0));
                    break;
                case 2 when model.Count > 0:
                    queue.Renew(model[index].Job, now, length);
                    model[index] = (model[index].Job, now + length, ++given);
                    break;
                case 3 when model.Count > 0:
                    queue.Remove(model[index].Job);
                    Assert.False(queue.Contains(model[index].Job));
                    gone.Push(model[index].Job);
                    model.RemoveAt(index);
                    break;
                default:
                    break;
            }

            Assert.Equal(model.Count, queue.Count);
            var first = model.Where(run => run.Ends != long.MaxValue).OrderBy(run => run.Ends).ThenBy(run => run.Given)
                .FirstOrDefault();
            Assert.Equal(first.Job is null ? long.MaxValue : first.Ends, queue.FirstDeadlineMs);

            // Of two lengths that end at once either goes first.
            Assert.True(ReferenceEquals(first.Job, queue.First) || queue.First?.LeaseEndsMs == first.Ends);
        }

        Assert.Equal(model.Select(run => run.Job).ToHashSet(), queue.All.ToHashSet());
    }

    [Fact]
    public void Of_leases_that_end_at_once_the_one_that_was_given_first_goes_first()
    {
        var queue = new LeaseQueue();
        Job[] jobs = [.. Enumerable.Range(0, 5).Select(i => new Job { Sequence = 10 - i })];
        foreach (var job in jobs)
        {
            queue.Add(job);
        }

        foreach (var job in jobs)
        {
            queue.Renew(job, nowMs: 7, lengthMs: 100);
        }

        foreach (var job in jobs)
        {
            Assert.Same(job, queue.First);
            queue.Remove(job);
        }

        Assert.Null(queue.First);
    }

    [Fact]
    public void A_clock_that_goes_back_lets_no_lease_end_before_one_that_was_given_earlier()
    {
        var queue = new LeaseQueue();
        var (first, second) = (new Job(), new Job());
        queue.Add(first);
        queue.Add(second);
        queue.Renew(first, nowMs: 1_000, lengthMs: 100);
        queue.Renew(second, nowMs: 900, lengthMs: 100);

        Assert.Equal(1_100, second.LeaseEndsMs);
        Assert.Same(first, queue.First);
    }

    [Fact]
    public void Lengths_that_no_lease_has_any_more_are_forgotten()
    {
        var queue = new LeaseQueue();
        var (stays, renewed) = (new Job(), new Job());
        queue.Add(stays);
        queue.Add(renewed);
        queue.Renew(stays, nowMs: 0, lengthMs: 1_000_000);
        for (int i = 1; i <= 1_000; i++)
        {
            queue.Renew(renewed, nowMs: i, lengthMs: 1_000 + i);
        }

        Assert.InRange(queue.Lengths, 2, 3);
        Assert.Equal(1_000_000, stays.LeaseEndsMs);
        Assert.Same(renewed, queue.First);
    }
}
