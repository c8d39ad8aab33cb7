using BenchmarkDotNet.Attributes;
using Engine.Core;
using Engine.Core.Scheduling;

namespace Engine.Bench.Micro;

/// <summary>What does it cost to find who runs next when most who wait may not: 10,000 users with ten jobs and one slot
/// each?</summary>
[MemoryDiagnoser]
public class LaneBoardBenchmarks
{
    private const int Users = 10_000;
    private const int JobsPerUser = 10;

    private readonly JobTypeEntry[] _types = [new JobTypeEntry("noop", 1)];
    private readonly TierEntry _tier =
        new("bench", 1) { Policy = new Tier { Name = "bench", UserSlots = 1 } };

    private readonly Queue<Job> _running = new();
    private ulong _sequence;

    /// <summary>Of a hundred users, how many have their only slot taken.</summary>
    [Params(0, 90)]
    public int PercentBlocked { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        Lane[] lanes = [.. Enumerable.Range(1, Users).Select(user => new Lane(
            _types[0], _tier, new UserAccount($"user-{user}", user), project: null, resources: null))];
        for (int i = 0; i < Users * JobsPerUser; i++)
        {
            LaneBoard.Add(NewJob(lanes[i % Users]));
        }

        for (int i = 0; i < Users / 100 * PercentBlocked; i++)
        {
            Start();
        }

        // One more, so that there always is one that can end.
        Start();
    }

    /// <summary>The longest run ends, its user's next job may run, the best job of all starts, a new one joins its lane.
    /// </summary>
    [Benchmark]
    public int EndStartJoin()
    {
        Job job = _running.Dequeue();
        job.Ticket = 0;
        job.Lane.Owner.Release();
        LaneBoard.SlotFreed(job.Lane.Owner);
        job.Key = new OrderKey(0, ++_sequence);
        LaneBoard.Add(job);
        Start();
        return _running.Count;
    }

    private void Start()
    {
        Lane lane = LaneBoard.FindNext(_types) ?? throw new InvalidOperationException("No lane may run.");
        Job job = lane.Jobs.First;
        job.Ticket = (long)_sequence;
        lane.Owner.Take(job);
        LaneBoard.Remove(job);
        _running.Enqueue(job);
    }

    private Job NewJob(Lane lane) => new() { Lane = lane, Key = new OrderKey(0, ++_sequence) };
}
