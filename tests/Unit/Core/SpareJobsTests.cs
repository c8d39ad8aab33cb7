using Engine.Core;
using Engine.Core.Rules;
using Engine.Estimation;
using Engine.Runtime;

namespace Engine.Tests.Core;

/// <summary>What becomes of the objects of jobs that were forgotten.</summary>
public sealed class SpareJobsTests
{
    private readonly BatchWriter _writer = new();
    private readonly EngineCore _core;
    private ulong _submitted;

    public SpareJobsTests() => _core = new EngineCore(
        EngineSettings.From(new JobEngineOptions
        {
            Types = [new JobType { Name = "work" }],
            Tiers = [Generous("free", boost: 0), Generous("paid", boost: 5)],
            FallbackTier = "free",
            GlobalCap = 100_000,
            RetentionCount = 0,
        }),
        new MovingAverageEstimator(),
        _writer);

    [Fact]
    public void They_go_round_in_their_tier_the_first_forgotten_first()
    {
        Job[] before = [Submit("free"), Submit("paid"), Submit("free"), Submit("paid"), Submit("free")];
        Job[] free = [before[0], before[2], before[4]];
        Job[] paid = [before[1], before[3]];
        EndAndForgetAll();

        Job[] after = [Submit("paid"), Submit("free"), Submit("free"), Submit("paid"), Submit("free"), Submit("paid")];

        Assert.Equal([paid[0], free[0], free[1], paid[1], free[2]], after[..5], ReferenceEqualityComparer.Instance);
        Assert.DoesNotContain(after[5], before);
    }

    [Fact]
    public void No_more_of_them_are_kept_than_may_be_of_use()
    {
        const int Beyond = 10;
        for (int i = 0; i < TierEntry.MaxSpareJobs + Beyond; i++)
        {
            Submit("free");
        }

        EndAndForgetAll();
        Assert.Equal(TierEntry.MaxSpareJobs, _core.TierEntry("free").SpareJobs.Count);

        // The numbers of those that were let go are given out again, so that the table does not grow.
        int highest = 0;
        for (int i = 0; i < TierEntry.MaxSpareJobs + Beyond; i++)
        {
            highest = Math.Max(highest, Submit("free").TableNumber);
        }

        Assert.Equal(TierEntry.MaxSpareJobs + Beyond, highest);
        Assert.Equal(0, _core.TierEntry("free").SpareJobs.Count);
    }

    private static Tier Generous(string name, int boost) =>
        new() { Name = name, Boost = boost, DailyLimit = 1_000_000, UserSlots = 100_000, ProjectSlots = 100_000 };

    private Job Submit(string tier)
    {
        _writer.Batch.Reset();
        var id = JobId.New(1_790_000_000_000, 0, ++_submitted);
        var submission = new Submission(id, true, "work", tier, null, tier, 0, new byte[3], null, null, default);
        Assert.Equal(SubmitOutcome.Queued, Submitting.Decide(_core, submission).Outcome);
        return _core.State.Jobs[id];
    }

    private void EndAndForgetAll()
    {
        JobTypeEntry[] types = [_core.TypeEntry("work")];
        while (Claiming.Decide(_core, types, epoch: 1) is { } job)
        {
            _writer.Batch.Reset();
            Assert.Equal(LeaseAnswer.Accepted, Finishing.Decide(_core, job.Lease, new RunOutcome.Completed()));
        }

        while (_core.State.Ended.Count > 0)
        {
            _writer.Batch.Reset();
            Retaining.Decide(_core);
        }
    }
}
