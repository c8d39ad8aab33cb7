using Engine.Core;
using Engine.Core.Rules;
using Engine.Estimation;
using Engine.Runtime;

namespace Engine.Tests.Core;

/// <summary>Ways into a user's list stay right whoever leaves it, while objects of forgotten jobs stand for others.
/// </summary>
public sealed class JobMilestonesTests
{
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
    public void The_last_of_a_list_marks_no_job_of_another_user_whose_object_was_its_neighbours()
    {
        var own = Submit("a", (2 * JobMilestones.Distance) + 10);
        foreach (var id in own)
        {
            Forget(id);

            // The object that stood for it stands for this one now.
            Submit("b", 1);
        }

        Assert.False(_core.State.Users["a"].JobCount > 0);
        EngineInvariants.Check(_core);
    }

    [Fact]
    public void One_in_so_many_jobs_of_a_user_is_marked_from_its_first()
    {
        var own = Submit("a", (3 * JobMilestones.Distance) - 1);

        var marks = _core.State.Users["a"].Milestones!.All.Select(mark => mark.Job.Id);
        Assert.Equal([own[JobMilestones.Distance - 1], own[(2 * JobMilestones.Distance) - 1]], marks);
    }

    [Fact]
    public void A_mark_that_moves_on_to_a_marked_job_is_one_mark()
    {
        var own = Submit("a", (2 * JobMilestones.Distance) + 10);
        own.Reverse();
        foreach (var id in own.Take(JobMilestones.Distance + 20))
        {
            Forget(id);
            EngineInvariants.Check(_core);
        }
    }

    private List<JobId> Submit(string user, int count)
    {
        var ids = new List<JobId>();
        for (int i = 0; i < count; i++)
        {
            var id = JobId.New(1_790_000_000_000, 0, ++_ids);
            var submission = new Submission(
                id, true, "work", user, null, "free", 0, new byte[3], null, null, default);
            Assert.Equal(SubmitOutcome.Queued, Submitting.Decide(_core, submission).Outcome);
            ids.Add(id);
        }

        return ids;
    }

    private void Forget(JobId id)
    {
        Cancelling.Decide(_core, _core.State.Jobs[id]);
        _core.Emit(new JobEvent { Kind = EventKind.JobsPurged, Count = 1 });
    }
}
