using System.Runtime.CompilerServices;
using Engine.Core;
using Engine.Storage;

namespace Engine.Runtime;

/// <summary>Writes down what the core decides: bytes for the journal, updates for those who watch, runs to stop.</summary>
internal sealed class BatchWriter : IEventSink
{
    /// <summary>The batch under way.</summary>
    internal Batch Batch { get; set; } = new();

    /// <summary>The size of the frame, in bytes with its header, at which the batch is full.</summary>
    internal int FullAt { get; init; } = Runtime.Batch.SoftFrameSize;

    public bool IsFull => Batch.Frame.Length >= FullAt;

    public void Recorded(in JobEvent e, Job? job)
    {
        var batch = Batch;
        EventCodec.Write(e, ref batch.Frame);
        batch.EventCount++;
        if (job is null || e.Kind == EventKind.AnswerKept)
        {
            return;
        }

        var kind = JobUpdateKind.Status;
        int value = 0;
        if (e.Kind == EventKind.ProgressReported)
        {
            (kind, value) = (JobUpdateKind.Progress, job.Progress);
        }
        else if (e.Kind == EventKind.IterationStarted)
        {
            (kind, value) = (JobUpdateKind.Iteration, job.IterationsUsed);
        }
        else if (e.Kind == EventKind.CancelRequested || (e.Kind == EventKind.RunEnded && e.End == RunEnd.Lost))
        {
            StopRun(batch, job);
        }

        ref var update = ref batch.Updates.Add(job.Details?.Message);
        update.EventId = job.LastEventId;
        update.JobId = job.Id;
        update.Value = value;
        update.Became(job.Type.Statuses.NumberOf(job), kind);
    }

    public void Forgotten(JobId id) => Batch.Forgotten.Add(id);

    // Rare and large: inlined, it would cost every event.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StopRun(Batch batch, Job job) => batch.RunsToStop.Add(job.Lease);
}
