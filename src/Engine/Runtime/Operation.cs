using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;

namespace Engine.Runtime;

/// <summary>Something a caller asked for, on its way through the loop and back.</summary>
internal abstract class Operation
{
    /// <summary>How often <see cref="Prepare"/> is called before an operation's turn.</summary>
    internal const int PrepareSteps = 4;

    /// <summary>Asks for memory that deciding will need; each step may use what the one before asked for. Changes nothing
    /// that is decided on, and is called with other operations between the steps, and before this one's turn.</summary>
    /// <param name="loop">The loop.</param>
    /// <param name="step">From 0 to below <see cref="PrepareSteps"/>.</param>
    internal virtual void Prepare(LoopContext loop, int step)
    {
    }

    /// <summary>Decides. Called once, by the loop. Returns whether the answer is known; else the loop will be told later.</summary>
    internal abstract bool Execute(LoopContext loop);

    /// <summary>Gives the answer, once all it shows is durable.</summary>
    internal abstract void Publish();

    /// <summary>Gives the news that there will be no answer.</summary>
    internal abstract void Fail(Exception exception);
}

/// <summary>An operation with an answer, which is also what its caller awaits.</summary>
internal abstract class Operation<TResult> : Operation, IValueTaskSource<TResult>
{
    // Asynchronously, or the caller's continuation would run on the loop and stall every tenant.
    private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = true };

    /// <summary>Where the answer is put: last in memory, as the loop reads what is asked and only writes here.</summary>
    protected abstract ref TResult? Answer { get; }

    /// <summary>What the caller awaits, exactly once.</summary>
    internal ValueTask<TResult> Task => new(this, _source.Version);

    internal override void Publish() => _source.SetResult(true);

    internal override void Fail(Exception exception) => _source.SetException(exception);

    public TResult GetResult(short token)
    {
        try
        {
            // Kept here and not in the source: answers are large, and each place they pass through costs a copy.
            _source.GetResult(token);
            return Answer!;
        }
        finally
        {
            Answer = default;
            _source.Reset();
            Recycle();
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

    public void OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    /// <summary>Called when the answer was taken: nobody refers to the operation any more.</summary>
    protected virtual void Recycle()
    {
    }
}

/// <summary>An operation that only looks: it answers with what <paramref name="decide"/> returns.</summary>
internal sealed class FuncOperation<TResult>(Func<LoopContext, TResult> decide) : Operation<TResult>
{
    private TResult? _answer;

    protected override ref TResult? Answer => ref _answer;

    internal override bool Execute(LoopContext loop)
    {
        Answer = decide(loop);
        return true;
    }
}

/// <summary>Spare operations of one kind.</summary>
internal sealed class OperationPool<TOperation>
    where TOperation : Operation, new()
{
    // More than can be under way at a time would only be garbage in an older generation.
    private const int MaxSpare = 65_536;

    private readonly ConcurrentQueue<TOperation> _spare = new();
    private int _count;

    internal TOperation Rent()
    {
        if (_spare.TryDequeue(out var operation))
        {
            Interlocked.Decrement(ref _count);
            return operation;
        }

        return new TOperation();
    }

    internal void Return(TOperation operation)
    {
        if (Volatile.Read(ref _count) < MaxSpare)
        {
            Interlocked.Increment(ref _count);
            _spare.Enqueue(operation);
        }
    }
}
