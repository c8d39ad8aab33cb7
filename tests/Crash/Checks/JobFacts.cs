using Engine.Core;

namespace Engine.Tests.Crash.Checks;

/// <summary>What the events of the journal say about one job.</summary>
internal sealed class JobFacts(JobId id)
{
    internal JobId Id { get; } = id;

    internal required string User { get; init; }

    internal required string? Project { get; init; }

    internal required string Tier { get; init; }

    internal required string Type { get; init; }

    internal required int Priority { get; init; }

    internal required byte[] Payload { get; init; }

    internal required string[] Resources { get; init; }

    /// <summary>Queued or scheduled: what its submission was answered with.</summary>
    internal required JobState Admitted { get; init; }

    internal required long AdmittedDueMs { get; init; }

    internal required long Epoch { get; init; }

    internal string? Key { get; set; }

    internal JobState State { get; set; }

    internal int ChargedDay { get; set; }

    internal int Confirmations { get; set; }

    internal int IterationsGranted { get; set; }

    internal int IterationsUsed { get; set; }

    internal int Retries { get; set; }

    internal int LostRuns { get; set; }

    internal int Terminals { get; set; }

    internal bool CancelRequested { get; set; }

    /// <summary>Every run: when it began (epoch) and how it ended.</summary>
    internal List<(long Epoch, RunEnd End)> Runs { get; } = [];
}
