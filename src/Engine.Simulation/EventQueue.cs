namespace Engine.Simulation;

/// <summary>What will happen in a simulated world, by its instant; what falls on the same instant comes in an order
/// that
/// the seed decides.</summary>
internal sealed class EventQueue(RandomStream ties)
{
    private readonly PriorityQueue<(long At, Action What), (long At, ulong Tie, long Number)> _heap = new();
    private long _number;

    internal int Count => _heap.Count;

    /// <summary>When the next one happens, in ticks; <see cref="long.MaxValue"/> when there is none.</summary>
    internal long NextAt => _heap.TryPeek(out var next, out _) ? next.At : long.MaxValue;

    internal void Add(long at, Action what) => _heap.Enqueue((at, what), (at, ties.Next(), ++_number));

    internal Action Take(out long at)
    {
        (at, var what) = _heap.Dequeue();
        return what;
    }
}
