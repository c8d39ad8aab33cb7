using Engine.Core;
using Engine.Core.Rules;
using Engine.Runtime;
using Engine.Storage;
using Engine.Tests.Stories;

namespace Engine.Tests.Runtime;

/// <summary>More than one batch holds: the rest follows in the next, and nobody notices.</summary>
public sealed class FullBatchTests
{
    [Fact]
    public void More_payload_than_a_frame_holds_is_spread_over_frames()
    {
        var engine = new EngineUnderTest(Roomy(), EngineUnderTest.NewClock(), new MemoryJournal());
        byte[] payload = new byte[250_000];
        var answers = Enumerable.Range(1, 20)
            .Select(number => engine.Post(core => Submitting.Decide(core, Of(number, payload))))
            .ToList();

        engine.Run();

        Assert.All(answers, answer => Assert.Equal(SubmitOutcome.Queued, EngineUnderTest.Done(answer.Task).Outcome));
        var frames = engine.Frames();
        Assert.True(frames.Count > 1);
        Assert.All(frames, frame => Assert.InRange(frame.Payload.Length, 1, FrameCodec.MaxFrameSize));
        Assert.Equal(engine.Core.State.ComputeHash(), engine.Replayed().State.ComputeHash());
    }

    [Fact]
    public void All_runs_of_an_earlier_life_are_lost_before_anything_new_is_decided()
    {
        const int runs = 12_000;
        var engine = new EngineUnderTest(Roomy(), EngineUnderTest.NewClock(), new MemoryJournal());
        for (int number = 1; number <= runs; number++)
        {
            var submission = Of(number, []);
            engine.Post(core => Submitting.Decide(core, submission));
        }

        var claim = new ClaimOperation(["plain"], runs, waits: false);
        engine.Run();
        engine.Post(claim);
        engine.Run();
        Assert.Equal(runs, EngineUnderTest.Done(claim.Task).Count);
        int before = engine.Frames().Count;

        engine.Start();
        var seen = engine.Post(core => (core.State.Counts[(int)JobState.Running], core.State.Queued));
        engine.Run();

        Assert.Equal((0, runs), EngineUnderTest.Done(seen.Task));
        Assert.True(engine.Frames().Count - before > 1, "One batch held them all: this test tests nothing.");
        EngineInvariants.Check(engine.Core);
        Assert.Equal(engine.Core.State.ComputeHash(), engine.Replayed().State.ComputeHash());
    }

    [Fact]
    public void A_claim_of_more_runs_than_a_batch_holds_gets_them_all()
    {
        const int runs = 30_000;
        var engine = new EngineUnderTest(Roomy(), EngineUnderTest.NewClock(), new MemoryJournal());
        for (int number = 1; number <= runs; number++)
        {
            var submission = Of(number, []);
            engine.Post(core => Submitting.Decide(core, submission));
        }

        engine.Run();
        var claim = new ClaimOperation(["plain"], runs, waits: true);
        engine.Post(claim);
        engine.Run();

        var claimed = EngineUnderTest.Done(claim.Task).Select(run => run.Lease.JobId).ToHashSet();
        Assert.NotEmpty(claimed);
        Assert.Equal(claimed.Count, engine.Core.State.Counts[(int)JobState.Running]);
    }

    private static Submission Of(int number, byte[] payload) => new(
        Play.IdOf(number), true, "plain", "u", null, "big", 0, payload, null, null, default);

    private static JobEngineOptions Roomy() => new()
    {
        GlobalCap = 1_000_000,
        Tiers = [new Tier { Name = "big", UserSlots = 100_000, DailyLimit = 1_000_000 }],
        FallbackTier = "big",
        Types = [new JobType { Name = "plain" }],
    };
}
