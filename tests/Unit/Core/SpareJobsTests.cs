using Engine.Core;
using Engine.Core.Rules;
using Engine.Estimation;
using Engine.Runtime;

namespace Engine.Tests.Core;

/// <summary>Objects of forgotten jobs stand for others, but no more of them are kept than that is worth.</summary>
public sealed class SpareJobsTests
{
    private const int MaxSpareJobs = 100_000;
    private const int Jobs = MaxSpareJobs + 10;

    private readonly EngineCore _core = new(
        EngineSettings.From(new JobEngineOptions
        {
            Types = [new JobType { Name = "work" }],
            GlobalCap = 1_000_000,
            Tiers = [new Tier { Name = "free", DailyLimit = 1_000_000 }],
        }),
        new MovingAverageEstimator(),
        new BatchWriter());

    private ulong _ids;

    [Fact]
    public void Those_beyond_are_let_go_and_leave_their_numbers_to_others()
    {
        var first = Submit();
        foreach (var job in first)
        {
            Cancelling.Decide(_core, job);
        }

        _core.Emit(new JobEvent { Kind = EventKind.JobsPurged, Count = Jobs });
        Assert.Equal(MaxSpareJobs, first.Count(job => job.TableNumber < 0));
        Assert.Equal(Jobs - MaxSpareJobs, first.Count(job => job.TableNumber == 0));

        var second = Submit();

        Assert.Equal(MaxSpareJobs, first.Count(job => job.TableNumber > 0));
        Assert.Equal(Enumerable.Range(1, Jobs), second.Select(job => job.TableNumber).Order());
    }

    private List<Job> Submit()
    {
        var jobs = new List<Job>(Jobs);
        for (int i = 0; i < Jobs; i++)
        {
            var id = JobId.New(1_790_000_000_000, 0, ++_ids);
            var submission = new Submission(id, true, "work", "u", null, "free", 0, default, null, null, default);
            Assert.Equal(SubmitOutcome.Queued, Submitting.Decide(_core, submission).Outcome);
            jobs.Add(_core.State.Jobs[id]);
        }

        return jobs;
    }
}
