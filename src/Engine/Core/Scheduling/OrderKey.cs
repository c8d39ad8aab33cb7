namespace Engine.Core.Scheduling;

/// <summary>The place of a waiting job: the lowest key runs first. Fixed when the job enters the queue.</summary>
/// <remarks>
/// Two words, compared the high one first. <see cref="High"/> holds what the <see cref="Ordering"/> puts first and
/// <see cref="Low"/> the tie-breakers, the last of which is the sequence number: it is unique, so no two keys are equal
/// and no replay can order jobs differently.
/// </remarks>
internal readonly record struct OrderKey(ulong High, ulong Low) : IComparable<OrderKey>
{
    /// <summary>Sequence numbers stay below this, as the golden scores of A-Q8 ask: one tier never spills into the
    /// next.</summary>
    internal const long MaxSequence = 1_000_000_000_000;

    private const int SequenceBits = 40;
    private const int MaxBoost = 1000;
    private const int MaxPriority = 100;

    /// <summary>The key of a job that enters the queue.</summary>
    /// <param name="ordering">What "next" means.</param>
    /// <param name="boost">The tier's boost, 0 to 1000.</param>
    /// <param name="priority">0 to 100.</param>
    /// <param name="sequence">The number of the entry, from 1, in order of entry.</param>
    /// <param name="enteredMs">When it entered.</param>
    /// <param name="headStartMs">How far ahead one step of boost enters, for <see cref="Ordering.HeadStart"/>.</param>
    internal static OrderKey For(
        Ordering ordering, int boost, int priority, long sequence, long enteredMs, long headStartMs)
    {
        Invariant.Holds(boost is >= 0 and <= MaxBoost);
        Invariant.Holds(priority is >= 0 and <= MaxPriority);
        Invariant.Holds(sequence is > 0 and < MaxSequence);

        ulong tier = (ulong)(MaxBoost - boost);
        ulong urgency = (ulong)(MaxPriority - priority);
        ulong ties = (((tier << 7) | urgency) << SequenceBits) | (ulong)sequence;
        return ordering switch
        {
            Ordering.Strict => new OrderKey((tier << 7) | urgency, (ulong)sequence),

            // Offset so that a boost larger than the first sequence numbers does not wrap around.
            Ordering.Positions => new OrderKey((ulong)(sequence - boost + MaxBoost), ties),
            Ordering.HeadStart => new OrderKey((ulong)(enteredMs - (boost * headStartMs)) ^ (1UL << 63), ties),
        };
    }

    /// <summary>The score of the original queue: (1000 − boost) × 10^12 + counter (A-Q8, golden vectors of 1.7). Orders
    /// as <see cref="Ordering.Strict"/> does among equal priorities.</summary>
    internal static long Score(int boost, long sequence) => ((MaxBoost - boost) * MaxSequence) + sequence;

    public int CompareTo(OrderKey other)
    {
        int high = High.CompareTo(other.High);
        return high != 0 ? high : Low.CompareTo(other.Low);
    }

    public static bool operator <(OrderKey left, OrderKey right) =>
        left.High < right.High || (left.High == right.High && left.Low < right.Low);

    public static bool operator >(OrderKey left, OrderKey right) => right < left;

    public static bool operator <=(OrderKey left, OrderKey right) => !(right < left);

    public static bool operator >=(OrderKey left, OrderKey right) => !(left < right);
}
