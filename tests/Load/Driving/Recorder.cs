namespace Engine.Tests.Load.Driving;

/// <summary>What a caller can do.</summary>
internal enum Operation
{
    /// <summary>Submits a job, or the same one twice at once.</summary>
    Submit,

    /// <summary>Asks for a job.</summary>
    Look,

    /// <summary>Withdraws a job.</summary>
    Cancel,

    /// <summary>Grants a job its next iterations.</summary>
    Confirm,

    /// <summary>Asks for the queue.</summary>
    Queue,

    /// <summary>Whatever it was, nobody answered.</summary>
    Unanswered,
}

/// <summary>How long the operations of one phase took, by kind.</summary>
internal sealed class Recorder
{
    private readonly Histogram[] _byKind = [.. Enum.GetValues<Operation>().Select(_ => new Histogram())];

    internal Histogram this[Operation kind] => _byKind[(int)kind];

    /// <summary>All that were answered.</summary>
    internal Histogram All { get; } = new();

    /// <summary>Of an open loop: how much later than intended the request was sent, by the loop's own fault or for want
    /// of places. It is part of the latency.</summary>
    internal Histogram Lag { get; } = new();

    /// <summary>Of an open loop: requests that found every place taken.</summary>
    internal long HeldBack { get; set; }

    internal TimeSpan Elapsed { get; set; }

    internal void Record(Operation kind, TimeSpan took)
    {
        _byKind[(int)kind].Record(took);
        if (kind != Operation.Unanswered)
        {
            All.Record(took);
        }
    }
}
