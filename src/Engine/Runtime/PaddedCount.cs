using System.Runtime.InteropServices;

namespace Engine.Runtime;

/// <summary>A number that all callers write, on a cache line of its own: whoever read what shared a line with it would
/// wait for each of them.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct PaddedCount
{
    [FieldOffset(64)]
    internal int Value;
}
