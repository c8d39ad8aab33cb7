namespace Engine.Simulation.Audit;

/// <summary>What the naive model knows of a job.</summary>
internal sealed class ModelJob
{
    internal required JobId Id;
    internal required string User;
    internal string? Project;
    internal required string Tier;
    internal required string Type;
    internal string[] Resources = [];
    internal ReadOnlyMemory<byte> Payload;
    internal ReadOnlyMemory<byte> Result;
    internal ReadOnlyMemory<byte> Checkpoint;
    internal int Priority;
    internal int Boost;
    internal long Entry;
    internal long EnteredMs;
    internal JobState State;
    internal int ListIndex;
    internal long DueMs;
    internal WaitKind Why;
    internal int ChargedDay;
    internal int? DeferredOn;
    internal int Runs;
    internal long Epoch;

    /// <summary>The event that started its last run, counted from 1.</summary>
    internal long RunEvent;

    /// <summary>The monotonic time at which its lease ends; unknown until its worker was told.</summary>
    internal long LeaseEndsMs;

    /// <summary>The monotonic time before which its worker is not given up, as it could not be heard.</summary>
    internal long KeptUntilMs;
    internal int Used;
    internal int Granted;
    internal int LastGrant;
    internal int Stage;
    internal int Retries;
    internal int Lost;
    internal bool CancelRequested;

    /// <summary>A job of a later entry ran before it while one of its limits was full.</summary>
    internal bool WasBlocked;

    /// <summary>Jobs of later entries that ran before it although it might have run, in the order in force.</summary>
    internal int Overtaken;
    internal long FinishedMs;

    /// <summary>What it carries for its owner.</summary>
    internal long Bytes => Payload.Length + Result.Length + Checkpoint.Length;

    internal RunLease Lease => new(Id, Runs, Epoch);

    internal bool Holds(in RunLease lease) =>
        State == JobState.Running && lease.Run == Runs && lease.Epoch == Epoch;
}

/// <summary>The place of a job in the queue, in words that are compared one after the other.</summary>
internal readonly record struct Place(long First, long Second, long Third, long Fourth) : IComparable<Place>
{
    public int CompareTo(Place other)
    {
        int order = First.CompareTo(other.First);
        order = order != 0 ? order : Second.CompareTo(other.Second);
        order = order != 0 ? order : Third.CompareTo(other.Third);
        return order != 0 ? order : Fourth.CompareTo(other.Fourth);
    }
}

/// <summary>What an idempotency key stands for.</summary>
internal sealed record ModelAnswer(JobId JobId, JobRequest Request, long ExpiresMs, SubmitOutcome Outcome)
{
    /// <summary>An earlier life gave it.</summary>
    internal bool IsFromBefore { get; set; }
}
