using Engine.Core;
using Engine.Core.Rules;
using Engine.Storage;

namespace Engine.Runtime;

/// <summary>Writes down what the core decides: bytes for the journal, updates for those who watch, runs to stop.</summary>
internal sealed class BatchWriter : IEventSink
{
    /// <summary>The batch under way.</summary>
    internal Batch Batch { get; set; } = new();

    public bool IsFull => Batch.Frame.Length >= Runtime.Batch.SoftFrameSize;

    public void Recorded(in JobEvent e, Job? job)
    {
        EventCodec.Write(e, ref Batch.Frame);
        Batch.EventCount++;
        if (job is null || e.Kind == EventKind.AnswerKept)
        {
            return;
        }

        var kind = e.Kind switch
        {
            EventKind.ProgressReported => JobUpdateKind.Progress,
            EventKind.IterationStarted => JobUpdateKind.Iteration,
            _ => JobUpdateKind.Status,
        };
        var (status, label) = Viewing.StatusOf(job);
        Batch.Updates.Add(new JobUpdate(
            job.LastEventId,
            job.Id,
            kind,
            job.State,
            status,
            label,
            job.Details?.Message ?? "",
            Batch.At,
            kind == JobUpdateKind.Progress ? job.Progress : kind == JobUpdateKind.Iteration ? job.IterationsUsed : 0));

        if (e.Kind == EventKind.CancelRequested || (e.Kind == EventKind.RunEnded && e.End == RunEnd.Lost))
        {
            Batch.RunsToStop.Add(job.Lease);
        }
    }

    public void Forgotten(JobId id) => Batch.Forgotten.Add(id);
}
