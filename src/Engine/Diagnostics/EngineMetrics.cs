using System.Diagnostics.Metrics;

namespace Engine.Diagnostics;

/// <summary>Every instrument of the engine, under the meter "Engine".</summary>
internal sealed class EngineMetrics : IDisposable
{
    private readonly Meter _meter = new("Engine");
    private readonly Counter<long> _events;
    private readonly Counter<long> _commits;
    private readonly UpDownCounter<int> _runs;
    private readonly Counter<long> _snapshots;
    private readonly Counter<long> _failedSnapshots;
    private readonly Histogram<long> _snapshotBytes;
    private readonly UpDownCounter<int> _standbys;
    private readonly Histogram<double> _takeovers;

    internal EngineMetrics()
    {
        _events = _meter.CreateCounter<long>("engine.events", "{event}", "Events appended to the journal");
        _commits = _meter.CreateCounter<long>("engine.commits", "{frame}", "Frames appended to the journal");
        _runs = _meter.CreateUpDownCounter<int>("engine.runs.active", "{run}", "Handlers at work");
        _snapshots = _meter.CreateCounter<long>("engine.snapshots", "{snapshot}", "Snapshots taken");
        _failedSnapshots = _meter.CreateCounter<long>(
            "engine.snapshots.failed", "{snapshot}", "Snapshots that could not be taken");
        _snapshotBytes = _meter.CreateHistogram<long>("engine.snapshots.size", "By", "The size of a snapshot's state");
        _standbys = _meter.CreateUpDownCounter<int>(
            "engine.standby", "{engine}", "1 while another process owns the journal");
        _takeovers = _meter.CreateHistogram<double>(
            "engine.takeover.duration", "s", "From the last time the journal was refused to serving");
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>Shows the lead of the engine's clock and the delay of its journal whenever somebody looks.</summary>
    internal void Observe(ClockLead clock, JournalDelay journal)
    {
        _meter.CreateObservableGauge(
            "engine.clock.lead",
            () => clock.Value.TotalSeconds,
            "s",
            "How far the engine's clock is ahead of the wall clock, which has gone back; what waits for a time waits");
        _meter.CreateObservableGauge(
            "engine.journal.delay",
            () => journal.Value.TotalSeconds,
            "s",
            "For how long something has been waiting for an answer of the journal");
    }

    internal void EventsCommitted(int count)
    {
        _events.Add(count);
        _commits.Add(1);
    }

    internal void SnapshotTaken(long bytes)
    {
        _snapshots.Add(1);
        _snapshotBytes.Record(bytes);
    }

    internal void SnapshotFailed() => _failedSnapshots.Add(1);

    internal void RunBegan() => _runs.Add(1);

    internal void RunEnded() => _runs.Add(-1);

    internal void StandbyBegan() => _standbys.Add(1);

    internal void StandbyEnded() => _standbys.Add(-1);

    internal void TookOver(TimeSpan duration) => _takeovers.Record(duration.TotalSeconds);
}
