using Engine.Simulation;
using Engine.Simulation.Audit;
using Engine.Simulation.Driver;
using Engine.Simulation.Storage.Disk;
using Engine.Simulation.Storage.Faster;

namespace Engine.Tests;

/// <summary>An engine on its simulated disk, by hand: its process stands still, and its journal cannot be closed.</summary>
public sealed class StandstillTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(true, LeaseAnswer.Accepted)]
    [InlineData(false, LeaseAnswer.LeaseLost)]
    public void F7_A_worker_that_stood_still_with_the_engine_has_a_lease_more_to_be_heard(
        bool isHeard, LeaseAnswer atTheEnd)
    {
        using var place = new Place();
        var run = place.Claim();
        place.Run(Lease / 2);
        place.Engine.StandStill(Lease * 3);
        LeaseAnswer? duringIt = null;
        place.Engine.View(run.JobId, _ => duringIt = LeaseAnswer.Accepted);
        place.Run(Lease * 3 - TimeSpan.FromMilliseconds(1));
        Assert.Null(duringIt);

        // Awake for most of a lease, and the run is still there.
        place.Run(Lease * 0.9);
        Assert.NotNull(duringIt);
        Assert.True(!isHeard || place.Ask(run) == LeaseAnswer.Accepted);
        place.Run(Lease * 0.9);

        Assert.Equal(atTheEnd, place.Ask(run));
        Assert.Null(place.Inquest.Finding);
        Assert.Equal(isHeard ? 1 : 0, place.Sometimes[Corner.LeaseOutlivedStandstill]);
        Assert.Equal(isHeard ? 0 : 1, place.Sometimes[Corner.LeaseExpired]);
    }

    [Theory]
    [InlineData(false, "V7")]
    [InlineData(true, null)]
    public void A_journal_that_cannot_be_closed_is_a_finding_unless_its_disk_fails(bool mayFail, string? finding)
    {
        using var place = new Place();
        place.Engine.MayRefuse = mayFail;
        int failed = 0;
        place.Store.Disk.Fault = (kind, _) => kind == DiskCallKind.Write && failed++ == 0
            ? new IOException("injected", 5)
            : null;

        place.Engine.StopGracefully(TimeSpan.FromSeconds(4));
        place.Run(TimeSpan.FromMinutes(1));

        Assert.True(failed > 0);
        Assert.Equal(finding, place.Inquest.Finding?.Invariant);
        Assert.Equal(2, place.Engine.Lives);
    }

    private sealed class Place : IDisposable
    {
        private readonly OneThread _thread = new();
        private readonly World _world = new(1, new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

        internal Place()
        {
            Inquest = new Inquest(_world, Sometimes);
            Store = new SimulatedFasterStore(_world);
            Engine = new SimEngine(_world, Store, Inquest, new JobEngineOptions
            {
                Types = [new JobType { Name = "work" }],
                LeaseDuration = Lease,
            });
            Engine.Start();
            Run(TimeSpan.FromSeconds(1));
            Assert.True(Engine.IsUp);
        }

        internal Sometimes Sometimes { get; } = new();

        internal Inquest Inquest { get; }

        internal SimulatedFasterStore Store { get; }

        internal SimEngine Engine { get; }

        /// <summary>Submits a job and takes its run.</summary>
        internal RunLease Claim()
        {
            IReadOnlyList<ClaimedRun>? runs = null;
            var request = new JobRequest { Type = "work", UserId = "u" };
            Engine.Submit(request, JobId.New(0, 0, 1), static (_, _) => { });
            Engine.Claim(["work"], 1, waits: true, taken => runs = taken);
            Run(TimeSpan.FromSeconds(1));
            return Assert.Single(runs!).Lease;
        }

        /// <summary>What a heartbeat is answered.</summary>
        internal LeaseAnswer? Ask(RunLease run)
        {
            LeaseAnswer? answer = null;
            Engine.Heartbeat(run, (given, known) => answer = known ? given : null);
            Run(TimeSpan.FromSeconds(1));
            return answer;
        }

        internal void Run(TimeSpan time)
        {
            var until = _world.Elapsed + time;
            while (_world.Step(until))
            {
                Engine.AfterEvent();
            }

            _world.RunUntil(until);
        }

        public void Dispose()
        {
            Engine.Life?.Dispose();
            _thread.Dispose();
        }
    }
}
