namespace Engine.Core;

/// <summary>Jobs that leave in the order in which they came.</summary>
/// <remarks>A queue of pieces, not a list through the jobs: who takes many sees from afar which come next, and a queue
/// that grows is never copied.</remarks>
internal sealed class JobQueue
{
    private const int PieceSize = 1024;

    private Piece _head = new();
    private Piece _tail;
    private Piece? _spare;
    private int _first;
    private int _end;

    internal JobQueue() => _tail = _head;

    internal int Count { get; private set; }

    /// <summary>The one that came first, if there is one.</summary>
    internal Job? First => Count > 0 ? _head.Jobs[_first] : null;

    internal void Add(Job job)
    {
        if (_end == PieceSize)
        {
            var piece = _spare ?? new Piece();
            _spare = null;
            _tail.Next = piece;
            (_tail, _end) = (piece, 0);
        }

        _tail.Jobs[_end++] = job;
        Count++;
    }

    /// <summary>Takes the first out. There is one.</summary>
    internal Job RemoveFirst()
    {
        var job = _head.Jobs[_first];
        Invariant.Holds(job is not null);
        _head.Jobs[_first++] = null;
        if (--Count == 0)
        {
            // One piece is left: nothing lies beyond the last.
            (_first, _end) = (0, 0);
        }
        else if (_first == PieceSize)
        {
            var empty = _head;
            (_head, _first) = (empty.Next!, 0);
            empty.Next = null;
            _spare = empty;
        }

        return job;
    }

    /// <summary>The job so many places behind the first; null when there is none, or it is far behind.</summary>
    internal Job? Ahead(int places)
    {
        int index = _first + places;
        return index < PieceSize ? _head.Jobs[index]
            : index < 2 * PieceSize ? _head.Next?.Jobs[index - PieceSize]
            : null;
    }

    internal Job[] ToArray()
    {
        var jobs = new Job[Count];
        int done = 0;
        int index = _first;
        for (var piece = _head; done < jobs.Length; piece = piece.Next!, index = 0)
        {
            int count = Math.Min(PieceSize - index, jobs.Length - done);
            Array.Copy(piece.Jobs, index, jobs, done, count);
            done += count;
        }

        return jobs;
    }

    public IEnumerator<Job> GetEnumerator()
    {
        int left = Count;
        int index = _first;
        for (var piece = _head; left > 0; piece = piece.Next!, index = 0)
        {
            for (; index < PieceSize && left > 0; index++, left--)
            {
                yield return piece.Jobs[index]!;
            }
        }
    }

    private sealed class Piece
    {
        internal readonly Job?[] Jobs = new Job?[PieceSize];
        internal Piece? Next;
    }
}
