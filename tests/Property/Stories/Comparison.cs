using System.Text;
using Engine.Core;
using Engine.Core.Rules;
using Engine.Core.Scheduling;
using Engine.Tests.Model;

namespace Engine.Tests.Stories;

/// <summary>Compares everything the engine shows with what the reference says.</summary>
internal static class Comparison
{
    internal static void Everything(Play play)
    {
        Jobs(play);
        Queue(play);
        Users(play);
        NextWake(play);
    }

    /// <summary>Every job that waits for an instant has one at which the loop wakes up (V1), and an idle loop sleeps
    /// (V6).</summary>
    private static void NextWake(Play play)
    {
        var wakes = play.MsToWhatIsNext();
        var wake = play.Engine.Loop.NextWake;
        Assert.True(wake is null || wake > TimeSpan.Zero, $"The loop rests, and wakes up at once ({wake}).");
        Assert.True(
            wakes.Count == 0 || wake <= TimeSpan.FromMilliseconds(wakes.Min()),
            $"Something happens in {(wakes.Count == 0 ? 0 : wakes.Min())} ms; the loop wakes up in {wake}.");
    }

    /// <summary>For every set of types: the lane that would run next holds the job that the reference would run
    /// next.</summary>
    internal static void NextOfEverySet(Play play)
    {
        for (int mask = 1; mask < 8; mask++)
        {
            string[] types = [.. Setup.TypeNames.Where((_, i) => (mask & (1 << i)) != 0)];
            JobTypeEntry[] entries = [.. types.Select(name => play.Engine.Core.State.Types[name])];
            var actual = LaneBoard.FindNext(entries)?.Jobs.First.Id;
            var expected = play.Reference.Next(types)?.Id;
            Assert.True(expected == actual, $"Next for {string.Join(", ", types)} should be {expected}, not {actual}.");
        }
    }

    private static void Jobs(Play play)
    {
        var (core, reference) = (play.Engine.Core, play.Reference);
        var kept = reference.Kept.ToList();
        Assert.Equal(kept.Select(job => job.Id).Order(), core.State.Jobs.Keys.Order());
        var positions = reference.Queue.Select((job, i) => (job.Id, Rank: i + 1))
            .ToDictionary(pair => pair.Id, pair => pair.Rank);
        foreach (var job in kept)
        {
            var expected = Facts.Of(reference, job, positions.GetValueOrDefault(job.Id));
            var actual = Facts.Of(Viewing.View(core, core.State.Jobs[job.Id], forOperator: true));
            if (expected != actual)
            {
                Assert.Fail($"Job {job.Id}:{expected.DifferencesFrom(actual)}");
            }
        }
    }

    private static void Queue(Play play)
    {
        var summary = Viewing.Summarize(play.Engine.Core);
        var reference = play.Reference;
        Assert.Equal(reference.Queued, summary.Queued);
        Assert.InRange(summary.Queued, 0, Math.Max(reference.Queued, reference.Options.GlobalCap));
        Assert.Equal(reference.OpenRuns.Count, summary.Running);
        foreach (var tier in summary.Tiers)
        {
            var jobs = reference.Jobs.Where(job => job.Tier == tier.Tier).ToList();
            Assert.Equal(
                (Count(JobState.Scheduled), Count(JobState.Queued), Count(JobState.Running),
                    Count(JobState.AwaitingConfirmation),
                    Count(JobState.Completed), Count(JobState.Failed), Count(JobState.Cancelled)),
                (tier.Scheduled, tier.Queued, tier.Running, tier.AwaitingConfirmation,
                    tier.Completed, tier.Failed, tier.Cancelled));

            long Count(JobState state) => jobs.Count(job => job.State == state);
        }
    }

    private static void Users(Play play)
    {
        var (core, reference) = (play.Engine.Core, play.Reference);
        foreach (string user in reference.Jobs.Select(job => job.User).Distinct())
        {
            var tier = reference.Options.Tiers[0];
            Assert.Equal(
                reference.Usage(user, tier, 0),
                Viewing.UsageOf(core, core.State.Users.GetValueOrDefault(user), tier, 0));
            Assert.Equal(
                reference.Kept.Where(job => job.User == user).Reverse().Select(job => job.Id).Take(200),
                Viewing.List(core, new JobQuery { UserId = user, Limit = 200 }).Jobs.Select(view => view.Id));
        }
    }

    /// <summary>What people see of a job, as far as the reference knows it.</summary>
    private sealed record Facts(
        JobState State,
        string Status,
        long Position,
        WaitEstimate? Estimate,
        WaitReason? WaitingFor,
        DateTimeOffset? ScheduledFor,
        DateTimeOffset? ConfirmBefore,
        DateTimeOffset Submitted,
        DateTimeOffset? Started,
        DateTimeOffset? Finished,
        string Owner,
        int Runs,
        bool CancelRequested,
        int? Progress,
        int Granted,
        UsageCounters Usage,
        bool HasError,
        string? DebugId,
        string Result)
    {
        internal string DifferencesFrom(Facts actual)
        {
            var mine = ToString().Split(", ").Zip(actual.ToString().Split(", "));
            return string.Concat(mine.Where(pair => pair.First != pair.Second)
                .Select(pair => $"\n  expected {pair.First}\n  but got  {pair.Second}"));
        }

        internal static Facts Of(JobView view) => new(
            view.State,
            view.Status,
            view.Position,
            view.Estimate,
            view.WaitingFor,
            view.ScheduledFor,
            view.ConfirmBefore,
            view.SubmittedAt,
            view.StartedAt,
            view.FinishedAt,
            $"{view.Type} {view.UserId} {view.ProjectId} {view.Tier} {view.Priority}",
            view.Runs,
            view.CancelRequested,
            view.ProgressPercent,
            view.IterationsGranted,
            view.Usage,
            view.Error is not null,
            view.DebugId,
            Encoding.UTF8.GetString(view.Result.Span));

        internal static Facts Of(ReferenceEngine reference, ReferenceJob job, int position) => new(
            job.State,
            StatusOf(reference, job),
            position,
            position > 0 ? reference.Estimate(reference.TierOf(job.Tier), position) : null,
            reference.WaitingFor(job),
            job.State == JobState.Scheduled ? At(job.DueMs) : null,
            job.State == JobState.AwaitingConfirmation ? At(job.DueMs) : null,
            At(job.SubmittedMs),
            job.Runs > 0 ? At(job.StartedMs) : null,
            job.State.IsFinal ? At(job.FinishedMs) : null,
            $"{job.Type} {job.User} {job.Project} {job.Tier} {job.Priority}",
            job.Runs,
            job.CancelRequested && !job.State.IsFinal,
            job.Progress,
            job.Granted,
            reference.Usage(job.User, reference.TierOf(job.Tier), job.Used),
            job.HasError,
            job.DebugId,
            job.Result);

        private static string StatusOf(ReferenceEngine reference, ReferenceJob job)
        {
            bool isStaged = reference.TypeOf(job.Type)!.Pipeline is not null;
            return job.State switch
            {
                JobState.Running or JobState.AwaitingConfirmation when isStaged => Setup.Stages.Stages[job.Stage].Name,
                JobState.Completed when isStaged => "done",
                JobState.Failed or JobState.Cancelled when isStaged => "broken",
                JobState.AwaitingConfirmation => "awaiting_confirmation",
                _ => job.State.ToString().ToLowerInvariant(),
            };
        }

        private static DateTimeOffset At(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms);
    }
}
