using Engine.Core;
using Engine.Core.Imaging;
using Engine.Diagnostics;
using Engine.Storage;
using Microsoft.Extensions.Logging;

namespace Engine.Runtime;

/// <summary>A snapshot that was taken.</summary>
/// <param name="Sequence">The last frame it includes.</param>
/// <param name="Bytes">The size of its state.</param>
/// <param name="Events">Events that the one before did not include.</param>
/// <param name="Duration">How long it took.</param>
internal readonly record struct SnapshotReport(long Sequence, long Bytes, long Events, TimeSpan Duration);

/// <summary>Keeps what a start has to read short: takes snapshots, and lets go of what is older than the last
/// two.</summary>
/// <remarks>
/// <para>The loop copies its state piece by piece between batches (<see cref="ImageTaker"/>), and waits for nothing
/// here: to encode, to check, to write and to read back is this one's business. What is written is durable in the
/// journal already, and a snapshot that would not give the very state that was copied is never written (D4). The one
/// before is read, and its checksum computed, before anything that it replaces is cut: the log from the older of the
/// two snapshots on always stays. A crash between any two steps leaves one snapshot more, or more of the log, than
/// needed.</para>
/// <para>A snapshot is due when the journal has grown, since the last one, by
/// <see cref="JobEngineOptions.SnapshotJournalBytes"/> and by four times as much as the last one was large: taking them
/// thus never costs much beside the journal itself, and two snapshots and two such stretches of log bound what is on
/// disk. While it works it holds the jobs once more in memory, mostly where the collector does not look, then their
/// bytes.</para>
/// <para>No thread and no timer: a thread (<see cref="SnapshotThread"/>) or a simulator calls it, one call at a
/// time.</para>
/// </remarks>
/// <param name="journal">Where snapshots go.</param>
/// <param name="epoch">Its owner's.</param>
/// <param name="settings">The settings that snapshots are checked under.</param>
/// <param name="images">Takes an image of the state; every event in it is durable.</param>
/// <param name="progress">How far the journal is durable.</param>
/// <param name="recovered">What was found at the start.</param>
/// <param name="journalBytes">How much the journal grows from one to the next, in bytes.</param>
/// <param name="time">The clock.</param>
/// <param name="metrics">Told of each.</param>
/// <param name="logger">Told of each.</param>
internal sealed class Snapshotter(
    IJournal journal,
    long epoch,
    EngineSettings settings,
    Func<CancellationToken, ValueTask<StateImage>> images,
    JournalProgress progress,
    Recovery.Report recovered,
    long journalBytes,
    TimeProvider time,
    EngineMetrics metrics,
    ILogger logger)
{
    // What the journal had grown by at the start, since its newest snapshot, lies before this life's first byte.
    private long _takenAt = -recovered.FrameBytes;
    private long _lastBytes = recovered.SnapshotBytes;
    private long _notBefore = long.MinValue;

    /// <summary>How much the journal grows for each byte of the last snapshot. What a snapshot costs for a job that is kept
    /// is as much as some events cost: there should be more of those.</summary>
    internal required int GrowthPerByte { get; init; }

    /// <summary>The value of <see cref="JournalProgress.Bytes"/> at which the next one is due.</summary>
    internal long DueAt => Math.Max(_takenAt + Step, _notBefore);

    /// <summary>Whether a snapshot is due.</summary>
    internal bool IsDue => progress.Bytes >= DueAt;

    /// <summary>Whether one is worth while before the engine ends: it spares the next start as much.</summary>
    internal bool IsDueAtStop => progress.Bytes - _takenAt >= Step / 2;

    private long Step => Math.Max(journalBytes, GrowthPerByte * _lastBytes);

    /// <summary>Takes a snapshot of all that is durable now and cuts what is below the one before. A failure is logged
    /// and counted, and tried again after the journal has grown by a quarter of the usual.</summary>
    /// <returns>What was taken; null when it failed, or there was nothing new.</returns>
    internal async ValueTask<SnapshotReport?> TryTakeAsync(CancellationToken cancellationToken)
    {
        try
        {
            var report = await TakeAsync(cancellationToken).ConfigureAwait(true);
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
        catch (EngineStoppedException)
        {
            // It ended meanwhile, and says why by itself.
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
    /// <exception cref="JournalDamagedException">The newest snapshot cannot be read: nothing was changed.</exception>
    /// <exception cref="EngineStoppedException">The engine ended before its state was copied.</exception>
    internal async ValueTask<SnapshotReport?> TakeAsync(CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        long bytes = progress.Bytes;
        var before = await ReadNewestAsync(cancellationToken).ConfigureAwait(true);
        if (before.Sequence >= progress.Sequence)
        {
            _takenAt = bytes;
            return null;
        }

        using var image = await images(cancellationToken).ConfigureAwait(true);
        cancellationToken.ThrowIfCancellationRequested();
        var state = SnapshotCodec.Write(image);
        image.Dispose();
        SnapshotCodec.Check(settings, state);
        await journal.SaveSnapshotAsync(epoch, image.Sequence, state, cancellationToken).ConfigureAwait(true);
        (_takenAt, _lastBytes) = (bytes, state.Length);
        if (before.Sequence > 0)
        {
            long last = Planted.Is(PlantedBug.LogCutTooFar) ? image.Sequence : before.Sequence;
            await journal.TruncateAsync(epoch, last + 1, cancellationToken).ConfigureAwait(true);
        }

        return new SnapshotReport(
            image.Sequence, state.Length, image.LastEventId - before.Events, time.GetElapsedTime(started));
    }

    private async ValueTask<SnapshotHeader> ReadNewestAsync(CancellationToken cancellationToken)
    {
        var newest = await journal.LoadSnapshotAsync(cancellationToken).ConfigureAwait(true);
        return newest is null ? default : SnapshotCodec.ReadHeader(newest.State);
    }
}
