using Engine.Simulation.Storage.Disk;
using Engine.Storage.Faster.Log;

namespace Engine.Simulation.Storage.Faster;

/// <summary>What the embedded journal runs on in a simulation: no threads, the world's time.</summary>
/// <remarks>Work runs through at once and is dated by the timeline; its outcome is told at the instant at which it
/// ends.
/// Work that would run beside a commit begins after the commit under way, whose effects in memory it would otherwise
/// see
/// too early; later commits go on beside it.</remarks>
internal sealed class SimulatedRuntime(Timeline timeline, SimulatedProcess process, RandomStream? random)
    : JournalRuntime
{
    private readonly List<SimulatedCommitter> _committers = [];
    private ulong _nonces;

    internal override Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        T? result = default;
        Exception? error = null;
        long start = _committers.Aggregate(timeline.Now, (latest, committer) => Math.Max(latest, committer.BusyUntil));
        long end = timeline.Run(
            start,
            () =>
            {
                try
                {
                    result = work();
                }
                catch (Exception thrown)
                {
                    error = thrown;
                }
            });
        var completion = new TaskCompletionSource<T>();
        process.At(end, Complete);
        return completion.Task;

        void Complete()
        {
            if (error is null)
            {
                completion.SetResult(result!);
            }
            else
            {
                completion.SetException(error);
            }
        }
    }

    internal override ISideWork Start(Action work) => new SideSpan(timeline, timeline.Run(timeline.Now, work));

    internal override Committer CreateCommitter(CommitWork work)
    {
        var committer = new SimulatedCommitter(work, timeline, process);
        _committers.Add(committer);
        return committer;
    }

    internal override IPageRing CreateRing(SegmentDevice device, int pageBytes, int segmentBytes, long start) =>
        new ModelRing(device, pageBytes, start);

    internal override Guid NewNonce()
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, random?.Next() ?? ++_nonces);
        BitConverter.TryWriteBytes(bytes[8..], random?.Next() ?? ulong.MaxValue);
        return new Guid(bytes);
    }

    private sealed class SideSpan(Timeline timeline, long end) : ISideWork
    {
        public bool IsCompleted => timeline.Now >= end;

        public void Wait() => timeline.WaitUntil(end);
    }
}
