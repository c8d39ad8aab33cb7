using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Engine.Core;

/// <summary>Asks the processor for memory that is about to be used.</summary>
/// <remarks>
/// A job, its user and its lane are far apart in memory, and were last used thousands of jobs ago: more than half of
/// what a life cycle costs is waiting for them. Whoever works on many jobs in a row asks for those of the next while it
/// works on this one. It is a hint: nothing depends on it, a wrong or stale reference included, and where the processor
/// takes none it is nothing.
/// </remarks>
internal static unsafe class Prefetch
{
    private const int LineBytes = 64;

    /// <summary>The first lines of an object.</summary>
    /// <param name="target">The object; nothing happens for null.</param>
    /// <param name="lines">How many lines of 64 bytes, from the one that it begins in.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Object(object? target, int lines = 1)
    {
        if (Sse.IsSupported)
        {
            // Where the object is now: the collector may move it meanwhile, and the hint is wasted then.
            byte* address = *(byte**)Unsafe.AsPointer(ref target);
            for (int i = 0; i < lines; i++)
            {
                Sse.Prefetch0(address + (i * LineBytes));
            }
        }
    }

    /// <summary>The line that a place in an array, or a field, begins in.</summary>
    /// <remarks>Of a field, only where it is plain to the compiler that the object is not null, as after a look at it
    /// in the same method: else it looks itself, by reading from the object, and waits for what was to be asked
    /// for.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Place<T>(ref readonly T place)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(Unsafe.AsPointer(ref Unsafe.AsRef(in place)));
        }
    }
}
