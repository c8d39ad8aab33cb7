using System.Diagnostics;

namespace Engine.Core.Scheduling;

/// <summary>The lanes of a job type that may run, as far as anybody knows, by the key of the job that is next in each.
/// </summary>
/// <remarks>
/// Jobs of one tier and priority come in the order of their keys, and most lanes enter with a job that has just come.
/// So a few rows that only grow at their end hold nearly all of them: whichever key follows on one of the rows is put
/// behind it, and only the heads of the rows are compared. A lane that goes on with another job, and one that fits
/// behind none (it was let in again), is in a heap beside them, where each that leaves moves a few others. O(1) in the
/// one case, O(log n) in the other.
/// </remarks>
[DebuggerDisplay("{Count} lanes")]
internal sealed class ReadyLanes
{
    // Each tier and priority in use takes one; beyond that the heap is as good.
    private const int MaxRows = 8;
    private const int InHeap = -1;

    // As far as memory is away: two steps, as a lane has to be there before it says what it leads to.
    private const int NearAhead = 4;
    private const int FarAhead = 8;
    private const int LaneLines = 4;

    private readonly Row[] _rows = new Row[MaxRows];
    private readonly IndexedHeap<Lane> _others = new();
    private int _rowCount;
    private int _inRows;

    // The row that has the lowest key, or the heap; means nothing when there are none.
    private int _best = InHeap;

    internal int Count => _inRows + _others.Count;

    /// <summary>The lane with the lowest key. There is one.</summary>
    internal Lane First => _best == InHeap ? _others.First : _rows[_best].Lanes.First.Lane!;

    /// <summary>The lowest key. There is one.</summary>
    internal OrderKey FirstKey => _best == InHeap ? _others.FirstKey : _rows[_best].Lanes.First.Key;

    /// <summary>All of them with their keys, in no order that means anything.</summary>
    internal IEnumerable<(OrderKey Key, Lane Lane)> All =>
        _rows.Take(_rowCount).SelectMany(row => row.Lanes.All).Select(entry => (entry.Key, entry.Lane!))
            .Concat(Enumerable.Range(0, _others.Count).Select(i => _others[i]));

    /// <summary>Those that are in the heap, for who checks it.</summary>
    internal IndexedHeap<Lane> Others => _others;

    /// <summary>The rows with their keys, for who checks them.</summary>
    internal IEnumerable<IEnumerable<OrderKey>> Rows =>
        _rows.Take(_rowCount).Select(row => row.Lanes.All.Select(entry => entry.Key));

    internal bool Contains(Lane lane) => lane.ReadyRow switch
    {
        0 => _others.Contains(lane),
        var row => row <= _rowCount && _rows[row - 1].Lanes.Contains(new ReadyLane(default, lane)),
    };

    internal void Add(OrderKey key, Lane lane)
    {
        bool isFirst = Count == 0 || key < FirstKey;
        int row = RowFor(key);
        if (row == InHeap)
        {
            _others.Add(key, lane);
        }
        else
        {
            Invariant.Holds(lane.ReadyRow == 0);
            _rows[row].Lanes.Add(new ReadyLane(key, lane));
            _rows[row].LastKey = key;
            lane.ReadyRow = row + 1;
            _inRows++;
        }

        _best = isFirst ? row : _best;
    }

    internal void Remove(Lane lane)
    {
        int row = lane.ReadyRow - 1;
        if (row == InHeap)
        {
            _others.Remove(lane);
        }
        else
        {
            var lanes = _rows[row].Lanes;
            bool wasHead = ReferenceEquals(lanes.First.Lane, lane);
            lanes.Remove(new ReadyLane(default, lane));
            lane.ReadyRow = 0;
            _inRows--;
            if (!wasHead)
            {
                // The best of all is a head, and still is.
                return;
            }

            Prefetch.Object(lanes.Ahead(FarAhead).Lane, LaneLines);
            lanes.Ahead(NearAhead).Lane?.ComesNear();
        }

        FindBest();
    }

    /// <summary>Gives a lane another key, that of an older job or of a better one: it goes to the heap.</summary>
    internal void Move(Lane lane, OrderKey key)
    {
        if (lane.ReadyRow == 0)
        {
            _others.Move(lane, key);
            FindBest();
            return;
        }

        Remove(lane);
        bool isFirst = Count == 0 || key < FirstKey;
        _others.Add(key, lane);
        _best = isFirst ? InHeap : _best;
    }

    /// <summary>The row that the key follows on most closely, or one that is empty.</summary>
    private int RowFor(OrderKey key)
    {
        int best = InHeap;
        int empty = InHeap;
        for (int row = 0; row < _rowCount; row++)
        {
            if (_rows[row].Lanes.Count == 0)
            {
                empty = row;
            }
            else if (_rows[row].LastKey < key && (best == InHeap || _rows[best].LastKey < _rows[row].LastKey))
            {
                best = row;
            }
        }

        if (best == InHeap && empty == InHeap && _rowCount < MaxRows)
        {
            _rows[_rowCount].Lanes = new Ring<ReadyLane>();
            empty = _rowCount++;
        }

        return best == InHeap ? empty : best;
    }

    private void FindBest()
    {
        int best = InHeap;
        var bestKey = _others.Count > 0 ? _others.FirstKey : new OrderKey(ulong.MaxValue, ulong.MaxValue);
        for (int row = 0; row < _rowCount; row++)
        {
            var lanes = _rows[row].Lanes;
            if (lanes.Count > 0 && lanes.First.Key < bestKey)
            {
                (best, bestKey) = (row, lanes.First.Key);
            }
        }

        _best = best;
    }

    private struct Row
    {
        internal Ring<ReadyLane> Lanes;

        // At least that of the last: who left the end of the row may have had it.
        internal OrderKey LastKey;
    }

    private readonly struct ReadyLane(OrderKey key, Lane? lane) : IRingEntry<ReadyLane>
    {
        internal readonly OrderKey Key = key;
        internal readonly Lane? Lane = lane;

        public bool IsGap => Lane is null;

        public ref int Place => ref Lane!.ReadyPlace;

        public bool IsSame(in ReadyLane other) => ReferenceEquals(Lane, other.Lane);
    }
}
