using Engine.Core;
using Engine.Storage;

namespace Engine.Runtime;

/// <summary>Makes state of what the journal holds: its newest snapshot, then every frame after it. It decides nothing:
/// what is there happened.</summary>
internal static class Recovery
{
    /// <summary>What was found.</summary>
    /// <param name="Frames">Frames that were read.</param>
    /// <param name="Events">Events in them.</param>
    /// <param name="FrameBytes">Bytes of them, headers included.</param>
    /// <param name="SnapshotSequence">The last frame that the snapshot included, 0 when there was none.</param>
    /// <param name="SnapshotBytes">The size of its state.</param>
    internal readonly record struct Report(
        long Frames, long Events, long FrameBytes = 0, long SnapshotSequence = 0, long SnapshotBytes = 0)
    {
        /// <summary>What people are told, once the runs of the life before were ended.</summary>
        internal RecoveryReport ToReport(long events, TimeSpan duration, LoopContext loop) => new()
        {
            Events = events,
            ReplayedFrames = Frames,
            ReplayedEvents = Events,
            SnapshotSequence = SnapshotSequence,
            SnapshotBytes = SnapshotBytes,
            Duration = duration,
            LostRuns = loop.LostRuns,
            RetriedRuns = loop.RetriedRuns,
            LiveJobs = loop.Core.State.Live.Count,
            EndedJobs = loop.Core.State.Ended.Count,
        };
    }

    /// <summary>Restores an empty core to what it was after the last frame of the journal.</summary>
    /// <exception cref="JournalDamagedException">The journal does not hold together, or holds what this build cannot
    /// read.</exception>
    internal static async ValueTask<Report> ReplayAsync(
        EngineCore core, IJournal journal, JournalOwnership ownership, CancellationToken cancellationToken)
    {
        var report = await LoadAsync(core, journal, cancellationToken).ConfigureAwait(false);
        if (report.SnapshotSequence > ownership.LastSequence)
        {
            throw new JournalDamagedException(
                $"The newest snapshot was taken after frame {report.SnapshotSequence}, and the journal ends with " +
                $"frame {ownership.LastSequence}: frames that were durable are gone.");
        }

        report = await FoldAsync(core, journal, report, ownership.LastSequence, cancellationToken)
            .ConfigureAwait(false);
        core.TeachEstimator();
        return report;
    }

    /// <summary>Restores an empty core from the newest snapshot; without any it stays empty.</summary>
    /// <param name="core">Knows nothing yet.</param>
    /// <param name="journal">Where to look.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal static async ValueTask<Report> LoadAsync(
        EngineCore core, IJournal journal, CancellationToken cancellationToken)
    {
        var snapshot = await journal.LoadSnapshotAsync(cancellationToken).ConfigureAwait(false);
        if (snapshot is null)
        {
            return default;
        }

        var header = SnapshotCodec.Restore(core, snapshot.State);
        return header.Sequence == snapshot.Sequence
            ? new Report(0, 0, 0, snapshot.Sequence, snapshot.State.Length)
            : throw new JournalDamagedException(
                $"The snapshot of frame {snapshot.Sequence} holds the state after frame {header.Sequence}.");
    }

    /// <summary>Applies the frames after those of a report.</summary>
    /// <param name="core">Has applied what <paramref name="report"/> tells of.</param>
    /// <param name="journal">Where to read.</param>
    /// <param name="report">What was applied.</param>
    /// <param name="lastSequence">The last frame to apply.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The report with these frames added to it.</returns>
    internal static async ValueTask<Report> FoldAsync(
        EngineCore core,
        IJournal journal,
        Report report,
        long lastSequence,
        CancellationToken cancellationToken)
    {
        long sequence = report.SnapshotSequence + report.Frames;
        if (sequence < lastSequence)
        {
            var folder = new Folder(core);
            await foreach (var frame in journal.ReadAsync(sequence + 1, cancellationToken).ConfigureAwait(false))
            {
                if (frame.Sequence != sequence + 1)
                {
                    throw new JournalDamagedException(
                        $"Frame {frame.Sequence} was read where frame {sequence + 1} follows.");
                }

                if (sequence + 1 < lastSequence || !Planted.Is(PlantedBug.ReplaySkipsLastFrame))
                {
                    folder.Apply(frame);
                }

                sequence++;
                report = report with
                {
                    Frames = report.Frames + 1,
                    Events = report.Events + frame.EventCount,
                    FrameBytes = report.FrameBytes + FrameCodec.HeaderSize + frame.Payload.Length,
                };

                // Others may be appending: what comes later is not asked for.
                if (sequence == lastSequence)
                {
                    break;
                }
            }
        }

        return sequence == lastSequence
            ? report
            : throw new JournalDamagedException(
                $"The journal says that it ends with frame {lastSequence}, but it could be read only up to frame " +
                $"{sequence}.");
    }

    /// <summary>Applies one frame, without what spares work for whoever applies many (<see cref="Folder"/>).</summary>
    /// <param name="core">The core, after the frame before.</param>
    /// <param name="frame">The frame.</param>
    internal static void Apply(EngineCore core, in JournalFrame frame) => new Folder(core).Apply(frame);
}
