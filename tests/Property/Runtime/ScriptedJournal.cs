using Engine.Storage;

namespace Engine.Tests.Runtime;

/// <summary>How an append goes wrong.</summary>
public enum Fault
{
    /// <summary>The answer is unknown and nothing was written.</summary>
    UnknownAndLost,

    /// <summary>The answer is unknown, though the frame was written.</summary>
    UnknownButWritten,

    /// <summary>Somebody else owns the journal.</summary>
    Fenced,

    /// <summary>The journal throws before it does anything.</summary>
    Throws,
}

/// <summary>A memory journal whose appends end when the test says so, in order, and one of which may fail.</summary>
internal sealed class ScriptedJournal(MemoryJournal inner, int failingAppend = 0, Fault fault = default)
    : ForwardingJournal(inner)
{
    private readonly Queue<(TaskCompletionSource<AppendResult> Answer, Func<AppendResult> Finish)> _pending = new();

    public override Durability Durability => Durability.Memory;

    /// <summary>Appends that were begun.</summary>
    internal int Begun { get; private set; }

    internal int Pending => _pending.Count;

    internal bool HasFailed { get; private set; }

    internal MemoryJournal Inner { get; } = inner;

    public override ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        bool fails = ++Begun == failingAppend;
        if (fails && fault == Fault.Throws)
        {
            HasFailed = true;
            throw new IOException("The disk is gone.");
        }

        byte[] asGiven = frames.ToArray();
        var answer = new TaskCompletionSource<AppendResult>();
        _pending.Enqueue((answer, () =>
        {
            // The frames are read when they are written, as a disk would: they must not have changed meanwhile.
            Assert.True(frames.Span.SequenceEqual(asGiven), "The frames changed while they were being appended.");
            if (HasFailed)
            {
                return new AppendResult(AppendStatus.Unknown, "an earlier append failed");
            }

            HasFailed = fails;
            if (!fails || fault == Fault.UnknownButWritten)
            {
                var result = Stories.EngineUnderTest.Done(base.AppendAsync(epoch, expectedSequence, frames));
                Assert.Equal(AppendStatus.Durable, result.Status);
            }

            return fails
                ? new AppendResult(fault == Fault.Fenced ? AppendStatus.Fenced : AppendStatus.Unknown, "as planned")
                : AppendResult.Durable;
        }
        ));
        return new(answer.Task);
    }

    /// <summary>Ends the oldest append that is under way. Returns whether there was one.</summary>
    internal bool FinishOne()
    {
        if (!_pending.TryDequeue(out var append))
        {
            return false;
        }

        append.Answer.SetResult(append.Finish());
        return true;
    }
}
