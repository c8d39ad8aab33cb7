using Engine.Tests.Stories;

namespace Engine.Tests.Core;

/// <summary>A story too long for chance to tell: a project outlives everything that was kept of its owner.</summary>
public sealed class OwnershipTests
{
    [Fact]
    public void A_project_still_belongs_to_its_owner_when_only_others_have_jobs_in_it()
    {
        var tier = new TierSetup(UserSlots: 1, ProjectSlots: 1, DailyLimit: 5, Depth: 1, Boost: 0);
        var shared = new Setup(Ordering.Strict, 40, [tier, tier, tier], 1, 1, Kept: 0, 1, Shared: true, 1);
        var story = new Story(shared,
        [
            new Beat.Do(Submit(1, user: 1, project: 1)),
            new Beat.Do(Submit(2, user: 2, project: 1)),
            new Beat.Do(new Op.Cancel(1)),

            // The owner's job is forgotten, and then, with the next one that is, the owner.
            new Beat.Wait(TimeSpan.FromHours(50)),
            new Beat.Do(Submit(3, user: 3, project: 0)),
            new Beat.Do(new Op.Cancel(0)),
            new Beat.Do(new Op.Reconfigure(shared with { Shared = false })),
        ]);
        var play = Play.Of(story, Comparison.Everything);
        Assert.DoesNotContain("u1", play.Engine.Core.State.Users.Keys);

        play.Next(new Beat.Do(Submit(4, user: 2, project: 1), Submit(5, user: 1, project: 1)));

        Assert.DoesNotContain(Play.IdOf(4), play.Engine.Core.State.Jobs.Keys);
        Assert.Contains(Play.IdOf(5), play.Engine.Core.State.Jobs.Keys);
    }

    private static Op.Submit Submit(int job, int user, int project) => new(job, user, project, 0, 0, 0, 0, 0, 0);
}
