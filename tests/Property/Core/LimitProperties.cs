using Engine.Core.Scheduling;
using Engine.Tests.Stories;
using Xunit.Abstractions;

namespace Engine.Tests.Core;

/// <summary>What may never be exceeded, looked up in the engine itself at every step, without any model.</summary>
public sealed class LimitProperties(ITestOutputHelper output)
{
    [Fact]
    public void No_limit_is_ever_passed_whatever_happens() =>
        Law.Holds(output, 400, StoryGen.Mixed, StoryGen.Shorter, Watch);

    [Fact]
    public void No_limit_is_ever_passed_in_a_crowd() =>
        Law.Holds(output, 200, StoryGen.Crowd, StoryGen.Shorter, Watch);

    [Fact]
    public void DA_9_a_waiting_job_keeps_its_place_however_often_it_was_blocked() =>
        Law.Holds(output, 300, StoryGen.Crowd, StoryGen.Shorter, story =>
        {
            var places = new Dictionary<long,
                (OrderKey Key, Ordering Order, long HeadStart, long Entry, int Retries)>();
            Play.Of(story, play =>
            {
                var state = play.Engine.Core.State;
                foreach (var job in state.Jobs.Values)
                {
                    var place = (job.Key, state.Ordering, state.HeadStartMs, job.EntrySequence, (int)job.Retries);
                    bool isOld = places.TryGetValue(job.Sequence, out var before);

                    // Only a failed run costs a job its place; losing a worker, a stop or a restart do not.
                    Assert.True(!isOld || before.Retries < job.Retries || before.Entry == job.EntrySequence,
                        $"{job.Id} entered as number {before.Entry} and is now number {job.EntrySequence}.");
                    Assert.True(!isOld || job.State != JobState.Queued || before.Order != state.Ordering
                        || before.HeadStart != state.HeadStartMs || before.Entry != job.EntrySequence
                            || before.Key == job.Key,
                        $"{job.Id} lost its place.");
                    if (job.State == JobState.Queued)
                    {
                        places[job.Sequence] = place;
                    }
                }
            });
        });

    private static void Watch(Story story)
    {
        var used = new Dictionary<(LimitKind, string), int>();
        var charged = new Dictionary<(string User, int Day), int>();
        long queued = 0;
        Play.Of(story, play =>
        {
            var (state, settings) = (play.Engine.Core.State, play.Engine.Core.Settings);

            // Above a limit that was lowered nothing comes in until it has drained.
            AssertWithin("queued", state.Queued, settings.GlobalCap, queued);
            queued = state.Queued;
            var limits = state.Users.Values.Select(user => user.Slots)
                .Concat(state.Projects.Values.Select(project => project.Slots))
                .Concat(state.ResourceLimits);
            foreach (var limit in limits)
            {
                int capacity = state.Tiers.Values.Max(limit.CapacityFor);
                AssertWithin($"{limit.Kind} {limit.Name}", limit.Used, capacity,
                    used.GetValueOrDefault((limit.Kind, limit.Name)));
                used[(limit.Kind, limit.Name)] = limit.Used;
            }

            int daily = settings.Tiers.Max(tier => tier.DailyLimit);
            foreach (var user in state.Users.Values)
            {
                foreach (var (day, count, deferred) in user.Allowance.Days)
                {
                    AssertWithin($"{user.Id} on day {day}", count, daily, charged.GetValueOrDefault((user.Id, day)));
                    Assert.True(deferred >= 0);
                    charged[(user.Id, day)] = count;
                }
            }
        });
    }

    private static void AssertWithin(string what, long count, long limit, long before) =>
        Assert.True(count >= 0 && (count <= limit || count <= before),
            $"{what}: {count}, with a limit of {limit}; before {before}.");
}
