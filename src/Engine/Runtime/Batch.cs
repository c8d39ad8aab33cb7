using System.Runtime.ExceptionServices;
using Engine.Storage;

namespace Engine.Runtime;

/// <summary>What one step of the loop decided: a frame for the journal, and what waits until it is durable.</summary>
internal sealed class Batch
{
    /// <summary>Beyond this a batch takes nothing more in; one command more may still exceed it by its payload.</summary>
    internal const int SoftFrameSize = 512 * 1024;

    internal ByteWriter Frame = new(16 * 1024);

    internal List<Operation> Answers { get; } = [];

    /// <summary>How many of those were given out.</summary>
    internal int Answered { get; private set; }

    internal RecordedUpdates Updates { get; } = new();

    internal List<RunLease> RunsToStop { get; } = [];

    internal List<JobId> Forgotten { get; } = [];

    internal int EventCount { get; set; }

    /// <summary>The one instant that everything in it is judged by.</summary>
    internal DateTimeOffset At { get; set; }

    internal Task<AppendResult>? Append { get; set; }

    /// <summary>When the journal was asked, on the monotonic clock; means nothing without events.</summary>
    internal long AppendedAtMs { get; set; }

    internal bool IsEmpty => EventCount == 0 && Answers.Count == 0;

    /// <summary>Gives the answers out. One that throws leaves the rest for <see cref="Unanswered"/>.</summary>
    internal void Answer()
    {
        try
        {
            foreach (var operation in Answers)
            {
                operation.Publish();
                Answered++;
            }
        }
        finally
        {
            // One fence for all: from here on, who waits is seen, or sees the answer.
            Interlocked.MemoryBarrier();
            WakeAll();
        }
    }

    // Who waits may have asked to be woken where that is no longer possible. The others are, all the same.
    private void WakeAll()
    {
        ExceptionDispatchInfo? failure = null;
        for (int next = 0; next < Answered;)
        {
            try
            {
                while (next < Answered)
                {
                    Answers[next++].Wake();
                }
            }
            catch (Exception exception)
            {
                failure ??= ExceptionDispatchInfo.Capture(exception);
            }
        }

        failure?.Throw();
    }

    /// <summary>Those that nobody has answered.</summary>
    internal IEnumerable<Operation> Unanswered => Answers.Skip(Answered);

    internal void Reset()
    {
        Frame.Reset(reserved: FrameCodec.HeaderSize);
        Answers.Clear();
        Answered = 0;
        Updates.Clear();
        RunsToStop.Clear();
        Forgotten.Clear();
        EventCount = 0;
        Append = null;
    }
}
