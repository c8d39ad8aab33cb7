using Engine.Core;
using Engine.Diagnostics;
using Engine.Estimation;
using Engine.Storage;
using Microsoft.Extensions.Logging;

namespace Engine.Runtime;

/// <summary>A snapshot that was taken.</summary>
/// <param name="Sequence">The last frame it includes.</param>
/// <param name="Bytes">The size of its state.</param>
/// <param name="Frames">Frames that were read for it.</param>
/// <param name="Events">Events in them.</param>
/// <param name="Duration">How long it took.</param>
internal readonly record struct SnapshotReport(long Sequence, long Bytes, long Frames, long Events, TimeSpan Duration);

/// <summary>Follows the journal and keeps what a start has to read short: takes snapshots, and lets go of what is older
/// than the last two.</summary>
/// <remarks>
/// <para>It never touches the engine's own state, and the loop never waits for it: it reads what is durable, as a start
/// would. Each time it begins with the newest snapshot, which is thereby proven readable, and correct as far as its
/// digest tells, before anything that it replaces is cut: the log from the older of the two snapshots on always stays.
/// A crash between any two steps leaves one snapshot more, or more of the log, than needed.</para>
/// <para>A snapshot is due when the journal has grown, since the last one, by
/// <see cref="JobEngineOptions.SnapshotJournalBytes"/> and by as much as the last one was large: writing snapshots thus
/// never costs more than writing the journal does, and two snapshots and two such stretches of log bound what is on
/// disk. While it works it holds the state once more in memory, and twice as bytes.</para>
/// <para>No thread and no timer: a thread (<see cref="SnapshotThread"/>) or a simulator calls it, one call at a
/// time.</para>
/// </remarks>
internal sealed class Snapshotter(
    IJournal journal,
    long epoch,
    EngineSettings settings,
    JournalProgress progress,
    Recovery.Report recovered,
    long journalBytes,
    TimeProvider time,
    EngineMetrics metrics,
    ILogger logger)
{
    // At 64 MiB a step, half a GiB: ten seconds of the most that an engine can take in.
    private const int StepsToFallBehind = 8;

    // What the journal had grown by at the start, since its newest snapshot, lies before this life's first byte.
    private long _takenAt = -recovered.FrameBytes;
    private long _lastBytes = recovered.SnapshotBytes;
    private long _notBefore = long.MinValue;

    /// <summary>The value of <see cref="JournalProgress.Bytes"/> at which the next one is due.</summary>
    internal long DueAt => Math.Max(_takenAt + Step, _notBefore);

    /// <summary>Whether a snapshot is due.</summary>
    internal bool IsDue => progress.Bytes >= DueAt;

    /// <summary>Whether the journal has outgrown its snapshots so far that the next one should not rest.</summary>
    internal bool IsBehind => progress.Bytes - _takenAt > StepsToFallBehind * Step;

    /// <summary>Whether one is worth while before the engine ends: it spares the next start as much.</summary>
    internal bool IsDueAtStop => progress.Bytes - _takenAt >= Step / 2;

    private long Step => Math.Max(journalBytes, _lastBytes);

    /// <summary>Takes a snapshot of all that is durable now and cuts what is below the one before. A failure is logged
    /// and counted, and tried again after the journal has grown by a quarter of the usual.</summary>
    /// <returns>What was taken; null when it failed, or there was nothing new.</returns>
    internal async ValueTask<SnapshotReport?> TryTakeAsync(
        CancellationToken cancellationToken, SnapshotPace? pace = null)
    {
        try
        {
            var report = await TakeAsync(cancellationToken, pace).ConfigureAwait(true);
            if (report is { } taken)
            {
                metrics.SnapshotTaken(taken.Bytes);
                logger.SnapshotTaken(
                    taken.Sequence, taken.Bytes, taken.Events, (long)taken.Duration.TotalMilliseconds);
            }

            return report;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception exception)
        {
            // The journal is as sound as it was: should its storage be in doubt, it refuses the next append by itself.
            metrics.SnapshotFailed();
            logger.SnapshotFailed(exception);
            _notBefore = progress.Bytes + Math.Max(1, Step / 4);
            return null;
        }
    }

    /// <summary>Takes a snapshot of all that is durable now and cuts what is below the one before.</summary>
    /// <returns>Null when nothing is new since the last one.</returns>
    /// <exception cref="JournalDamagedException">The newest snapshot, or the log after it, cannot be read: nothing was
    /// changed.</exception>
    internal async ValueTask<SnapshotReport?> TakeAsync(
        CancellationToken cancellationToken, SnapshotPace? pace = null)
    {
        long started = time.GetTimestamp();
        long bytes = progress.Bytes;
        long sequence = progress.Sequence;
        var core = new EngineCore(settings, new MovingAverageEstimator(), NoSink.Instance, isLedger: true);
        var previous = await Recovery.LoadAsync(core, journal, cancellationToken, staysHere: true).ConfigureAwait(true);
        if (previous.SnapshotSequence >= sequence)
        {
            _takenAt = bytes;
            return null;
        }

        var folded = await Recovery
            .FoldAsync(core, journal, previous, sequence, cancellationToken, staysHere: true, pace)
            .ConfigureAwait(true);
        var state = SnapshotCodec.Write(core, sequence, previous.SnapshotBytes + (previous.SnapshotBytes / 4));
        await journal.SaveSnapshotAsync(epoch, sequence, state, cancellationToken).ConfigureAwait(true);
        (_takenAt, _lastBytes) = (bytes, state.Length);
        if (previous.SnapshotSequence > 0)
        {
            await journal
                .TruncateAsync(epoch, previous.SnapshotSequence + 1, cancellationToken)
                .ConfigureAwait(true);
        }

        return new SnapshotReport(sequence, state.Length, folded.Frames, folded.Events, time.GetElapsedTime(started));
    }

    /// <summary>Nobody wants to hear what is folded.</summary>
    private sealed class NoSink : IEventSink
    {
        internal static NoSink Instance { get; } = new();

        public bool IsFull => false;

        public void Recorded(in JobEvent e, Job? job) =>
            throw new InvariantViolationException("A follower decided something.");

        public void Forgotten(JobId id)
        {
        }
    }
}
