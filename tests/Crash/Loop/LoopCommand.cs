using System.Diagnostics;
using System.Globalization;
using Engine.Storage;
using Engine.Tests.Crash.Checks;

namespace Engine.Tests.Crash.Loop;

/// <summary>The loop over many lives, as a test calls it and as a person does from the command line.</summary>
internal static class LoopCommand
{
    internal const int CyclesPerLife = 25;
    private const int MaxLivesAtATime = 2;

    /// <summary>Runs lives until <paramref name="cycles"/> kills are made; the first finding ends it.</summary>
    internal static async Task RunAsync(ulong seed, int cycles, Tally tally, Action<string> say)
    {
        int lives = (cycles + CyclesPerLife - 1) / CyclesPerLife;
        var options = new ParallelOptions { MaxDegreeOfParallelism = MaxLivesAtATime };
        await Parallel.ForEachAsync(Enumerable.Range(0, lives), options, async (index, _) =>
        {
            ulong seedOfLife = Dice.For(seed, (ulong)index).Next();

            // Every fourth only promises to survive the process: the same holds after kill -9.
            using var life = new Life(seedOfLife, tally, index % 4 == 3 ? Durability.Logged : Durability.Synced);
            try
            {
                await life.RunAsync(Math.Min(CyclesPerLife, cycles - (index * CyclesPerLife)));
                say(string.Create(CultureInfo.InvariantCulture, $"life {index}: {life.Book.Lives} processes, ok"));
            }
            catch (Exception exception)
            {
                throw new FindingException(
                    (exception as FindingException)?.Promise ?? "?",
                    $"{exception.Message}\nCRASH FAIL seed={seed} life={index} process={life.Book.Lives} kept={life.Directory} | " +
                    $"replay: dotnet run -c Release --project tests/Crash -- --seed {seed} --cycles {cycles}",
                    exception);
            }
        });
    }

    internal static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments is not ([] or ["--cycles", _] or ["--cycles", _, "--seed", _] or ["--seed", _] or ["--seed", _, "--cycles", _]))
        {
            await Console.Error.WriteLineAsync("usage: dotnet run -c Release --project tests/Crash -- [--cycles N] [--seed S]");
            return 2;
        }

        int cycles = (int)Number(arguments, "--cycles", 100);
        ulong seed = Number(arguments, "--seed", 1);
        var tally = new Tally();
        var watch = Stopwatch.StartNew();
        try
        {
            await RunAsync(seed, cycles, tally, Console.WriteLine);
        }
        catch (FindingException finding)
        {
            await Console.Error.WriteLineAsync(finding.ToString());
            return 1;
        }

        Console.WriteLine($"{cycles} cycles in {watch.Elapsed.TotalSeconds:F0} s, seed {seed}: {tally}");
        return 0;
    }

    private static ulong Number(string[] arguments, string name, ulong missing)
    {
        int index = Array.IndexOf(arguments, name);
        return index < 0 ? missing : ulong.Parse(arguments[index + 1], CultureInfo.InvariantCulture);
    }
}
