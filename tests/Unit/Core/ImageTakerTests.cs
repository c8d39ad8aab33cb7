using Engine.Core;
using Engine.Core.Imaging;
using Engine.Core.Rules;
using Engine.Runtime;

namespace Engine.Tests.Core;

/// <summary>Who walks through the table of jobs meets jobs, and no object that stands for none.</summary>
public sealed class ImageTakerTests
{
    [Fact]
    public void Objects_that_wait_to_stand_for_a_job_are_in_no_image()
    {
        var core = BareCore.Of(new Tier { Name = "free", DailyLimit = 10 }, new BatchWriter());
        JobId[] ids = [.. Enumerable.Range(0, 3).Select(i => JobId.New(1_790_000_000_000 + i, 0, 0))];
        foreach (var id in ids)
        {
            Submitting.Decide(
                core, new Submission(id, true, "work", "u", null, "free", 0, default, null, null, default));
        }

        // The first that a walk comes to.
        Cancelling.Decide(core, core.State.Jobs[ids[0]]);
        core.Emit(new JobEvent { Kind = EventKind.JobsPurged, Count = 1 });
        Assert.Equal(2, core.State.Jobs.Count);

        var taker = new ImageTaker(core.State, 1, core.State.Now);
        taker.Advance(100);
        Assert.True(taker.IsWhole);
        using var image = taker.ToImage();

        Assert.Equal(ids[1..], Enumerable.Range(0, image.Jobs.Count).Select(place => image.Jobs.At(place).Id));
    }
}
