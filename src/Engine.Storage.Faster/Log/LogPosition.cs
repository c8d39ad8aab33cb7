namespace Engine.Storage.Faster.Log;

/// <summary>A place between two frames of the log: where the next commit may start and what it must continue.</summary>
/// <param name="Address">Bytes from the beginning of the log's address space; a multiple of <see
/// cref="Block.Size"/>.</param>
/// <param name="Sequence">The sequence of the frame before, 0 at the very beginning.</param>
/// <param name="Checksum">The checksum of the frame before, 0 at the very beginning.</param>
/// <param name="Epoch">The epoch of the frame before, 0 at the very beginning.</param>
internal readonly record struct LogPosition(long Address, long Sequence, uint Checksum, long Epoch)
{
    /// <summary>Where a new log begins. The block before is left out because FasterLog keeps address 0 to
    /// itself.</summary>
    internal static LogPosition Start => new(Block.Size, 0, 0, 0);
}

/// <summary>The unit that disks and page caches write whole, and everything of ours is aligned to.</summary>
internal static class Block
{
    internal const int Size = 4096;

    /// <summary>The smallest unit that a disk writes, or puts in a wrong place.</summary>
    internal const int SectorSize = 512;

    internal static long AlignUp(long value) => (value + Size - 1) & ~(long)(Size - 1);
}
