using System.Runtime.CompilerServices;
using Engine.Core;
using Engine.Storage;

namespace Engine.Runtime;

/// <summary>Applies frames to a core, one after the other: what a start and a snapshot do with millions of
/// events.</summary>
/// <remarks>Events are read a few at a time, so that the jobs and lanes they are about can be on their way before each is
/// applied; they are applied one by one, in order.</remarks>
/// <param name="core">The core, after the frame before the first.</param>
/// <param name="lanes">What spares the reading of names, for whoever applies many frames to one core.</param>
internal sealed class Folder(EngineCore core, KnownLanes? lanes)
{
    private const int GroupSize = 16;

    /// <summary>Applies the next frame.</summary>
    /// <exception cref="JournalDamagedException">It holds what this build cannot read, or contradicts those
    /// before.</exception>
    internal void Apply(in JournalFrame frame)
    {
        core.AdvanceTo(new Instant(frame.InstantMs), 0);
        var payload = frame.Payload.Span;
        var reader = new ByteReader(payload);
        var group = default(Group);
        Span<int> starts = stackalloc int[GroupSize];
        for (int done = 0; done < frame.EventCount;)
        {
            int count = Math.Min(GroupSize, frame.EventCount - done);
            for (int i = 0; i < count; i++)
            {
                starts[i] = payload.Length - reader.Remaining;
                EventCodec.Read(ref reader, out group[i], lanes, out _);
                Locate(group[i]);
            }

            for (int i = 0; i < count; i++)
            {
                Meet(ref group[i]);
            }

            for (int i = 0; i < count; i++)
            {
                Visit(group[i]);
            }

            for (int i = 0; i < count; i++)
            {
                Apply(ref group[i], payload[starts[i]..], frame.Sequence, done + i + 1);
            }

            done += count;
        }

        if (reader.Remaining > 0)
        {
            throw new JournalDamagedException(
                $"Frame {frame.Sequence} has {reader.Remaining} bytes more than its {frame.EventCount} events.");
        }
    }

    private void Locate(in JobEvent e)
    {
        core.State.Jobs.Prefetch(e.JobId);
        Prefetch.Object(e.KnownLane, lines: 3);
    }

    private void Meet(ref JobEvent e)
    {
        if (e.Kind == EventKind.JobSubmitted)
        {
            Prefetch.Object(e.KnownLane?.Owner, lines: 3);
        }
        else if (core.State.Jobs.TryGetValue(e.JobId, out var job))
        {
            e.KnownJob = job;
            Prefetch.Object(job, lines: 5);
        }
    }

    private static void Visit(in JobEvent e)
    {
        Prefetch.Object(e.KnownLane?.Owner.NewestJob, lines: 2);
        Prefetch.Object(e.KnownJob?.Lane, lines: 2);
    }

    private void Apply(ref JobEvent e, ReadOnlySpan<byte> bytes, long sequence, int number)
    {
        ReadOnlySpan<byte> names = default;
        if (e.Kind == EventKind.JobSubmitted && e.KnownLane is not { References: > 0 })
        {
            // Not known yet, or forgotten by an event of this group.
            var again = new ByteReader(bytes);
            EventCodec.Read(ref again, out e, lanes, out names);
        }
        else if (e.KnownJob is { } met && (met.Id != e.JobId || met.State == JobState.None))
        {
            // Forgotten meanwhile: it is another by now, or nobody. A job of that id may have come since; if none has,
            // a sound journal has no events about it, and the core will say so.
            e.KnownJob = null;
        }

        try
        {
            var job = core.Apply(e);
            if (!names.IsEmpty)
            {
                lanes!.Remember(names, job!.Lane);
            }
        }
        catch (InvariantViolationException exception)
        {
            throw new JournalDamagedException(
                $"Event {number} of frame {sequence} ({e.Kind}, job {e.JobId}) contradicts those before it.", exception);
        }
    }

    [InlineArray(GroupSize)]
    private struct Group
    {
        private JobEvent _first;
    }
}
