using BenchmarkDotNet.Attributes;
using Engine.Core.Scheduling;

namespace Engine.Bench.Micro;

/// <summary>What does an exact position cost: keeping the index while jobs come and go, and asking it?</summary>
[MemoryDiagnoser]
public class PositionIndexBenchmarks
{
    private const ulong Step = 0x9E37_79B9_7F4A_7C15;

    private readonly PositionIndex _queue = new();
    private readonly PositionIndex _anywhere = new();
    private readonly SortedSet<OrderKey> _sortedSet = [];
    private ulong _newest;
    private ulong _oldest;
    private ulong _newestAnywhere;
    private ulong _oldestAnywhere;
    private ulong _newestInSet;
    private ulong _oldestInSet;
    private ulong _asked;

    [Params(1_000, 100_000, 1_000_000)]
    public int Depth { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        while (_queue.Count < Depth)
        {
            _queue.Add(InTier(++_newest));
            _anywhere.Add(Anywhere(++_newestAnywhere));
            _sortedSet.Add(InTier(++_newestInSet));
        }
    }

    /// <summary>One job joins the end of one of three tiers, the oldest leaves.</summary>
    [Benchmark]
    public int JoinAndLeave()
    {
        _queue.Add(InTier(++_newest));
        _queue.Remove(InTier(++_oldest));
        return _queue.Count;
    }

    /// <summary>The same with places that follow no order.</summary>
    [Benchmark]
    public int JoinAndLeaveAnywhere()
    {
        _anywhere.Add(Anywhere(++_newestAnywhere));
        _anywhere.Remove(Anywhere(++_oldestAnywhere));
        return _anywhere.Count;
    }

    /// <summary>The framework's sorted set for comparison; it cannot tell a rank.</summary>
    [Benchmark(Baseline = true)]
    public int SortedSetJoinAndLeave()
    {
        _sortedSet.Add(InTier(++_newestInSet));
        _sortedSet.Remove(InTier(++_oldestInSet));
        return _sortedSet.Count;
    }

    /// <summary>The position of a waiting job, a different one each time.</summary>
    [Benchmark]
    public long Rank()
    {
        ulong any = ((++_asked * Step) >> 32) % (ulong)Depth;
        return _queue.RankOf(InTier(_oldest + 1 + any));
    }

    private static OrderKey InTier(ulong sequence) => new(sequence % 3, sequence);

    // An odd factor: each number once, in no order.
    private static OrderKey Anywhere(ulong sequence) => new(0, sequence * Step);
}
