using System.Globalization;
using Engine.Tests.Load.Checks;
using Engine.Tests.Load.Driving;
using Xunit.Abstractions;

namespace Engine.Tests.Load;

/// <summary>How a test ends: nothing was found, and one line for whoever reads the run.</summary>
internal static class LoadReport
{
    /// <summary>Reports the figures of a run, and asserts that no promise was broken.</summary>
    internal static void AssertClean(this LoadSession session, ITestOutputHelper output, string name, Recorder recorder)
    {
        foreach (string limit in JournalAudit.Limited)
        {
            output.WriteLine($"peak_{limit} {session.Audit.Peak(limit)}");
        }

        foreach (var (answer, count) in session.Ledger.Answers.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            output.WriteLine($"{answer} {count}");
        }

        Figures.Report(output, string.Create(
            CultureInfo.InvariantCulture,
            $"load_{name} operations {recorder.All.Count} accepted {session.Ledger.Accepted.Count} refused " +
            $"{session.Ledger.RefusedCount} events {session.Audit.Events} " +
            $"p50_ms {recorder.All.At(0.5).TotalMilliseconds:F2} p99_ms {recorder.All.At(0.99).TotalMilliseconds:F1} " +
            $"max_ms {recorder.All.Max.TotalMilliseconds:F0} findings {session.Findings.Count}"));
        if (session.Findings.Count > 0)
        {
            output.WriteLine(session.Target.Printed);
        }

        Assert.Empty(session.Findings.Told);
    }
}
