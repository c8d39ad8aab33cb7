using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
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

    /// <summary>Gives the answer, once all it shows is durable: who looks for it from now on finds it.</summary>
    internal abstract void Publish();

    /// <summary>Wakes who waited for the answer already. Called after <see cref="Publish"/> and a memory barrier, one for
    /// many operations; it may stand for another question by then.</summary>
    internal virtual void Wake()
    {
    }

    /// <summary>Gives the news that there will be no answer. The exception is for this operation's caller alone.</summary>
    internal abstract void Fail(Exception exception);

    /// <summary>Gives the answer, and wakes who waits for it.</summary>
    internal void PublishAlone()
    {
        Publish();
        Interlocked.MemoryBarrier();
        Wake();
    }
}

/// <summary>An operation with an answer, which is also what its caller awaits.</summary>
/// <remarks>
/// Most answers are there before their caller asks for them, so that an atomic instruction for each would be in vain.
/// The loop writes that the answer is there, for a batch of operations, and only then looks who waits; a caller writes
/// that it waits, and only then looks for the answer: one of the two sees the other, and if both do, the first to say so
/// (<see cref="_woken"/>) wakes the caller. Lives number the questions that a pooled operation has stood for: whoever
/// comes late with an old number changes nothing.
/// </remarks>
internal abstract class Operation<TResult> : Operation, IValueTaskSource<TResult>
{
    // Of the present question; changed by its caller when it has the answer.
    private int _life = 1;

    // The last that was answered, written by the loop; that its caller waited for; that somebody was woken for.
    private int _answered;
    private int _awaited;
    private int _woken;
    private Exception? _failure;

    // Asynchronously, or the caller's continuation would run on the loop and stall every tenant.
    private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = true };

    /// <summary>Where the answer is put: last in memory, as the loop reads what is asked and only writes here.</summary>
    protected abstract ref TResult? Answer { get; }

    /// <summary>What the caller awaits, exactly once.</summary>
    internal ValueTask<TResult> Task => new(this, _source.Version);

    internal override void Publish() => Volatile.Write(ref _answered, _life);

    internal override void Wake()
    {
        int life = _answered;
        if (Volatile.Read(ref _awaited) == life)
        {
            Wake(life);
        }
    }

    internal override void Fail(Exception exception)
    {
        // Not by Publish: it may be what has failed, and nothing is handed out.
        _failure = exception;
        Volatile.Write(ref _answered, _life);
        Interlocked.MemoryBarrier();
        Wake();
    }

    public TResult GetResult(short token)
    {
        int life = _life;
        Check(token, isAnswered: IsAnswered(life));
        try
        {
            if (_failure is { } failure)
            {
                ExceptionDispatchInfo.Throw(failure);
            }

            // Kept here and not in the source: answers are large, and each place they pass through costs a copy.
            return Answer!;
        }
        finally
        {
            Answer = default;
            _failure = null;
            _source.Reset();
            _life = life + 1;
            Recycle();
        }
    }

    public ValueTaskSourceStatus GetStatus(short token)
    {
        Check(token, isAnswered: true);
        return !IsAnswered(_life) ? ValueTaskSourceStatus.Pending
            : _failure is null ? ValueTaskSourceStatus.Succeeded
            : ValueTaskSourceStatus.Faulted;
    }

    public void OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        Check(token, isAnswered: true);
        int life = _life;

        // Most lives pass without anybody waiting: the last that was woken may be so old that its number seems to be to
        // come.
        if (_woken - life > 0)
        {
            _woken = life - 1;
        }

        // A fence: either this sees the answer, or the loop sees who waits.
        Interlocked.Exchange(ref _awaited, life);
        _source.OnCompleted(continuation, state, token, flags);
        if (IsAnswered(life))
        {
            Wake(life);
        }
    }

    private bool IsAnswered(int life) => Volatile.Read(ref _answered) - life >= 0;

    private void Wake(int life)
    {
        int woken = Volatile.Read(ref _woken);
        while (woken - life < 0)
        {
            int seen = Interlocked.CompareExchange(ref _woken, life, woken);
            if (seen == woken)
            {
                _source.SetResult(true);
                return;
            }

            woken = seen;
        }
    }

    private void Check(short token, bool isAnswered)
    {
        if (token != _source.Version || !isAnswered)
        {
            throw new InvalidOperationException("An answer is awaited once, and read when it is there.");
        }
    }

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
    private PaddedCount _count;

    internal TOperation Rent()
    {
        if (_spare.TryDequeue(out var operation))
        {
            Interlocked.Decrement(ref _count.Value);
            return operation;
        }

        return new TOperation();
    }

    internal void Return(TOperation operation)
    {
        if (Volatile.Read(ref _count.Value) < MaxSpare)
        {
            Interlocked.Increment(ref _count.Value);
            _spare.Enqueue(operation);
        }
    }
}
