using Xunit.Abstractions;

namespace Engine.Tests;

/// <summary>Figures that a run of the tests is to be read by, not only passed with.</summary>
internal static class Figures
{
    /// <summary>Keeps a line with the test's output, and in the file that ENGINE_FIGURES names, where the gate picks it
    /// up.</summary>
    internal static void Report(ITestOutputHelper output, string line)
    {
        output.WriteLine(line);
        if (Environment.GetEnvironmentVariable("ENGINE_FIGURES") is { Length: > 0 } path)
        {
            File.AppendAllLines(path, [line]);
        }
    }
}
