using System.Diagnostics;

namespace Engine.Bench.Throughput;

/// <summary>How long single calls took, exactly: every one is kept.</summary>
internal sealed class Latencies(int capacity)
{
    private readonly List<long> _ticks = new(capacity);

    internal int Count => _ticks.Count;

    internal void Add(long startedAt) => _ticks.Add(Stopwatch.GetTimestamp() - startedAt);

    /// <summary>The value that the given share of calls did not exceed.</summary>
    internal double Microseconds(double share)
    {
        _ticks.Sort();
        int index = Math.Clamp((int)Math.Ceiling(share * _ticks.Count) - 1, 0, _ticks.Count - 1);
        return _ticks[index] * 1_000_000.0 / Stopwatch.Frequency;
    }
}
