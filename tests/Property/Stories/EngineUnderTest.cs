using Engine.Core;
using Engine.Core.Imaging;
using Engine.Diagnostics;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Tests.Stories;

/// <summary>The real core under the real loop, stepped by hand on one thread, with a manual clock.</summary>
internal sealed class EngineUnderTest
{
    private Inbox _inbox = null!;

    internal EngineUnderTest(JobEngineOptions options, ManualTimeProvider time, IJournal journal)
    {
        (Options, Time, Journal) = (options, time, journal);
        Start();
    }

    internal JobEngineOptions Options { get; set; }

    internal ManualTimeProvider Time { get; }

    internal IJournal Journal { get; }

    internal EngineCore Core { get; private set; } = null!;

    internal CommandLoop Loop { get; private set; } = null!;

    internal LiveFeed Feed { get; private set; } = null!;

    internal JournalOwnership? Ownership { get; private set; }

    /// <summary>Runs that were told to stop, and jobs that were forgotten, once that was durable.</summary>
    internal List<RunLease> Stopped { get; } = [];

    internal List<JobId> Forgotten { get; } = [];

    /// <summary>Takes snapshots of this life, when it is told to; due after few bytes.</summary>
    internal Snapshotter Snapshotter { get; private set; } = null!;

    internal static ManualTimeProvider NewClock() => new(new DateTimeOffset(2030, 6, 15, 22, 30, 0, TimeSpan.Zero));

    /// <summary>Whether each start finds a snapshot, taken from the frames that were there when the one before
    /// ended.</summary>
    internal bool TakesSnapshots { get; set; }

    /// <summary>Starts as a process does: own the journal, replay it. The first step then ends the runs of the one
    /// before.</summary>
    internal void Start()
    {
        var writer = new BatchWriter();
        Core = new EngineCore(EngineSettings.From(Options), new MovingAverageEstimator(), writer);
        if (TakesSnapshots && Ownership is { } ended && Frames() is { Count: > 0 } frames)
        {
            Done(Journal.SaveSnapshotAsync(
                ended.Epoch, frames[^1].Sequence, SnapshotCodec.Write(Replayed(), frames[^1].Sequence)));
        }

        Ownership = Done(Journal.AcquireAsync());
        var found = Done(Recovery.ReplayAsync(Core, Journal, Ownership, default));
        var progress = new JournalProgress(Ownership.LastSequence);
        var metrics = new EngineMetrics();
        Snapshotter = new Snapshotter(
            Journal,
            Ownership.Epoch,
            EngineSettings.From(Options),
            _ => Image(),
            progress,
            found,
            journalBytes: 500,
            Time,
            metrics,
            NullLogger.Instance)
        {
            GrowthPerByte = 1,
        };
        _inbox = new Inbox(65_536);
        Feed = new LiveFeed();
        Feed.StartAfter(Core.State.LastEventId);
        writer.Batch.Forgotten.Clear();
        Loop = new CommandLoop(
            Core, writer, new LoopContext(Core, Feed), _inbox, Journal, Ownership, Time, metrics, NullLogger.Instance)
        {
            Progress = progress,
            StopRun = Stopped.Add,
            Forget = Forgotten.AddRange,
        };
    }

    internal void Post(Operation operation) => Done(_inbox.WriteAsync(operation, default));

    internal FuncOperation<T> Post<T>(Func<EngineCore, T> decide)
    {
        var operation = new FuncOperation<T>(loop => decide(loop.Core));
        Post(operation);
        return operation;
    }

    /// <summary>Steps until there is nothing left to do.</summary>
    internal void Run()
    {
        // A loop that never rests is a bug of its own (V6).
        for (int steps = 0; Loop.Step() || Loop.HasWork; steps++)
        {
            Assert.True(steps < 1000, "The loop does not come to rest.");
        }

        if (Loop.Failure is { } failure)
        {
            throw new InvalidOperationException($"The loop failed: {failure.Message}", failure);
        }
    }

    private ValueTask<StateImage> Image()
    {
        var operation = new ImageOperation();
        var answer = operation.Task;
        Post(operation);
        Run();
        return new ValueTask<StateImage>(Done(answer).ToImage());
    }

    internal List<JournalFrame> Frames()
    {
        var frames = new List<JournalFrame>();
        var reader = Journal.ReadAsync(1).GetAsyncEnumerator();
        while (Done(reader.MoveNextAsync()))
        {
            frames.Add(reader.Current);
        }

        return frames;
    }

    /// <summary>A fresh core that knows nothing but the frames.</summary>
    internal EngineCore Replayed()
    {
        var core = NewCore();
        foreach (var frame in Frames())
        {
            Recovery.Apply(core, frame);
        }

        core.TeachEstimator();
        return core;
    }

    /// <summary>A core that knows nothing yet, with the settings in force.</summary>
    internal EngineCore NewCore() =>
        new(EngineSettings.From(Options), new MovingAverageEstimator(), new BatchWriter());

    /// <summary>The result of something that must have completed already: there is only this thread.</summary>
    internal static T Done<T>(ValueTask<T> task)
    {
        Assert.True(task.IsCompleted, "This should have been answered.");
        return task.GetAwaiter().GetResult();
    }

    internal static void Done(ValueTask task)
    {
        Assert.True(task.IsCompleted, "This should have been done.");
        task.GetAwaiter().GetResult();
    }
}
