using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Engine.Tests;

/// <summary>States a law in one line: it holds for whatever the generator makes, from fixed seeds and from a fresh
/// one.</summary>
/// <remarks>
/// A failure prints the shortest case found and how to see it again: <c>ENGINE_PROPERTY_SEED=seed,gamma,size</c> runs
/// every law on exactly that case. <c>ENGINE_PROPERTY_FACTOR</c> multiplies the number of cases (default 1).
/// </remarks>
internal static class Law
{
    private static readonly ulong[] FixedSeeds = [20260101, 42];

    internal static int Factor { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("ENGINE_PROPERTY_FACTOR"), out int factor)
            ? Math.Max(1, factor) : 1;

    /// <summary>Checks a law.</summary>
    /// <param name="output">Where the fresh seed is printed.</param>
    /// <param name="cases">How many cases, over all seeds.</param>
    /// <param name="generator">Makes the cases.</param>
    /// <param name="shorter">Makes simpler ones of one that fails, the simplest first.</param>
    /// <param name="check">Throws where the law does not hold.</param>
    internal static void Holds<T>(
        ITestOutputHelper output, int cases, Gen<T> generator, Func<T, IEnumerable<T>> shorter, Action<T> check)
    {
        var law = Prop.ForAll(Arb.From(generator, shorter), check);
        if (Environment.GetEnvironmentVariable("ENGINE_PROPERTY_SEED") is { Length: > 0 } given)
        {
            var (replay, isOneCase) = Parse(given);
            Run(law, isOneCase ? 1 : cases, replay, given);
            return;
        }

        ulong fresh = (ulong)Random.Shared.NextInt64();
        output.WriteLine($"fresh seed: ENGINE_PROPERTY_SEED={fresh}");
        int each = Math.Max(1, cases * Factor / (FixedSeeds.Length + 1));
        foreach (ulong seed in FixedSeeds.Append(fresh))
        {
            Run(law, each, new Replay(new Rnd(seed), FSharpOption<int>.None), $"{seed}");
        }
    }

    private static void Run(Property law, int cases, Replay replay, string seed)
    {
        var config = Config.QuickThrowOnFailure
            .WithMaxTest(cases)
            .WithQuietOnSuccess(true)
            .WithReplay(FSharpOption<Replay>.Some(replay));
        try
        {
            Check.One(config, law);
        }
        catch (Exception exception) when (exception is not XunitException)
        {
            // FsCheck names the failing case itself as (seed,gamma) and a size.
            throw new XunitException(
                $"{WithoutOriginal(exception.Message)}{Environment.NewLine}Started from ENGINE_PROPERTY_SEED={seed}; " +
                "see only the failing case with ENGINE_PROPERTY_SEED=seed,gamma,size as printed above.");
        }
    }

    // The case as it was found is long and beside the point once there is a shorter one.
    private static string WithoutOriginal(string message)
    {
        int original = message.IndexOf("Original:", StringComparison.Ordinal);
        int shrunk = message.IndexOf("Shrunk:", StringComparison.Ordinal);
        return original >= 0 && shrunk > original ? message.Remove(original, shrunk - original) : message;
    }

    private static (Replay Replay, bool IsOneCase) Parse(string given)
    {
        string[] parts = given.Trim('(', ')').Split(',', StringSplitOptions.TrimEntries);
        var rnd = parts.Length == 1 ? new Rnd(ulong.Parse(parts[0]))
            : new Rnd(ulong.Parse(parts[0]), ulong.Parse(parts[1]));
        return parts.Length == 3
            ? (new Replay(rnd, FSharpOption<int>.Some(int.Parse(parts[2]))), true)
            : (new Replay(rnd, FSharpOption<int>.None), false);
    }
}
