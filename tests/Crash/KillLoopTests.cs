using System.Globalization;
using Engine.Tests.Crash.Loop;
using Engine.Tests.Crash.Rigs;
using Xunit.Abstractions;

namespace Engine.Tests.Crash;

/// <summary>kill -9 at any moment and at every named point (F1, D1 to D8, L2, L4).</summary>
public sealed class KillLoopTests(ITestOutputHelper output)
{
    /// <summary>What CI runs; from here on a corner that was not met is a hole in the test, and no bad luck.</summary>
    private const int EnoughForEveryCorner = 200;

    private static readonly string[] Corners =
    [
        .. Rigs.Corners.Writing,
        .. Rigs.Corners.Dying,
        "kill: torn commit",
        "torn tails",
        "lost too often",
        "refused: GlobalCapReached",
        "refused: ScheduleFull",
        "refused: DuplicateId",
        "scheduled for a later day",
        "repeated by key",
        "cancelled at once",
        "cancelled while it ran",
        "confirmed",
        "late completions refused",
    ];

    [LinuxFact]
    public async Task F1_kill_9_loses_nothing_acknowledged_and_repeats_nothing_done()
    {
        int cycles = Setting("ENGINE_CRASH_CYCLES", EnoughForEveryCorner);
        ulong seed = (ulong)Setting("ENGINE_CRASH_SEED", 1);
        var findings = new Findings();

        await LoopCommand.RunAsync(seed, cycles, findings, output.WriteLine);

        output.WriteLine($"seed {seed}");
        findings.AssertClean(
            output, "kills", LoopCommand.Kills, cycles, cycles >= EnoughForEveryCorner ? Corners : []);
        Assert.Equal(cycles, findings.Tally[LoopCommand.Kills]);
    }

    private static int Setting(string name, int missing) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : missing;
}
