using System.Reflection;
using Engine.Core;
using Engine.Core.Scheduling;

namespace Engine.Tests.Core.Scheduling;

/// <summary>Who holds slots, noted when they are taken and not when they are given back, against a plain list of the
/// holders.</summary>
public sealed class LimitTests
{
    private static readonly FieldInfo Later =
        typeof(Limit).GetField("_later", BindingFlags.Instance | BindingFlags.NonPublic)!;

    private long _tickets;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 3)]
    [InlineData(4, 9)]
    [InlineData(5, 64)]
    public void Knows_its_holders_and_the_longest_as_a_list_does(int seed, int most)
    {
        var random = new Random(seed);
        Limit[] limits = [NewLimit(), NewLimit()];
        List<Job>[] models = [[], []];
        List<Job> idle = [.. Enumerable.Range(0, most + 3).Select(_ => new Job())];
        int peak = 0;
        for (int step = 0; step < 40_000; step++)
        {
            // Few jobs, so that most take slots that they held before, of the one limit or the other or both.
            bool fills = step / (8 * most) % 2 == 0;
            if (idle.Count > 0 && models[0].Count + models[1].Count < most && random.Next(10) < (fills ? 7 : 3))
            {
                var job = idle[random.Next(idle.Count)];
                idle.Remove(job);
                if (random.Next(3) == 0)
                {
                    // It was forgotten and stands for another.
                    job.Reset();
                }

                job.Ticket = ++_tickets;
                int which = random.Next(3);
                for (int i = 0; i < 2; i++)
                {
                    if (which == i || which == 2)
                    {
                        limits[i].Take(job);
                        models[i].Add(job);
                    }
                }
            }
            else if (models.SelectMany(model => model).Distinct().ToList() is { Count: > 0 } running)
            {
                var job = running[random.Next(running.Count)];
                idle.Add(job);
                job.Ticket = 0;
                for (int i = 0; i < 2; i++)
                {
                    if (models[i].Remove(job))
                    {
                        limits[i].Release();
                    }
                }
            }

            peak = Math.Max(peak, models.Max(model => model.Count));
            for (int i = 0; i < 2; i++)
            {
                Assert.Equal(models[i].Count, limits[i].Used);
                if (!models[i].SequenceEqual(limits[i].Holders))
                {
                    Assert.Fail($"Step {step}: limit {i} does not know its holders.");
                }

                // Not always: to ask tidies up.
                if (random.Next(4) == 0 && !ReferenceEquals(models[i].FirstOrDefault(), limits[i].LongestHolder))
                {
                    Assert.Fail($"Step {step}: limit {i} takes another for its longest holder.");
                }

                Assert.InRange(Noted(limits[i]).Capacity, 0, Math.Max(4, 3 * peak));
            }
        }
    }

    [Fact]
    public void Who_runs_again_is_behind_those_who_never_stopped()
    {
        var limit = NewLimit();
        Job[] jobs = [new(), new(), new()];
        Array.ForEach(jobs, job => Take(limit, job));
        Assert.Same(jobs[0], limit.LongestHolder);

        GiveBack(limit, jobs[0]);
        Take(limit, jobs[0]);

        Assert.Same(jobs[1], limit.LongestHolder);
        Assert.Equal([jobs[1], jobs[2], jobs[0]], limit.Holders);
    }

    [Fact]
    public void Who_holds_a_slot_of_another_limit_now_holds_none_of_this_one()
    {
        var (limit, other) = (NewLimit(), NewLimit());
        Job[] jobs = [new(), new()];
        Array.ForEach(jobs, job => Take(limit, job));
        GiveBack(limit, jobs[0]);
        Take(other, jobs[0]);

        Assert.Same(jobs[1], limit.LongestHolder);
        GiveBack(limit, jobs[1]);
        Assert.Null(limit.LongestHolder);
        Assert.Empty(limit.Holders);
        Assert.Same(jobs[0], other.LongestHolder);
    }

    /// <summary>However many slots: what has to be passed over for each that is taken is a few entries.</summary>
    [Fact]
    public void At_a_steady_number_of_holders_a_slot_costs_the_same_whatever_that_number_is()
    {
        for (int slots = 1; slots <= 260; slots++)
        {
            var limit = NewLimit();
            var holders = new Queue<Job>();
            for (int i = 0; i < slots; i++)
            {
                holders.Enqueue(Take(limit, new Job()));
            }

            int takes = 20 * slots;
            long passed = 0;
            for (int i = 0; i < takes; i++)
            {
                var job = holders.Dequeue();
                GiveBack(limit, job);
                int noted = Noted(limit).Count;
                holders.Enqueue(Take(limit, job));
                passed += Noted(limit).Count <= noted ? noted : 0;
            }

            Assert.True(
                passed <= 5 * takes, $"With {slots} slots, {passed} entries were passed over for {takes} takes.");
        }
    }

    private static Limit NewLimit() => new(LimitKind.Resource, "r");

    private static List<(Job Job, long Ticket)> Noted(Limit limit) =>
        (List<(Job Job, long Ticket)>?)Later.GetValue(limit) ?? [];

    private Job Take(Limit limit, Job job)
    {
        job.Ticket = ++_tickets;
        limit.Take(job);
        return job;
    }

    private static void GiveBack(Limit limit, Job job)
    {
        job.Ticket = 0;
        limit.Release();
    }
}
