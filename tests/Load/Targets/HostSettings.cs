using System.Globalization;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load.Targets;

/// <summary>The limits as a host's settings.</summary>
internal static class HostSettings
{
    /// <summary>Streams that one user may have open.</summary>
    internal const int StreamsPerUser = 20;

    internal static IEnumerable<(string Key, string Value)> For(
        Limits limits, JournalPlace journal, int snapshotBytes = 0)
    {
        foreach (var setting in journal.Settings)
        {
            yield return setting;
        }

        yield return ("Snapshots:JournalBytes", Number(snapshotBytes));
        yield return ("GlobalCap", Number(limits.GlobalCap));
        yield return ("MaxConcurrentRuns", Number(limits.Runs));
        yield return ("MaxDaysAhead", Number(limits.DaysAhead));
        yield return ("RetentionCount", Number(limits.Retention));
        yield return ("InboxCapacity", Number(limits.Inbox));
        yield return ($"Resources:{Workload.Gpu}", Number(limits.Gpus));
        yield return ("Rehearsal:StageDuration", limits.Hold.ToString("c", CultureInfo.InvariantCulture));
        yield return ("MaxStreamsPerUser", Number(StreamsPerUser));
        foreach (string type in new[] { Workload.Quick, Workload.Steps, Workload.Heavy })
        {
            yield return ($"JobTypes:{type}:Handler", "Rehearsal");
        }

        foreach (string type in new[] { Workload.Held, Workload.HeldGpu })
        {
            yield return ($"JobTypes:{type}:Handler", "Process");
        }

        yield return ($"Processes:Allowed:{Workload.HeldProgram}", Workload.HeldProgram);
        yield return ($"JobTypes:{Workload.Heavy}:Resources:0", Workload.Gpu);
        yield return ($"JobTypes:{Workload.HeldGpu}:Resources:0", Workload.Gpu);
        foreach (var tier in limits.Tiers)
        {
            yield return ($"Tiers:{tier.Name}:UserSlots", Number(tier.UserSlots));
            yield return ($"Tiers:{tier.Name}:ProjectSlots", Number(tier.ProjectSlots));
            yield return ($"Tiers:{tier.Name}:DailyLimit", Number(tier.DailyLimit));
            yield return ($"Tiers:{tier.Name}:IterationDepth", Number(tier.IterationDepth));
            yield return ($"Tiers:{tier.Name}:Boost", Number(tier.Boost));
        }
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
