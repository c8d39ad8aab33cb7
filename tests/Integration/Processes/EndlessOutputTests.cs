using System.Runtime.Versioning;

namespace Engine.Tests.Processes;

/// <summary>A program that prints without end. Alone: what other tests hold in memory meanwhile would count.</summary>
[Collection("alone")]
[UnsupportedOSPlatform("windows")]
public sealed class EndlessOutputTests
{
    private const int MaxBytes = 64 << 20;

    [Fact]
    public async Task Endless_output_neither_fills_memory_nor_hides_the_end()
    {
        await using var harness = new ProcessHarness();
        long before = GC.GetTotalMemory(forceFullCollection: true);

        var outcome = await harness.ShellAsync("yes 'a line of output' 2>/dev/null | head -n 400000; echo the end; exit 1");

        Assert.EndsWith("the end", Assert.IsType<JobOutcome.Failed>(outcome).Error, StringComparison.Ordinal);
        Assert.Equal("the end", (await harness.LinesAsync())[^1]);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, MaxBytes);
    }
}
