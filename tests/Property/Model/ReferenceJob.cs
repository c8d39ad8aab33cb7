namespace Engine.Tests.Model;

/// <summary>What the reference knows of a job: plain fields, nothing derived.</summary>
internal sealed class ReferenceJob
{
    internal required JobId Id;
    internal required string User;
    internal required string? Project;
    internal required string Tier;
    internal required int Boost;
    internal required string Type;
    internal required string[] Resources;
    internal required int Priority;
    internal required string Payload;

    /// <summary>When it was submitted, counted in submissions and re-entries.</summary>
    internal required long Sequence;

    /// <summary>When it entered the queue for good, counted likewise: what first come, first served goes by.</summary>
    internal long Entry;
    internal long EnteredMs;
    internal long SubmittedMs;

    internal JobState State;
    internal long DueMs;
    internal WaitKind Why;
    internal int ChargedDay;
    internal int? DeferredOn;
    internal bool GaveBack;
    internal bool IsForgotten;

    internal int Runs;
    internal long Epoch;
    internal long RunNumber;
    internal long LeaseEndsMs;
    internal long LeaseNumber;
    internal long StartedMs;
    internal long RunStartedMs;
    internal long FinishedMs;
    internal int Used;
    internal int Granted;
    internal int LastGrant;
    internal int Stage;
    internal int? Progress;
    internal int Retries;
    internal int Lost;
    internal bool CancelRequested;
    internal bool HasError;
    internal string? DebugId;
    internal string Result = "";
    internal string Checkpoint = "";

    internal bool IsKept => !IsForgotten;

    internal RunLease Lease => new(Id, Runs, Epoch);
}

/// <summary>What a key stands for.</summary>
internal sealed record ReferenceAnswer(UInt128 Fingerprint, long ExpiresMs, SubmitResult Answer);
