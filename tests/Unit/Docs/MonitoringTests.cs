using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;

namespace Engine.Tests.Docs;

/// <summary>docs/monitoring.md names every instrument, and none that is not there.</summary>
public sealed partial class MonitoringTests
{
    [Fact]
    public async Task Every_instrument_is_documented()
    {
        var published = new HashSet<string>();
        using (var listener = new MeterListener())
        {
            listener.InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == "Engine")
                {
                    lock (published)
                    {
                        published.Add(instrument.Name);
                    }
                }
            };
            listener.Start();
            await using var engine = await TestEngine.StartAsync();
        }

        var documented = Instrument().Matches(await File.ReadAllTextAsync(Path.Combine(ReadmeTests.Root(), "docs/monitoring.md")))
            .Select(match => match.Groups[1].Value);
        Assert.Equal(published.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    // The first cell of a row with three: tags have two.
    [GeneratedRegex(@"^\| `(engine\.[a-z.]+)` \|[^|]+\|[^|]+\|$", RegexOptions.Multiline)]
    private static partial Regex Instrument();
}
