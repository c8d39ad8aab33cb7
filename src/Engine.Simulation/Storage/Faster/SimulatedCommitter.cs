using Engine.Simulation.Storage.Disk;
using Engine.Storage;
using Engine.Storage.Faster.Log;

namespace Engine.Simulation.Storage.Faster;

/// <summary>The committer in virtual time: while a batch is being synced the next one gathers, as on its
/// thread.</summary>
internal sealed class SimulatedCommitter(CommitWork work, Timeline timeline, SimulatedProcess process)
    : Committer(work, continuesElsewhere: false)
{
    private readonly Stack<List<AppendOperation>> _spare = new();
    private bool _running;
    private bool _stopping;

    /// <summary>When the commit under way ends.</summary>
    internal long BusyUntil { get; private set; }

    internal override ValueTask<AppendResult> Enqueue(
        long epoch, long firstSequence, (long Sequence, uint Checksum) end, ReadOnlyMemory<byte> frames)
    {
        var operation = Begin(epoch, firstSequence, end, frames);
        var task = operation.Task;
        if (_stopping)
        {
            operation.Complete(new AppendResult(AppendStatus.Unknown, "the journal is closed"));
            return task;
        }

        Add(operation);
        if (!_running)
        {
            // An event of its own even if it is at once: whoever appends goes on first, as beside a thread.
            _running = true;
            process.At(timeline.Now, GoOn);
        }

        return task;
    }

    internal override void Drain()
    {
        timeline.WaitUntil(BusyUntil);
        while (HasWaiting)
        {
            CommitNext(timeline.Now, null);
            timeline.WaitUntil(BusyUntil);
        }
    }

    public override void Dispose()
    {
        _stopping = true;
        Drain();
    }

    private void GoOn()
    {
        if (HasWaiting)
        {
            CommitNext(Math.Max(timeline.Now, BusyUntil), GoOn);
        }
        else
        {
            _running = false;
        }
    }

    private void CommitNext(long start, Action? then)
    {
        var batch = _spare.TryPop(out var spare) ? spare : [];
        TakeBatch(batch);
        AppendResult answer = default;
        BusyUntil = timeline.Run(start, () => answer = Commit(batch));
        process.At(
            BusyUntil,
            () =>
            {
                Answer(batch, answer);
                _spare.Push(batch);
                then?.Invoke();
            });
    }
}
