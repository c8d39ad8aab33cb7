using Engine.Simulation.Storage.Disk;
using Engine.Storage;
using Engine.Storage.Faster;

namespace Engine.Simulation.Storage.Faster;

/// <summary>The embedded journal on a simulated disk: its own code, from the frames down to the calls to the file
/// system.</summary>
internal sealed class SimulatedFasterStore : ISimulatedStore
{
    /// <summary>Where the journal is on the disk.</summary>
    internal const string Directory = "/data/journal";

    private readonly DirectoryLocks _locks = new();
    private readonly RandomStream? _random;
    private SimulatedProcess? _process;

    /// <summary>A new, empty disk in a world.</summary>
    /// <param name="world">Whose time calls take; null when nothing takes time.</param>
    /// <param name="random">Dice for latencies, faults and nonces; null for a disk without chance.</param>
    /// <param name="options">What kind of disk it is.</param>
    internal SimulatedFasterStore(World? world, RandomStream? random, DiskOptions? options = null)
        : this(new SimDisk(new Timeline(world), options, random)) =>
        _random = random;

    /// <summary>A disk that has been used before.</summary>
    internal SimulatedFasterStore(SimDisk disk) => Disk = disk;

    internal SimDisk Disk { get; }

    /// <summary>Changes how the next journal is set up.</summary>
    internal Action<FasterJournalOptions>? Configure { get; set; }

    /// <inheritdoc/>
    public StoreDoubts Doubts => Disk.Doubts;

    /// <inheritdoc/>
    public Action<string>? Sometimes
    {
        get => Disk.Sometimes;
        set => Disk.Sometimes = value;
    }

    /// <inheritdoc/>
    public IJournal Open()
    {
        _process?.Die();
        var process = _process = new SimulatedProcess(Disk.Timeline, _locks);
        var options = new FasterJournalOptions
        {
            Directory = Directory,
            SegmentSizeBytes = 64 * 1024,
            Files = new SimulatedFileSystem(Disk, process),
            Runtime = new SimulatedRuntime(Disk.Timeline, process, _random),
        };
        Configure?.Invoke(options);
        return new SimulatedJournal(new FasterJournal(options), process);
    }

    /// <inheritdoc/>
    public void Kill(RandomStream random)
    {
        _process?.Die();
        Disk.Kill(new RandomFate(random));
    }

    /// <inheritdoc/>
    public void Crash(RandomStream random)
    {
        _process?.Die();
        Disk.Crash(new RandomFate(random, Disk.Options.NamesInAnyOrder, Disk.Options.HurtsNeighbours));
    }

    /// <inheritdoc/>
    public void Heal() => Disk.Faults = DiskFaults.None;
}
