using Engine.Core;

namespace Engine.Runtime;

/// <summary>Takes operations out of the inbox a few at a time, so that each can ask for its memory before its
/// turn.</summary>
/// <remarks>The loop's thread only. What was taken out is taken in order, and as surely as if it were in the inbox
/// still.</remarks>
internal sealed class Lookahead(Inbox inbox, LoopContext context)
{
    // Enough for the memory of the last to arrive while the first ones are decided; more would push it out again.
    private const int MaxTaken = 16;
    private const int OperationLines = 6;

    // Places are given back by an atomic instruction, which waits for all that was written before.
    private const int ReleasedAtOnce = 256;

    private readonly Taken[] _taken = new Taken[MaxTaken];
    private int _next;
    private int _count;
    private int _toRelease;

    /// <summary>Whether there is an operation.</summary>
    internal bool HasItems => _next < _count || inbox.HasItems;

    /// <summary>Whether nothing is left to come, in a closed inbox.</summary>
    internal bool IsDrained => _next == _count && inbox.IsDrained;

    internal bool TryRead(out Operation operation)
    {
        if (_next == _count && !Fill())
        {
            operation = null!;
            return false;
        }

        operation = _taken[_next].Operation;
        _taken[_next++] = default;
        return true;
    }

    private bool Fill()
    {
        (_next, _count) = (0, 0);
        Take();
        if (_count == 0 || _toRelease >= ReleasedAtOnce)
        {
            inbox.Release(_toRelease);
            _toRelease = 0;
        }

        if (_count == 0)
        {
            // Those in line may have been let in just now.
            Take();
        }

        for (int step = 0; step < Operation.PrepareSteps; step++)
        {
            for (int i = 0; i < _count; i++)
            {
                _taken[i].Operation.Prepare(context, step);
            }
        }

        return _count > 0;
    }

    private void Take()
    {
        while (_count < MaxTaken && inbox.TryRead(out var operation))
        {
            // Its caller wrote it on another processor.
            Prefetch.Object(operation, OperationLines);
            _taken[_count++] = new Taken(operation);
        }

        _toRelease += _count;
        inbox.PrefetchNext();
    }

    // Not the bare reference: to put one of those into an array, its type is looked up in the object, which is not here
    // yet.
    private readonly record struct Taken(Operation Operation);
}
