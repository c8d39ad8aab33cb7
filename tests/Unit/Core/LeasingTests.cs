using Engine.Core;
using Engine.Core.Rules;

namespace Engine.Tests.Core;

/// <summary>Runs whose workers are gone are lost in an order that depends on nothing but the facts, a batch full at a
/// time.</summary>
public sealed class LeasingTests
{
    private const int Runs = 10;
    private const int RoomInBatch = 4;

    private readonly Sink _sink = new();
    private readonly EngineCore _core;

    public LeasingTests() => _core = BareCore.Of(
        new Tier { Name = "free", UserSlots = Runs, ProjectSlots = Runs, DailyLimit = Runs }, _sink);

    [Fact]
    public void Leases_that_end_at_once_end_in_as_many_batches_as_it_takes()
    {
        var leases = Start();
        _core.AdvanceTo(_core.State.Now, _core.Settings.LeaseMs - 1);
        Assert.Equal(0, Lost());
        _core.AdvanceTo(_core.State.Now, _core.Settings.LeaseMs);

        Assert.Equal([4, 4, 2, 0], [Lost(), Lost(), Lost(), Lost()]);
        Assert.Equal(leases.Select(lease => lease.JobId), _sink.Lost);
    }

    [Fact]
    public void Runs_of_an_earlier_life_are_lost_in_the_order_of_submission_however_they_began()
    {
        // Who was submitted last has the highest priority, and began first.
        var leases = Start(static number => number * 10);
        var submitted = leases.Select(static lease => lease.JobId).Order().ToList();
        Assert.Equal(submitted.AsEnumerable().Reverse(), leases.Select(static lease => lease.JobId));

        Assert.Equal(submitted, Leasing.RunsOfEarlierLife(_core).Select(static job => job.Id));
    }

    private List<RunLease> Start(Func<int, int>? priority = null)
    {
        _sink.Left = int.MaxValue;
        for (int i = 0; i < Runs; i++)
        {
            var id = JobId.New(1_790_000_000_000 + i, 0, 0);
            var submission = new Submission(
                id, true, "work", "u", null, "free", priority?.Invoke(i) ?? 0, default, null, null, default);
            Assert.Equal(SubmitOutcome.Queued, Submitting.Decide(_core, submission).Outcome);
        }

        var leases = new List<RunLease>();
        while (Claiming.Decide(_core, [_core.State.Types["work"]], 1) is { } job)
        {
            Leasing.Renew(_core, job);
            leases.Add(job.Lease);
        }

        Assert.Equal(Runs, leases.Count);
        return leases;
    }

    private int Lost()
    {
        _sink.Left = RoomInBatch;
        return Leasing.DecideExpiry(_core);
    }

    private sealed class Sink : IEventSink
    {
        internal int Left { get; set; }

        internal List<JobId> Lost { get; } = [];

        public bool IsFull => Left <= 0;

        public void Recorded(in JobEvent e, Job? job)
        {
            Left--;
            if (e.End == RunEnd.Lost)
            {
                Lost.Add(e.JobId);
            }
        }

        public void Forgotten(JobId id)
        {
        }
    }
}
