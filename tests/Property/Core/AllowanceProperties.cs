using Engine.Core;
using Engine.Core.Rules;
using Engine.Tests.Stories;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Engine.Tests.Core;

/// <summary>Allowances, judged from the journal alone: who entered the queue on which day.</summary>
public sealed class AllowanceProperties(ITestOutputHelper output)
{
    private static readonly Gen<Story> Days =
        from setup in Setup.Any
        from length in Gen.Choose(20, 90)
        from beats in Gen.Frequency(
            (12, Gen.Choose(1, 500).SelectMany(_ => Gen.Choose(1, 2), (job, user) =>
                (Beat)new Beat.Do(new Op.Submit(job, user, 0, user - 1, 0, 0, 0, 0, 0)))),
            (4, Gen.Constant((Beat)new Beat.Do(new Op.Claim(7, 9)))),
            (4, Gen.Choose(0, 9).Select(run => (Beat)new Beat.Do(new Op.End(run, Ending.Complete)))),
            (2, Gen.Choose(0, 9).Select(job => (Beat)new Beat.Do(new Op.Cancel(job)))),
            (3, Gen.Elements(-1, 0, 1, 1000, 3_600_000).Select(ms => (Beat)new Beat.ToMidnight(ms))),
            (3, Gen.Elements(-1, 0, 1).Select(ms => (Beat)new Beat.ToNext(ms))),
            (1, Gen.Constant((Beat)new Beat.WallJump(TimeSpan.FromHours(-30)))),
            (1, Gen.Constant((Beat)new Beat.Wait(TimeSpan.FromHours(50)))),
            (1, Gen.Constant((Beat)new Beat.Restart()))).ArrayOf(length)
        select new Story(setup, [.. beats.Select(WithItsOwnId)]);

    // No id comes twice, so that a job of the journal is one job.
    private static Beat WithItsOwnId(Beat beat, int index) => beat is Beat.Do { Ops: [Op.Submit submit] }
        ? new Beat.Do(submit with { Job = index + 1 })
        : beat;

    [Fact]
    public void DA_4_on_no_day_more_jobs_enter_than_the_day_allows() =>
        Law.Holds(output, 300, Days, StoryGen.Shorter, story =>
        {
            var events = Walk.Events(Play.Of(story).Engine.Frames());
            var gaveBack = events.Where(e => e.Event.Kind == EventKind.JobEnded && e.Event.State == JobState.Cancelled)
                .Select(e => e.Event.JobId)
                .Except(events.Where(e => e.Event.Kind == EventKind.RunStarted).Select(e => e.Event.JobId))
                .ToHashSet();
            var submitted = new Dictionary<JobId, (string User, int Tier)>();
            var entered = new Dictionary<(string User, int Day), HashSet<JobId>>();
            var known = new HashSet<JobId>();
            foreach (var (at, _, e) in events)
            {
                if (e.Kind == EventKind.JobSubmitted)
                {
                    submitted[e.JobId] = (e.User!, story.Setup.Tiers[int.Parse(e.Tier![1..])].DailyLimit);
                    known.Remove(e.JobId);
                }

                bool enters = (e.Kind == EventKind.JobSubmitted && e.State == JobState.Queued)
                    || e.Kind == EventKind.JobReleased;
                if (enters && !gaveBack.Contains(e.JobId) && known.Add(e.JobId))
                {
                    var (user, limit) = submitted[e.JobId];
                    if (!entered.TryGetValue((user, at.Day), out var jobs))
                    {
                        entered[(user, at.Day)] = jobs = [];
                    }

                    jobs.Add(e.JobId);
                    Assert.True(jobs.Count <= limit,
                        $"{user} got {jobs.Count} jobs on day {at.Day}; the limit is {limit}.");
                }
            }
        });

    [Fact]
    public void DA_5_no_job_is_released_before_its_instant_and_its_jitter_is_a_function_of_its_id() =>
        Law.Holds(output, 300, Days, StoryGen.Shorter, story =>
        {
            var due = new Dictionary<JobId, long>();
            foreach (var (at, _, e) in Walk.Events(Play.Of(story).Engine.Frames()))
            {
                if ((e.Kind == EventKind.JobSubmitted && e.State == JobState.Scheduled)
                    || e.Kind == EventKind.JobDeferred)
                {
                    long jitter = e.DueMs - Instant.StartOf(e.Day).Ms;
                    Assert.InRange(jitter, 0, 3_600_000);
                    Assert.True(e.Day > at.Day);
                    Assert.Equal(Releasing.DueOn(0, e.JobId, EngineSettings.From(story.Setup.ToOptions())).Ms, jitter);
                    due[e.JobId] = e.DueMs;
                }
                else if (e.Kind == EventKind.JobReleased && due.Remove(e.JobId, out long instant))
                {
                    Assert.True(at.Ms >= instant, $"{e.JobId} was released {instant - at.Ms} ms too early.");
                }
            }
        });

    [Fact]
    public void DA_5_the_jitter_spreads_over_the_whole_hour()
    {
        var settings = EngineSettings.From(new JobEngineOptions());
        var jitters = Enumerable.Range(0, 3600)
            .Select(i => Releasing.DueOn(0, JobId.New(1_900_000_000_000 + i, 0, (ulong)i), settings).Ms)
            .ToList();

        // Each sixth of the hour gets its share: 600 jobs, give or take what chance gives and takes.
        var sixths = jitters.GroupBy(ms => Math.Min(5, ms / 600_000)).Select(group => group.Count()).ToList();
        Assert.Equal(6, sixths.Count);
        Assert.All(sixths, count => Assert.InRange(count, 480, 720));
        Assert.InRange(jitters.Max(), 3_590_000, 3_600_000);
    }

    [Fact]
    public void Instants_never_decrease_in_the_journal_whatever_the_wall_clock_does() =>
        Law.Holds(output, 200, StoryGen.Mixed, StoryGen.Shorter, story =>
        {
            var frames = Play.Of(story).Engine.Frames();
            Assert.Equal(frames.Select(frame => frame.InstantMs).Order(), frames.Select(frame => frame.InstantMs));
        });
}
