using System.Globalization;
using Engine.Core;
using Engine.Simulation;
using Engine.Simulation.Cli;
using Xunit.Abstractions;

namespace Engine.Tests;

/// <summary>Plants one bug after the other and lets the simulator find it. A bug that it misses is the
/// simulator's.</summary>
public sealed class ZooTests(ITestOutputHelper output)
{
    private const int MaxSeeds = 200;

    public static TheoryData<string> Bugs => [.. Enum.GetNames<PlantedBug>().Where(static name =>
        name != nameof(PlantedBug.None))];

    [Fact]
    public void The_zoo_has_at_least_twenty_bugs() => Assert.True(Bugs.Count >= 20);

    [Theory]
    [MemberData(nameof(Bugs))]
    public void A_planted_bug_is_found_within_a_minute_and_nothing_without_it(string name)
    {
        var bug = Enum.Parse<PlantedBug>(name);
        var before = Environment.CpuUsage.TotalTime;
        for (int i = 0; i < MaxSeeds; i++)
        {
            var order = new SimOrder
            {
                Seed = (ulong)(i + 1),
                Preset = i % 2 == 0 ? Home(bug) : Preset.Mixed,
                Bug = bug
            };
            var result = SimRun.Run(order.ToPlan());
            if (result.Finding is not { } finding || finding.Invariant == "SIM"
                || finding.Invariant != (OwnAudit(bug) ?? finding.Invariant))
            {
                // Nothing, or another check was there first; a simulator that breaks down has found nothing.
                continue;
            }

            var taken = Environment.CpuUsage.TotalTime - before;
            output.WriteLine($"{name}: {finding.Invariant} after {i + 1} seeds and {taken.TotalSeconds:0.0} s: {finding.Message}");
            Assert.True(taken < TimeSpan.FromSeconds(60),
                $"It took {taken.TotalSeconds:0} s of one core to find {name}.");

            // The seed is not to blame: without the bug it has nothing to tell.
            var innocent = SimRun.Run((order with { Bug = PlantedBug.None }).ToPlan());
            Assert.Null(innocent.Finding);
            Figures.Report(output, string.Create(CultureInfo.InvariantCulture,
                $"planted bug {name}: found as {finding.Invariant} in {taken.TotalSeconds:0.0} s"));
            return;
        }

        Assert.Fail($"{MaxSeeds} seeds did not find {name}.");
    }

    /// <summary>The audit that a bug was planted for: it must find it itself, however many others would.</summary>
    private static string? OwnAudit(PlantedBug bug) => bug switch
    {
        PlantedBug.CancelReleasesSomeSlots => "A4",
        PlantedBug.LoweredLimitEvicts or PlantedBug.RemainingBelowZero => "A9",
        PlantedBug.WokenInAnyOrder => "O2",
        PlantedBug.OldPlaceBehindTheRow => "O3",
        PlantedBug.BoostCountsTwice => "O4",
        PlantedBug.RetriedWithoutPayload => "L10",
        PlantedBug.RequestedResourcesForgotten => "A4",
        PlantedBug.ConfirmedButNotRecorded => "D8",
        PlantedBug.GivenUpTooEarly => "L8",
        PlantedBug.CheckpointForgotten => "A8",
        PlantedBug.RepeatAnsweredAnew => "W5",
        PlantedBug.WrongReasonShown => "O5",
        PlantedBug.EndedKeptForEver => "F26",
        PlantedBug.ErrorNotJournaled => "D4",
        PlantedBug.SnapshotOfWhatIsNotDurable => "D3",
        PlantedBug.FailedReadAsZeros => "D1",
        PlantedBug.StallNotNoticed => "F7",
        PlantedBug.LogCutTooFar => "D6",
        PlantedBug.OrderingNotAdopted => "O1",
        _ => null,
    };

    /// <summary>The preset that asks most of what the bug breaks.</summary>
    private static Preset Home(PlantedBug bug) => bug switch
    {
        PlantedBug.AckBeforeSync or PlantedBug.FailedSyncAcknowledged or PlantedBug.TruncationOneFrameTooFar
            or PlantedBug.ReplaySkipsLastFrame or PlantedBug.RetryInSecondFrame or PlantedBug.CancelRequestNotJournaled
            or PlantedBug.KeyForgottenAtRestart or PlantedBug.SnapshotCopiesLate or PlantedBug.LogCutTooFar
            or PlantedBug.SnapshotMissesTable or PlantedBug.FailedReadAsZeros
            or PlantedBug.ErrorNotJournaled or PlantedBug.CapCountWrongAfterRestart => Preset.DiskHell,
        PlantedBug.SnapshotOfWhatIsNotDurable => Preset.Mixed,
        PlantedBug.EpochNotChecked => Preset.RedisHell,
        PlantedBug.ClockGoesBack => Preset.ClockHell,
        PlantedBug.DoubleCountAtMidnight or PlantedBug.ReleasedADayEarly or PlantedBug.AllowanceKeptOnCancel =>
            Preset.Midnight,
        PlantedBug.StaleCompletionAccepted or PlantedBug.LeaseNotRenewed or PlantedBug.ExpiredLeaseIgnored
            or PlantedBug.StallNotNoticed =>
            Preset.ZombieHell,
        PlantedBug.LostWakeUp or PlantedBug.HeadOfLineBlock => Preset.Flood,
        _ => Preset.Calm,
    };
}
