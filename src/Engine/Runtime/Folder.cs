using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Engine.Core;
using Engine.Core.Scheduling;
using Engine.Storage;

namespace Engine.Runtime;

/// <summary>Applies frames to a core, one after the other: what a start and a snapshot do with millions of
/// events.</summary>
/// <remarks>Events are read a few at a time, so that the jobs and lanes they are about can be on their way before each is
/// applied; they are applied one by one, in order.</remarks>
/// <param name="core">The core, after the frame before the first.</param>
internal sealed class Folder(EngineCore core)
{
    private const int GroupSize = 16;

    private readonly LaneMemo _lanes = new();

    /// <summary>Applies the next frame.</summary>
    /// <exception cref="JournalDamagedException">It holds what this build cannot read, or contradicts those
    /// before.</exception>
    internal void Apply(in JournalFrame frame)
    {
        core.AdvanceTo(new Instant(frame.InstantMs), 0);
        var payload = frame.Payload.Span;
        var reader = new ByteReader(payload);
        var group = default(Group);
        for (int done = 0; done < frame.EventCount;)
        {
            int count = Math.Min(GroupSize, frame.EventCount - done);
            for (int i = 0; i < count; i++)
            {
                Read(ref reader, ref group[i], payload);
            }

            for (int i = 0; i < count; i++)
            {
                Meet(ref group[i]);
            }

            for (int i = 0; i < count; i++)
            {
                Prefetch.Object(group[i].Event.KnownLane?.Owner, lines: 3);
                Prefetch.Object(group[i].Event.KnownLane?.EncodedNames, lines: 2);
                Prefetch.Object(group[i].Event.KnownJob?.Lane, lines: 2);
            }

            for (int i = 0; i < count; i++)
            {
                Prefetch.Object(group[i].Event.KnownLane?.Owner.NewestJob, lines: 2);
            }

            for (int i = 0; i < count; i++)
            {
                Apply(ref group[i], payload, frame.Sequence, done + i + 1);
            }

            done += count;
        }

        if (reader.Remaining > 0)
        {
            throw new JournalDamagedException(
                $"Frame {frame.Sequence} has {reader.Remaining} bytes more than its {frame.EventCount} events.");
        }
    }

    private void Read(ref ByteReader reader, ref Item item, ReadOnlySpan<byte> payload)
    {
        EventCodec.Read(ref reader, out item.Event, out var names);
        core.State.Jobs.Prefetch(item.Event.JobId);
        item.NamesLength = names.Length;
        if (!names.IsEmpty)
        {
            item.NamesStart = (int)Unsafe.ByteOffset(
                in MemoryMarshal.GetReference(payload), in MemoryMarshal.GetReference(names));
            item.NamesHash = ContentHash.Of(names);
            _lanes.Prefetch(item.NamesHash);
        }
    }

    private void Meet(ref Item item)
    {
        if (item.NamesLength > 0)
        {
            item.Known = _lanes.Guess(item.NamesHash);
            Prefetch.Object(item.Known.Lane, lines: 4);
        }
        else if (core.State.Jobs.TryGetValue(item.Event.JobId, out var job))
        {
            item.Event.KnownJob = job;
            Prefetch.Object(job, lines: 5);
        }
    }

    private void Apply(ref Item item, ReadOnlySpan<byte> payload, long sequence, int number)
    {
        ref var e = ref item.Event;
        var names = payload.Slice(item.NamesStart, item.NamesLength);
        bool isNew = false;
        if (item.NamesLength > 0)
        {
            isNew = !item.Known.Is(names);
            if (isNew)
            {
                EventCodec.ReadNames(ref e, names);
            }
            else
            {
                e.KnownLane = item.Known.Lane;
            }
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
            if (isNew)
            {
                job!.Lane.EncodedNames ??= names.ToArray();
                _lanes.Remember(item.NamesHash, names, job.Lane);
            }
        }
        catch (InvariantViolationException exception)
        {
            throw new JournalDamagedException(
                $"Event {number} of frame {sequence} ({e.Kind}, job {e.JobId}) contradicts those before it.", exception);
        }
    }

    private struct Item
    {
        internal JobEvent Event;
        internal KnownLane Known;
        internal ulong NamesHash;
        internal int NamesStart;
        internal int NamesLength;
    }

    [InlineArray(GroupSize)]
    private struct Group
    {
        private Item _first;
    }
}
