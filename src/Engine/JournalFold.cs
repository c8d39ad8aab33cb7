using System.Globalization;
using Engine.Core;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;

namespace Engine;

/// <summary>Folds a journal into state as a start does, without an engine: for tools that check journals, their
/// snapshots and their copies.</summary>
/// <remarks>Decides nothing, changes nothing that is stored, and answers nothing about single jobs. Not
/// thread-safe.</remarks>
public sealed class JournalFold : IEventSink
{
    private readonly EngineCore _core;
    private readonly Folder _folder;

    /// <summary>Begins with the state of an engine that knows nothing.</summary>
    public JournalFold()
    {
        var settings = EngineSettings.From(new JobEngineOptions());
        _core = new EngineCore(
            settings, new MovingAverageEstimator(), this, isLedger: true, tableSeed: TableSeed.New());
        _folder = new Folder(_core);
    }

    /// <summary>The last frame that the state includes, 0 before the first.</summary>
    public long Sequence { get; private set; }

    /// <summary>How many events led to the state.</summary>
    public long EventCount => _core.State.LastEventId;

    /// <summary>How many jobs the state knows, ended ones included.</summary>
    public int JobCount => _core.State.Jobs.Count;

    bool IEventSink.IsFull => false;

    /// <summary>Begins with the state in a snapshot instead, and checks that it gives the state that was
    /// written.</summary>
    /// <exception cref="JournalDamagedException">It does not, or is of a version that this build does not
    /// know.</exception>
    /// <exception cref="InvalidOperationException">The state is no longer the one of the beginning.</exception>
    public void Restore(JournalSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        if (Sequence != 0)
        {
            throw new InvalidOperationException($"Frames up to {Sequence} are in the state: a snapshot comes first.");
        }

        var header = SnapshotCodec.Restore(_core, snapshot.State);
        if (header.Sequence != snapshot.Sequence)
        {
            throw new JournalDamagedException(
                $"The snapshot of frame {snapshot.Sequence} holds the state after frame {header.Sequence}.");
        }

        Sequence = snapshot.Sequence;
    }

    /// <summary>Adds the events of the next frame.</summary>
    /// <exception cref="JournalDamagedException">It is not the next one, or its events contradict those before or
    /// cannot be read.</exception>
    public void Apply(in JournalFrame frame)
    {
        if (frame.Sequence != Sequence + 1)
        {
            throw new JournalDamagedException($"Frame {frame.Sequence} was read where frame {Sequence + 1} follows.");
        }

        _folder.Apply(frame);
        Sequence = frame.Sequence;
    }

    /// <summary>One number for the whole state: equal for equal states, on every machine that runs this version of the
    /// library. Takes time in proportion to the state.</summary>
    public string ComputeStateHash() => _core.State.ComputeHash().ToString("x16", CultureInfo.InvariantCulture);

    void IEventSink.Recorded(in JobEvent e, Job? job)
    {
    }

    void IEventSink.Forgotten(JobId id)
    {
    }
}
