using System.Collections.Concurrent;

namespace Engine.Tests.Crash.Loop;

/// <summary>Counts what the loop came across: a corner that is never met proves nothing.</summary>
internal sealed class Tally
{
    private readonly ConcurrentDictionary<string, long> _counts = new(StringComparer.Ordinal);

    internal void Add(string name, long count = 1) => _counts.AddOrUpdate(name, count, (_, old) => old + count);

    internal long this[string name] => _counts.GetValueOrDefault(name);

    /// <summary>Corners that were not met.</summary>
    internal IReadOnlyList<string> Missing(IEnumerable<string> names) => [.. names.Where(name => this[name] == 0)];

    public override string ToString() => string.Join(
        ", ", _counts.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} {pair.Value}"));
}
