using Engine.Core;
using Engine.Core.Rules;

namespace Engine.Tests.Core;

/// <summary>Events that are made once and used again say nothing of whom they were used for before.</summary>
public sealed class CommonEventsTests
{
    private readonly Sink _sink = new();

    [Fact]
    public void A_queued_submission_says_nothing_of_a_scheduled_one_before_it()
    {
        var core = BareCore.Of(new Tier { Name = "free", DailyLimit = 1 }, _sink);
        Assert.Equal(SubmitOutcome.Queued, Submit(core, 1, "a").Outcome);
        Assert.Equal(SubmitOutcome.Scheduled, Submit(core, 2, "a").Outcome);
        Assert.Equal(SubmitOutcome.Queued, Submit(core, 3, "b").Outcome);

        var (queued, scheduled, after) = (_sink.Events[0], _sink.Events[1], _sink.Events[2]);
        Assert.NotNull(scheduled.Message);
        Assert.Equal(
            (queued.State, queued.Message, queued.DueMs, queued.Why, queued.Day),
            (after.State, after.Message, after.DueMs, after.Why, after.Day));
        Assert.Null(core.State.Jobs[IdOf(3)].Details);
    }

    private static JobId IdOf(ulong number) => JobId.New(1_790_000_000_000, 0, number);

    private static SubmitResult Submit(EngineCore core, ulong number, string user) => Submitting.Decide(
        core, new Submission(IdOf(number), true, "work", user, null, "free", 0, new byte[3], null, null, default));

    private sealed class Sink : IEventSink
    {
        internal List<JobEvent> Events { get; } = [];

        public bool IsFull => false;

        public void Recorded(in JobEvent e, Job? job) => Events.Add(e);

        public void Forgotten(JobId id)
        {
        }
    }
}
