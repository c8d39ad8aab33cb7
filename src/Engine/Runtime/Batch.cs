using Engine.Storage;

namespace Engine.Runtime;

/// <summary>What one step of the loop decided: a frame for the journal, and what waits until it is durable.</summary>
internal sealed class Batch
{
    /// <summary>Beyond this a batch takes nothing more in; one command more may still exceed it by its payload.</summary>
    internal const int SoftFrameSize = 512 * 1024;

    internal ByteWriter Frame = new(16 * 1024);

    internal List<Operation> Answers { get; } = [];

    internal RecordedUpdates Updates { get; } = new();

    internal List<RunLease> RunsToStop { get; } = [];

    internal List<JobId> Forgotten { get; } = [];

    internal int EventCount { get; set; }

    /// <summary>The one instant that everything in it is judged by.</summary>
    internal DateTimeOffset At { get; set; }

    internal Task<AppendResult>? Append { get; set; }

    internal bool IsEmpty => EventCount == 0 && Answers.Count == 0;

    internal void Reset()
    {
        Frame.Reset(reserved: FrameCodec.HeaderSize);
        Answers.Clear();
        Updates.Clear();
        RunsToStop.Clear();
        Forgotten.Clear();
        EventCount = 0;
        Append = null;
    }
}
