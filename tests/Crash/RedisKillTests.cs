using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Rigs;
using Engine.Tests.Redis;
using Xunit.Abstractions;

namespace Engine.Tests.Crash;

/// <summary>Redis is killed under working engines, with a network between them that loses answers (F10, F11).</summary>
public sealed class RedisKillTests(ITestOutputHelper output)
{
    private const int KillsInCi = 50;

    private static readonly string[] Corners =
    [
        RedisRig.RedisDiesFirst,
        RedisRig.EngineDiesFirst,
        RedisRig.EngineDiesUnheard,
        RedisRig.EngineStarts,
        $"network: {Fault.CutAfterSend}",
        $"network: {Fault.CutBeforeSend}",
        $"network: {Fault.CutInside}",
        $"network: {Fault.Delay}",
        "snapshots",
        "truncations",
        "lost runs",
        "unanswered, present",
        "unanswered, absent",
        "repeated by key",
        "late completions refused",
    ];

    [RedisFact]
    public async Task F10_F11_killed_Redis_and_lost_answers_lose_nothing_acknowledged()
    {
        var findings = new Findings();

        await RedisRig.RunAsync(seed: 10, KillsInCi, findings);

        findings.AssertClean(output, "redis_kills", RedisRig.Kills, KillsInCi, Corners);
        Assert.Equal(KillsInCi, findings.Tally[RedisRig.Kills]);
    }

    [RedisFact]
    public async Task D1_a_lost_answer_that_is_taken_for_a_good_one_is_found()
    {
        // An engine with this bug may notice in time that Redis has less than it believes, and stop: not every time.
        string told = "";
        for (ulong seed = 11; seed < 16 && !IsLoss(told); seed++)
        {
            var findings = new Findings();
            await RedisRig.RunAsync(seed, KillsInCi, findings, Bug.TrustsLostAnswers);
            told = Assert.Single(findings.Told);
        }

        Assert.True(IsLoss(told), told);

        static bool IsLoss(string finding) => finding.Split(':')[0] is "D1" or "D3" or "W5";
    }
}
