using Engine.Simulation.Audit;

namespace Engine.Simulation.Cli;

/// <summary>How a finding is told: in one line that holds all it takes to see it again.</summary>
internal static class Report
{
    internal static string Failure(SimOrder order, Finding finding) =>
        $"SIM FAIL seed=0x{order.Seed:x} step={finding.Step} at={finding.At} invariant={finding.Invariant} "
        + $"{finding.Message} | replay: {order}";

    internal static string Smaller((SimOrder Order, Finding Finding, int Tries) shrunk) =>
        $"SIM SMALLER step={shrunk.Finding.Step} at={shrunk.Finding.At} invariant={shrunk.Finding.Invariant} "
        + $"{shrunk.Finding.Message} (after {shrunk.Tries} tries) | replay: {shrunk.Order}";
}
