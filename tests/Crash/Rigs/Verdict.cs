using Xunit.Abstractions;

namespace Engine.Tests.Crash.Rigs;

/// <summary>What a test says of what a rig found.</summary>
internal static class Verdict
{
    /// <summary>It struck as often as it was to, met all that it was to meet, and nothing was broken.</summary>
    /// <param name="findings">What it counted and found.</param>
    /// <param name="output">Told the figures.</param>
    /// <param name="name">What the figures are of.</param>
    /// <param name="counter">The counter of strikes.</param>
    /// <param name="strikes">How many there are to be, at least.</param>
    /// <param name="corners">What is to be met.</param>
    internal static void AssertClean(
        this Findings findings,
        ITestOutputHelper output,
        string name,
        string counter,
        int strikes,
        IEnumerable<string> corners)
    {
        Figures.Report(output, findings.Figures(name, counter));
        output.WriteLine($"{findings.Tally}");
        Assert.Empty(findings.Told);
        Assert.True(findings.Tally[counter] >= strikes, $"{findings.Tally[counter]} of {strikes} {counter}");
        Assert.Empty(findings.Tally.Missing(corners));
    }

    /// <summary>One finding, of a promise that the planted bug breaks.</summary>
    internal static void AssertFound(this Findings findings, params string[] promises) =>
        Assert.Contains(Assert.Single(findings.Told).Split(':')[0], promises);
}
