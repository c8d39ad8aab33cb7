using System.Globalization;
using Engine.Tests.Crash.Checks;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash.Rigs;

/// <summary>Kills the Redis that has the journal, over and over, under an engine that works on, behind a network that
/// cuts connections before and after what was sent got through (F10, F11). Now and then the engine dies too, and
/// another takes over when its lease is over.</summary>
/// <remarks>Redis, the engine and the book are in processes of their own: whoever dies, what was promised is
/// known.</remarks>
internal static class RedisRig
{
    /// <summary>The counter of killed servers.</summary>
    internal const string Kills = "redis kills";

    internal const string EngineDiesFirst = "engine killed, then Redis";
    internal const string RedisDiesFirst = "Redis killed, then the engine";
    internal const string EngineDiesUnheard = "engine killed, its appends stored and unanswered";

    internal const string EngineStarts = "Redis killed while an engine starts";

    private const int KillsPerLife = 25;
    private const int KillsPerChild = 4;

    private static readonly string[] EngineDeaths = [RedisDiesFirst, EngineDiesFirst, EngineDiesUnheard];

    /// <summary>Runs lives until Redis was killed <paramref name="kills"/> times, and notes what that broke.</summary>
    internal static async Task RunAsync(ulong seed, int kills, Findings findings, Bug bug = Bug.None)
    {
        for (int index = 0; index * KillsPerLife < kills && findings.Told.Count == 0; index++)
        {
            ulong seedOfLife = Dice.For(seed, (ulong)index).Next();
            await using var redis = await RedisPlace.StartAsync(seedOfLife, findings.Tally);
            using var life = new Life(seedOfLife, findings.Tally)
            {
                Redis = redis,
                Bug = bug,
                SnapshotBytes = index % 4 == 3 ? 0 : LoopCommand.SmallSnapshots,
            };
            try
            {
                int killsOfLife = Math.Min(KillsPerLife, kills - (index * KillsPerLife));
                await RunLifeAsync(life, redis, killsOfLife, seedOfLife, findings.Tally);
            }
            catch (FindingException finding)
            {
                redis.KeepData(Path.Combine(life.Directory, "redis"));
                findings.Note(
                    finding,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"CRASH FAIL seed={seed} life={index} process={life.Book.Lives} kept={life.Directory} " +
                        $"| replay: " +
                        $"dotnet run -c Release --project tests/Crash -- --seed {seed} --cycles {kills} --rig redis"));
                if (bug != Bug.None)
                {
                    life.Forget();
                }
            }
        }
    }

    private static async Task RunLifeAsync(Life life, RedisPlace redis, int kills, ulong seed, Tally tally)
    {
        var dice = Dice.For(seed, 12);
        for (int done = 0, child = (int)(seed % 3); done < kills; done += KillsPerChild, child++)
        {
            string death = EngineDeaths[child % EngineDeaths.Length];
            await OneChildAsync(life, redis, Math.Min(KillsPerChild, kills - done), death, dice.Next(), tally);
            await life.CheckAsync();
        }

        await life.DrainAsync();
    }

    /// <summary>The life of one engine, which outlives all deaths of Redis but perhaps the last.</summary>
    private static async Task OneChildAsync(
        Life life, RedisPlace redis, int kills, string death, ulong seed, Tally tally)
    {
        var dice = new Dice(seed);
        var plan = new Kill("busy");
        await using var child = life.Start(life.NextOptions(ref plan));
        for (int i = 1; i <= kills; i++)
        {
            bool last = i == kills;
            if (i == 1 && !last && dice.Chance(50))
            {
                // Not a wait for something: a moment within the take-over, the replay, or soon after.
                await Task.Delay(100 + dice.Below(1400));
                tally.Add(EngineStarts);
            }
            else
            {
                await AdvanceAsync(life, child, 10 + dice.Below(60));
            }

            if (last && death == EngineDiesFirst)
            {
                await child.KillAsync();
            }

            redis.Kill();
            tally.Add(Kills);
            if (last && death == RedisDiesFirst)
            {
                await child.KillAsync();
            }

            await redis.StartAgainAsync();
        }

        if (death == EngineDiesUnheard)
        {
            await AdvanceAsync(life, child, 1 + dice.Below(40));
            await redis.LoseAnswersAsync().WaitAsync(Guards.Start);

            // Not a wait for something: the moment at which it is killed. It has not given the answers up by then.
            await Task.Delay(dice.Below(300));
            await child.KillAsync();
            redis.HearAgain();
        }

        tally.Add(death);
    }

    /// <summary>Load, until so much more was answered: an engine that Redis left is to go on when it is back.</summary>
    private static async Task AdvanceAsync(Life life, ChildProcess child, int answers)
    {
        if (await life.AdvanceAsync(child, answers))
        {
            return;
        }

        // What it promised before is worse, if that is not there.
        string how = "ended by itself";
        if (!child.Exited.IsCompleted)
        {
            how = "answers nothing any more";
            await child.KillAsync();
        }

        await life.CheckAsync();
        throw life.Keep(new FindingException("V5", $"the engine {how}: {child.Complaint}"));
    }
}
