using Engine.Core.Scheduling;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Engine.Tests.Core;

/// <summary>How far each policy lets a job jump ahead, and how far it lets a job be jumped over.</summary>
public sealed class OrderProperties(ITestOutputHelper output)
{
    private const long HeadStartMs = 1000;

    private sealed record Entry(int Boost, int Priority, long EnteredMs, long Sequence)
    {
        internal OrderKey Key(Ordering ordering) =>
            OrderKey.For(ordering, Boost, Priority, Sequence, EnteredMs, HeadStartMs);
    }

    private static readonly Gen<Entry[]> Arrivals =
        from count in Gen.Choose(2, 60)
        from jobs in (
            from boost in Gen.Choose(0, 6)
            from priority in Gen.Elements(0, 0, 50, 100)
            from pause in Gen.Elements(0, 1, 500, 999, 1000, 1001, 4000)
            select (boost, priority, pause)).ArrayOf(count)
        select Enter(jobs);

    [Fact]
    public void LA_5_with_positions_a_job_overtakes_at_most_as_many_as_its_boost() =>
        Law.Holds(output, 600, Arrivals, Fewer, jobs =>
        {
            foreach (var job in jobs)
            {
                int overtaken = jobs.Count(other => other.Sequence < job.Sequence
                    && Before(Ordering.Positions, job, other));
                Assert.InRange(overtaken, 0, job.Boost);
                int overtaking = jobs.Count(other => other.Sequence > job.Sequence
                    && Before(Ordering.Positions, other, job));
                Assert.InRange(overtaking, 0, jobs.Max(other => other.Boost) - job.Boost);
            }
        });

    [Fact]
    public void DA_11_with_head_starts_nobody_is_overtaken_by_a_job_that_entered_later_than_the_difference() =>
        Law.Holds(output, 600, Arrivals, Fewer, jobs =>
        {
            foreach (var (first, second) in Pairs(jobs))
            {
                long difference = (second.Boost - first.Boost) * HeadStartMs;
                bool mayOvertake = second.EnteredMs - first.EnteredMs < difference
                    || (second.EnteredMs - first.EnteredMs == difference
                        && (second.Boost, second.Priority).CompareTo((first.Boost, first.Priority)) > 0);
                Assert.Equal(mayOvertake, Before(Ordering.HeadStart, second, first));
            }
        });

    [Fact]
    public void Strict_goes_by_boost_then_priority_then_arrival() =>
        Law.Holds(output, 600, Arrivals, Fewer, jobs => Assert.Equal(
            jobs.OrderByDescending(job => job.Boost).ThenByDescending(job => job.Priority).ThenBy(job => job.Sequence),
            jobs.OrderBy(job => job.Key(Ordering.Strict))));

    [Fact]
    public void Every_policy_is_a_total_order_that_serves_equals_as_they_came() =>
        Law.Holds(output, 300, Arrivals, Fewer, jobs =>
        {
            foreach (var ordering in Enum.GetValues<Ordering>())
            {
                Assert.Equal(jobs.Length, jobs.Select(job => job.Key(ordering)).Distinct().Count());
                Assert.All(Pairs(jobs), pair => Assert.True(
                    pair.First.Boost != pair.Second.Boost || pair.First.Priority != pair.Second.Priority
                    || Before(ordering, pair.First, pair.Second)));
            }
        });

    private static bool Before(Ordering ordering, Entry left, Entry right) => left.Key(ordering) < right.Key(ordering);

    private static IEnumerable<(Entry First, Entry Second)> Pairs(Entry[] jobs) =>
        jobs.SelectMany((first, i) => jobs.Skip(i + 1).Select(second => (first, second)));

    private static Entry[] Enter((int Boost, int Priority, int Pause)[] jobs)
    {
        long at = 1_900_000_000_000;
        return [.. jobs.Select((job, i) => new Entry(job.Boost, job.Priority, at += job.Pause, i + 1))];
    }

    private static IEnumerable<Entry[]> Fewer(Entry[] jobs) =>
        jobs.Select((_, skipped) => jobs.Where((_, i) => i != skipped).ToArray());
}
