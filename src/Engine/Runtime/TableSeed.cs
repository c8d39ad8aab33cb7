using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Engine.Core;

namespace Engine.Runtime;

/// <summary>Seeds for the tables of engines that real callers have ids in: nobody may guess one.</summary>
internal static class TableSeed
{
    /// <summary>Another one each time, for <see cref="JobTable"/>.</summary>
    internal static ulong New()
    {
        ulong seed = 0;
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(new Span<ulong>(ref seed)));
        return seed;
    }
}
