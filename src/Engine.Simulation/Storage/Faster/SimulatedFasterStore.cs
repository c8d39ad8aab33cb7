using Engine.Simulation.Storage.Disk;
using Engine.Storage;
using Engine.Storage.Faster;

namespace Engine.Simulation.Storage.Faster;

/// <summary>The embedded journal on a simulated disk: its own code, from the frames down to the calls to the file
/// system.</summary>
internal sealed class SimulatedFasterStore : ISimStorage
{
    /// <summary>Where the journal is on the disk.</summary>
    internal const string Directory = "/data/journal";

    private readonly DirectoryLocks _locks = new();
    private readonly RandomStream? _nonces;
    private readonly RandomStream _crashes;
    private SimulatedProcess? _process;

    /// <summary>A new, empty disk in a world.</summary>
    /// <param name="world">Whose time calls take, and whose dice fall: the streams "disk", "nonce" and
    /// "crash".</param>
    /// <param name="options">What kind of disk it is.</param>
    internal SimulatedFasterStore(World world, DiskOptions? options = null)
        : this(new SimDisk(new Timeline(world), options, world.Stream("disk")), world.Stream("crash")) =>
        _nonces = world.Stream("nonce");

    /// <summary>A disk that may have been used before.</summary>
    /// <param name="disk">The disk; without a world nothing takes time.</param>
    /// <param name="crashes">What a crash leaves.</param>
    internal SimulatedFasterStore(SimDisk disk, RandomStream crashes) => (Disk, _crashes) = (disk, crashes);

    internal SimDisk Disk { get; }

    /// <summary>Changes how the next journal is set up.</summary>
    internal Action<FasterJournalOptions>? Configure { get; set; }

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
            Runtime = new SimulatedRuntime(Disk.Timeline, process, _nonces),
        };
        Configure?.Invoke(options);
        return new SimulatedJournal(new FasterJournal(options), process);
    }

    /// <inheritdoc/>
    public void Crash(CrashKind kind)
    {
        _process?.Die();
        switch (kind)
        {
            case CrashKind.Kill:
                Disk.Kill(new RandomFate(_crashes));
                break;
            case CrashKind.PowerCut:
                Disk.Crash(new RandomFate(_crashes, Disk.Options.NamesInAnyOrder, Disk.Options.HurtsNeighbours));
                break;
        }
    }

    /// <inheritdoc/>
    public void Pause(IJournal journal) => ((SimulatedJournal)journal).Process.Pause();

    /// <inheritdoc/>
    public void Resume(IJournal journal) => ((SimulatedJournal)journal).Process.Resume();

    /// <inheritdoc/>
    public StoreDoubts Doubts => Disk.Doubts;

    /// <inheritdoc/>
    public int FailedReads => Disk.FailedReads;

    /// <inheritdoc/>
    /// <remarks>A lie about the newest commit since the last proof can look like a torn tail, which no single copy can
    /// tell from one: the write never happened, a bit of it flipped, or it landed in its own blocks, a little further
    /// on. Anywhere else its mark says where it belongs, and one that hits the commits before it is refused.</remarks>
    public long KeepsAtLeast(long acknowledged, long proven) =>
        (Doubts & StoreDoubts.MayLoseTail) != 0 ? proven : acknowledged;

    /// <inheritdoc/>
    public void Heal() => Disk.Faults = DiskFaults.None;
}
