using System.Collections.Concurrent;

namespace Engine.Tests.Load.Checks;

/// <summary>What was not as promised. Bounded: a broken engine breaks everything.</summary>
internal sealed class Findings
{
    private const int MaxTold = 20;

    private readonly ConcurrentQueue<string> _told = new();
    private long _count;

    internal long Count => Interlocked.Read(ref _count);

    /// <summary>The first of them.</summary>
    internal IReadOnlyCollection<string> Told => _told;

    /// <summary>Adds what is wrong unless <paramref name="holds"/>.</summary>
    internal void Unless(bool holds, string promise, FormattableString otherwise)
    {
        if (!holds && Interlocked.Increment(ref _count) <= MaxTold)
        {
            _told.Enqueue($"{promise}: {FormattableString.Invariant(otherwise)}");
        }
    }
}
