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
        long Frames, long Events, long FrameBytes = 0, long SnapshotSequence = 0, long SnapshotBytes = 0);

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
                $"The newest snapshot was taken after frame {report.SnapshotSequence}, and the journal ends with frame " +
                $"{ownership.LastSequence}: frames that were durable are gone.");
        }

        report = await FoldAsync(core, journal, report, ownership.LastSequence, cancellationToken).ConfigureAwait(false);
        core.TeachEstimator();
        return report;
    }

    /// <summary>Restores an empty core from the newest snapshot; without any it stays empty.</summary>
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

    /// <summary>Applies the frames after those of <paramref name="report"/> up to <paramref name="lastSequence"/>, and
    /// adds them to it.</summary>
    internal static async ValueTask<Report> FoldAsync(
        EngineCore core, IJournal journal, Report report, long lastSequence, CancellationToken cancellationToken)
    {
        long sequence = report.SnapshotSequence + report.Frames;
        if (sequence < lastSequence)
        {
            await foreach (var frame in journal.ReadAsync(sequence + 1, cancellationToken).ConfigureAwait(false))
            {
                if (frame.Sequence != sequence + 1)
                {
                    throw new JournalDamagedException(
                        $"Frame {frame.Sequence} was read where frame {sequence + 1} follows.");
                }

                Apply(core, frame);
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

    internal static void Apply(EngineCore core, in JournalFrame frame)
    {
        core.AdvanceTo(new Instant(frame.InstantMs), 0);
        var reader = new ByteReader(frame.Payload.Span);
        for (int i = 0; i < frame.EventCount; i++)
        {
            EventCodec.Read(ref reader, out var e);
            try
            {
                core.Apply(e);
            }
            catch (InvariantViolationException exception)
            {
                throw new JournalDamagedException(
                    $"Event {i + 1} of frame {frame.Sequence} ({e.Kind}, job {e.JobId}) contradicts the events before it.",
                    exception);
            }
        }

        if (reader.Remaining > 0)
        {
            throw new JournalDamagedException(
                $"Frame {frame.Sequence} has {reader.Remaining} bytes more than its {frame.EventCount} events.");
        }
    }
}
