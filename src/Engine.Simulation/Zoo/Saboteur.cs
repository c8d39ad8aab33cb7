using Engine.Core;
using Engine.Runtime;

namespace Engine.Simulation;

/// <summary>Hands the facts of the core on to the journal; where a bug is planted, not all of them, or not in
/// time.</summary>
internal sealed class Saboteur(BatchWriter writer)
{
    private JobEvent? _late;
    private Batch? _lateBatch;

    internal void Write(in JobEvent e, Job? job)
    {
        if (_late is { } late && !ReferenceEquals(writer.Batch, _lateBatch))
        {
            _late = null;
            writer.Recorded(late, null);
        }

        switch (Planted.Bug)
        {
            case PlantedBug.RetryInSecondFrame when e is { Kind: EventKind.RunEnded, End: RunEnd.Failed }
                && _late is null:
                _late = e;
                _lateBatch = writer.Batch;
                return;
            case PlantedBug.CancelRequestNotJournaled when e.Kind == EventKind.CancelRequested:
                return;
            case PlantedBug.KeyForgottenAtRestart when e.Kind == EventKind.AnswerKept:
                return;
            case PlantedBug.ErrorNotJournaled when e.Error is not null:
                var without = e;
                without.Error = null;
                writer.Recorded(without, job);
                return;
            default:
                writer.Recorded(e, job);
                return;
        }
    }
}
