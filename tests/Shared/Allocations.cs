namespace Engine.Tests;

/// <summary>Counts what a piece of code allocates.</summary>
internal static class Allocations
{
    private const int Tries = 8;

    /// <summary>The bytes that the calling thread allocates in <paramref name="action"/>: the least of a few tries, because
    /// the runtime counts by blocks, and a collection that falls into one try counts the rest of its block too.</summary>
    internal static long Of(Action action)
    {
        long least = long.MaxValue;
        for (int i = 0; i < Tries && least > 0; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            action();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
