namespace Engine.Simulation.Storage.Disk;

/// <summary>What kind of disk it is.</summary>
internal sealed record DiskOptions
{
    /// <summary>What the device writes whole, or tears: 512 or 4,096 bytes.</summary>
    internal int SectorBytes { get; init; } = 512;

    /// <summary>How much there is room for.</summary>
    internal long CapacityBytes { get; init; } = long.MaxValue;

    /// <summary>How long a write takes, before its bytes count.</summary>
    internal TimeSpan WriteTime { get; init; } = TimeSpan.FromMicroseconds(8);

    /// <summary>How long a sync takes as a rule; now and then ten, seldom a thousand times as long.</summary>
    internal TimeSpan SyncTime { get; init; } = TimeSpan.FromMicroseconds(120);

    /// <summary>Whether a crash may keep a later change of names and lose an earlier one.</summary>
    internal bool NamesInAnyOrder { get; init; } = true;

    /// <summary>Whether sectors beside an unsynced one, within the same 4 KiB, may suffer with it.</summary>
    internal bool HurtsNeighbours { get; init; } = true;
}

/// <summary>How often calls to a disk fail, and how many faults there may be.</summary>
/// <remarks>Each is the chance for one call. The last three are lies: no single copy can be safe from them, only notice
/// them in most cases; they belong into runs that expect that.</remarks>
internal sealed record DiskFaults
{
    /// <summary>A disk that only crashes tear.</summary>
    internal static DiskFaults None { get; } = new();

    /// <summary>A read fails (EIO), once: the chance that one does when every file is read.</summary>
    internal double ReadError { get; init; }

    /// <summary>A write fails (EIO).</summary>
    internal double WriteError { get; init; }

    /// <summary>A sync fails (EIO), and what it should have made durable may be gone.</summary>
    internal double SyncError { get; init; }

    /// <summary>A call that needs room finds none (ENOSPC).</summary>
    internal double NoSpace { get; init; }

    /// <summary>A sync takes as long as <see cref="StallTime"/>.</summary>
    internal double Stall { get; init; }

    /// <summary>How long a stalled sync takes; <see cref="TimeSpan.MaxValue"/> for ever.</summary>
    internal TimeSpan StallTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A lie: a bit of a durable file flips at a write somewhere else.</summary>
    internal double Flip { get; init; }

    /// <summary>A lie: a write lands at another place of its file.</summary>
    internal double Misdirect { get; init; }

    /// <summary>A lie: a write is acknowledged, and so is its sync, and it never happens.</summary>
    internal double LostWrite { get; init; }

    /// <summary>How many faults there may be in all.</summary>
    internal int Budget { get; init; } = int.MaxValue;
}
