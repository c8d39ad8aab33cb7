using System.Buffers;
using Engine.Core;
using Engine.Storage;

namespace Engine.Simulation.Audit;

/// <summary>A promise that was broken.</summary>
/// <param name="Invariant">Which, by its id in the reliability reference.</param>
/// <param name="Message">What was seen.</param>
/// <param name="Step">The event of the world at which it was seen.</param>
/// <param name="At">When that was.</param>
internal sealed record Finding(string Invariant, string Message, long Step, TimeSpan At);

/// <summary>What one simulation knows for sure, over all lives of its engine: what was decided, what is durable, what
/// was
/// acknowledged, and the first thing that did not fit.</summary>
internal sealed class Inquest(World world, Sometimes sometimes)
{
    private readonly List<JobEvent> _events = [];
    private readonly List<long> _instants = [];
    private readonly List<JobRequest?> _asked = [];
    private readonly SortedSet<long> _snapshots = [];
    private Refold _refold = new();
    private long _ackedAt;
    private readonly List<(uint Checksum, long Events, long InstantMs)> _frames = [];

    internal World World { get; } = world;

    internal Sometimes Sometimes { get; } = sometimes;

    internal Ledger Ledger { get; } = new();

    /// <summary>Where every fact is written down for people, or null.</summary>
    internal TextWriter? Trace { get; init; }

    /// <summary>The first finding; what follows one proves nothing.</summary>
    internal Finding? Finding { get; private set; }

    /// <summary>Events that were decided in the line that storage keeps.</summary>
    internal long EventCount => _events.Count;

    /// <summary>Events in frames that were handed to the storage.</summary>
    internal long EventsHandedOver => _frames.Count == 0 ? 0 : _frames[^1].Events;

    /// <summary>The last frame that an append acknowledged.</summary>
    internal long AckedSequence { get; private set; }

    /// <summary>The last frame that a journal with a single copy can prove it had: acknowledged before the last commit,
    /// or recorded since.</summary>
    internal long ProvenSequence { get; private set; }

    /// <summary>Why what callers were told is no longer held against the engine, or null: storage lost what it had
    /// promised to keep, in a way that no journal on it can undo.</summary>
    internal string? Excuse { get; private set; }

    /// <summary>The story ends here, without a finding: the engine has refused to go on, or its past was
    /// excused.</summary>
    internal bool IsOver { get; private set; }

    /// <summary>Events in frames up to it.</summary>
    internal long DurableEvents => AckedSequence == 0 ? 0 : _frames[(int)AckedSequence - 1].Events;

    /// <summary>Completions and other words under a lease that was over: all of them were refused.</summary>
    internal long StaleRefused { get; set; }

    internal long LastSequence => _frames.Count;

    internal void Fail(string invariant, string message)
    {
        if (!IsOver)
        {
            Finding ??= new Finding(invariant, message.ReplaceLineEndings(" "), World.Steps, World.Elapsed);
        }
    }

    internal void Decided(in JobEvent e, long instantMs, JobRequest? asked)
    {
        _events.Add(e);
        _instants.Add(instantMs);
        _asked.Add(asked);
    }

    internal void HandedOver(long sequence, uint checksum, long events, long instantMs)
    {
        if (sequence != _frames.Count + 1)
        {
            Fail("D2", $"Frame {sequence} was appended after frame {_frames.Count}.");
            return;
        }

        _frames.Add((checksum, events, instantMs));

        // Every byte of every fact.
        World.Note(checksum);
    }

    internal void Acknowledged(long sequence)
    {
        if (_ackedAt != World.Steps)
        {
            // A commit is answered in one event.
            (_ackedAt, ProvenSequence) = (World.Steps, AckedSequence);
        }

        AckedSequence = Math.Max(AckedSequence, sequence);
    }

    /// <summary>The journal has recorded that it is durable up to a frame.</summary>
    internal void Proven(long sequence) => ProvenSequence = Math.Max(ProvenSequence, sequence);

    internal void EndEarly() => IsOver = true;

    /// <summary>A life begins: what it finds is compared with what was written (D1, D2).</summary>
    /// <param name="lastSequence">The last frame that it finds.</param>
    /// <param name="lastChecksum">Its checksum.</param>
    /// <param name="kept">The frame before which the journal must not end: the last acknowledged one, unless the
    /// storage lost more than any journal on it could notice.</param>
    internal void Found(long lastSequence, uint lastChecksum, long kept)
    {
        if (lastSequence < AckedSequence && lastSequence >= kept)
        {
            Excuse = $"frames up to {AckedSequence} were acknowledged, the storage kept those up to {lastSequence}";
            AckedSequence = lastSequence;
        }

        if (lastSequence < AckedSequence)
        {
            Fail("D1", $"Frames up to {AckedSequence} were acknowledged; the journal ends with frame {lastSequence}.");
        }
        else if (lastSequence > _frames.Count)
        {
            Fail("D2", $"The journal ends with frame {lastSequence}; only {_frames.Count} were ever appended.");
        }
        else if (lastSequence > 0)
        {
            FoundFrame(lastSequence, lastChecksum);
        }

        if (Finding is not null)
        {
            return;
        }

        bool lost = lastSequence < _frames.Count;
        if (lastSequence > AckedSequence)
        {
            Sometimes.Saw(Corner.UnansweredButDone);
        }

        if (lost || _events.Count > EventsHandedOver)
        {
            Sometimes.Saw(Corner.UnansweredAndUndone);
        }

        _frames.RemoveRange((int)lastSequence, (int)(_frames.Count - lastSequence));
        int events = (int)EventsHandedOver;
        _events.RemoveRange(events, _events.Count - events);
        _instants.RemoveRange(events, _instants.Count - events);
        _asked.RemoveRange(events, _asked.Count - events);
        AckedSequence = ProvenSequence = lastSequence;
    }

    internal void FoundFrame(long sequence, uint checksum)
    {
        if (sequence < 1 || sequence > _frames.Count || _frames[(int)sequence - 1].Checksum != checksum)
        {
            Fail("D2",
                $"Frame {sequence} was read back with another checksum ({checksum:x8}) than it was appended with.");
        }
    }

    /// <summary>A snapshot is about to be kept: all of it is durable (D3), and it shows what the facts up to its frame
    /// give (D4).</summary>
    internal void Snapshot(long sequence, in ReadOnlySequence<byte> state)
    {
        if (sequence > AckedSequence)
        {
            Fail("D3", $"A snapshot shows frame {sequence}; frames up to {AckedSequence} are durable.");
        }
        else if (SnapshotCodec.ReadHeader(state).StateHash != HashAfter(sequence))
        {
            Fail("D4", $"The snapshot of frame {sequence} shows another state than the facts up to it give.");
        }
    }

    /// <summary>There is a snapshot of a frame.</summary>
    internal void SnapshotKept(long sequence) => _snapshots.Add(sequence);

    /// <summary>The log is about to be cut: from the older of the newest two snapshots on it stays (D6).</summary>
    internal void Cut(long belowSequence)
    {
        if (_snapshots.Count < 2 || belowSequence - 1 > _snapshots.Reverse().ElementAt(1))
        {
            Fail("D6", $"The log is cut below {belowSequence}; the snapshots are {string.Join(", ", _snapshots)}.");
        }

        Sometimes.Saw(Corner.LogCut);
    }

    /// <summary>The digest of the state that the facts up to a durable frame give, folded one by one by a core that has
    /// seen neither journal nor snapshot (D4).</summary>
    internal ulong HashAfter(long sequence)
    {
        long events = sequence == 0 ? 0 : _frames[(int)sequence - 1].Events;
        if (_refold.EventCount > events)
        {
            // Storage lost, in a way that is excused, what was in it.
            _refold = new Refold();
        }

        for (int i = (int)_refold.EventCount; i < events; i++)
        {
            _refold.Apply(_events[i], _instants[i]);
        }

        return _refold.ComputeHash();
    }

    /// <summary>What the durable events say, told anew from the first.</summary>
    internal Model Retell(JobEngineOptions options)
    {
        var model = new Model(options);
        for (int i = 0; i < _events.Count; i++)
        {
            model.NowMs = _instants[i];
            model.Apply(_events[i], i + 1, _asked[i]);
        }

        if (_frames.Count > 0)
        {
            model.NowMs = _frames[^1].InstantMs;
        }

        foreach (var answer in model.Answers.Values)
        {
            answer.IsFromBefore = true;
        }

        return model;
    }
}
