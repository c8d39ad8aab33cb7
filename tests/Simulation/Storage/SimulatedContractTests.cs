using Engine.Simulation;
using Engine.Simulation.Storage.Disk;
using Engine.Simulation.Storage.Faster;
using Engine.Simulation.Storage.Redis;
using Engine.Storage;
using Engine.Tests.Support;

namespace Engine.Tests.Storage;

/// <summary>The embedded journal on a simulated disk, in virtual time, keeps the contract of every journal.</summary>
public sealed class SimulatedFasterContractTests : JournalContract, IDisposable
{
    private readonly Pump _pump;
    private readonly SimulatedFasterStore _store;

    public SimulatedFasterContractTests()
    {
        var world = new World(1, DateTimeOffset.UnixEpoch);
        _store = new SimulatedFasterStore(world);
        _pump = new Pump(world);
    }

    public void Dispose() => _pump.Dispose();

    private protected override IJournal Open() => new PumpedJournal(_store.Open(), _pump);

    private protected override IJournal Reopen(IJournal closed) => Open();
}

/// <summary>The same where nothing takes time, which is how crashes are enumerated.</summary>
public sealed class InstantFasterContractTests : JournalContract, IDisposable
{
    private readonly SimulatedFasterStore _store = new(new SimDisk(new Timeline(null)), new RandomStream(1));
    private readonly Pump _pump = new(null);

    public void Dispose() => _pump.Dispose();

    private protected override IJournal Open() => new PumpedJournal(_store.Open(), _pump);

    private protected override IJournal Reopen(IJournal closed) => Open();
}

/// <summary>The journal in Redis with a simulated server, in virtual time.</summary>
public sealed class SimulatedRedisContractTests : JournalContract, IDisposable
{
    private readonly Pump _pump;
    private readonly SimulatedRedisStore _store;

    public SimulatedRedisContractTests()
    {
        var world = new World(1, DateTimeOffset.UnixEpoch);
        _store = new SimulatedRedisStore(world);
        _pump = new Pump(world);
    }

    public void Dispose() => _pump.Dispose();

    private protected override IJournal Open() => new PumpedJournal(_store.Open(), _pump);

    private protected override IJournal Reopen(IJournal closed) => Open();
}
