using Engine.Core;
using Engine.Storage;

namespace Engine.Runtime;

/// <summary>Folds the journal into state. It decides nothing: what is there happened.</summary>
internal static class Recovery
{
    /// <summary>What was found.</summary>
    internal readonly record struct Report(long Frames, long Events);

    /// <summary>Applies every event of the journal to an empty core.</summary>
    /// <exception cref="JournalDamagedException">The journal does not hold together, or holds what this build cannot read.</exception>
    internal static async ValueTask<Report> ReplayAsync(
        EngineCore core, IJournal journal, JournalOwnership ownership, CancellationToken cancellationToken)
    {
        long frames = 0;
        long events = 0;
        if (ownership.LastSequence > 0)
        {
            await foreach (var frame in journal.ReadAsync(1, cancellationToken).ConfigureAwait(false))
            {
                if (frame.Sequence != frames + 1)
                {
                    throw new JournalDamagedException(
                        $"Frame {frame.Sequence} was read where frame {frames + 1} follows.");
                }

                Apply(core, frame);
                frames++;
                events += frame.EventCount;
            }
        }

        return frames == ownership.LastSequence
            ? new Report(frames, events)
            : throw new JournalDamagedException(
                $"The journal says that it ends with frame {ownership.LastSequence}, but only {frames} could be read.");
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
