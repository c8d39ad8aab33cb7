using Engine.Core;
using Engine.Estimation;

namespace Engine.Simulation.Audit;

/// <summary>Folds facts as they were decided, without a journal, a codec or a snapshot in between.</summary>
internal sealed class Refold : IEventSink
{
    private readonly EngineCore _core;

    internal Refold() => _core = new EngineCore(
        EngineSettings.From(new JobEngineOptions()), new MovingAverageEstimator(), this, isLedger: true);

    /// <summary>How many facts are in it.</summary>
    internal long EventCount => _core.State.LastEventId;

    bool IEventSink.IsFull => false;

    internal void Apply(in JobEvent e, long instantMs)
    {
        var fact = e;

        // What another core had at hand.
        (fact.KnownJob, fact.KnownLane) = (null, null);
        _core.AdvanceTo(new Instant(instantMs), 0);
        _core.Apply(fact);
    }

    internal ulong ComputeHash() => _core.State.ComputeHash();

    void IEventSink.Recorded(in JobEvent e, Job? job)
    {
    }

    void IEventSink.Forgotten(JobId id)
    {
    }
}
