using Engine.Core;
using Engine.Tests.Stories;
using FsCheck;
using FsCheck.Fluent;

namespace Engine.Tests.Core;

/// <summary>A law says nothing about what its cases never do: the stories must reach every corner.</summary>
public sealed class CoverageTests
{
    [Fact]
    public void The_stories_reach_every_kind_of_event_wait_and_end()
    {
        var missing = Corners().ToHashSet();
        int stories = 0;
        foreach (var story in StoryGen.Mixed.Sample(200, new Rnd(20260101), 50))
        {
            var play = Play.Of(story, play => missing.ExceptWith(Reached(play)));
            missing.ExceptWith(Walk.Events(play.Engine.Frames()).SelectMany(e => Reached(e.Event)));
            stories++;
            if (missing.Count == 0)
            {
                break;
            }
        }

        Assert.True(missing.Count == 0, $"Not reached in {stories} stories: {string.Join(", ", missing.Order())}.");
    }

    private static IEnumerable<string> Corners()
    {
        var kinds = Enum.GetValues<EventKind>().Where(kind => kind != EventKind.None).Select(kind => $"event {kind}");
        var ends = Enum.GetValues<RunEnd>().Where(end => end != RunEnd.None).Select(end => $"end {end}");
        var waits = Enum.GetValues<WaitKind>().Select(kind => $"waits for {kind}");
        var states = Enum.GetValues<JobState>()
            .Where(state => state is not JobState.None and not JobState.Skipped)
            .Select(state => $"state {state}");
        string[] rare = ["lost too often", "confirmation timed out", "requeued at the cap"];
        return [.. kinds, .. ends, .. waits, .. states, .. rare];
    }

    private static IEnumerable<string> Reached(Play play)
    {
        foreach (var job in play.Reference.Kept)
        {
            yield return $"state {job.State}";
            if (play.Reference.WaitingFor(job) is { } wait)
            {
                yield return $"waits for {wait.Kind}";
            }
        }
    }

    private static IEnumerable<string> Reached(JobEvent e)
    {
        yield return $"event {e.Kind}";
        if (e.Kind == EventKind.RunEnded)
        {
            yield return $"end {e.End}";
            if (e is { End: RunEnd.Lost, State: JobState.Failed })
            {
                yield return "lost too often";
            }

            if (e.Why == WaitKind.GlobalCap)
            {
                yield return "requeued at the cap";
            }
        }

        if (e is { Kind: EventKind.JobEnded, State: JobState.Failed })
        {
            yield return "confirmation timed out";
        }
    }
}
