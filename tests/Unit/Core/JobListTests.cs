using Engine.Core;

namespace Engine.Tests.Core;

/// <summary>Which live jobs are old is counted on from where it was left, and comes to what counting them all does.
/// </summary>
public sealed class JobListTests
{
    private static readonly TimeSpan[] Ages = [TimeSpan.FromMinutes(5), TimeSpan.FromHours(1), TimeSpan.FromMinutes(20)];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Counts_as_old_what_is_older_whoever_comes_and_goes_in_between(int seed)
    {
        var dice = new Random(seed);
        var list = new JobList();
        var model = new List<Job>();
        var now = new Instant(1_790_000_000_000);
        long sequence = 0;
        for (int step = 0; step < 20_000; step++)
        {
            // Now and then long enough for all of them to grow old, and for more to come after those.
            now = now.Add(TimeSpan.FromSeconds(dice.Next(100) == 0 ? 4_000 : dice.Next(100)));
            if (model.Count == 0 || dice.Next(100) < 50)
            {
                var job = new Job { Sequence = ++sequence, SubmittedAt = now };
                list.Add(job);
                model.Add(job);
            }
            else
            {
                int index = dice.Next(dice.Next(2) == 0 ? Math.Min(3, model.Count) : model.Count);
                list.Remove(model[index]);
                model.RemoveAt(index);
            }

            Assert.Equal(model.Count, list.Count);
            Assert.Same(model.FirstOrDefault(), list.First);
            if (dice.Next(3) == 0)
            {
                var age = Ages[step / 500 % Ages.Length];
                list.CountOlder(now, age, int.MaxValue);
                Assert.False(list.IsCounting);
                Assert.Equal(model.Count(job => now.Since(job.SubmittedAt) > age), list.CountedOld);
            }
        }

        Assert.Equal(model, list.All);
    }

    [Fact]
    public void Looks_at_no_more_at_a_time_than_it_is_told_and_says_that_there_may_be_more()
    {
        var list = new JobList();
        var start = new Instant(1_790_000_000_000);
        for (int i = 1; i <= 10; i++)
        {
            list.Add(new Job { Sequence = i, SubmittedAt = start });
        }

        var counted = new List<(int Old, bool IsCounting)>();
        for (int i = 0; i < 4; i++)
        {
            list.CountOlder(start.Add(TimeSpan.FromHours(1)), TimeSpan.FromMinutes(1), most: 4);
            counted.Add((list.CountedOld, list.IsCounting));
        }

        Assert.Equal([(4, true), (8, true), (10, false), (10, false)], counted);
    }
}
