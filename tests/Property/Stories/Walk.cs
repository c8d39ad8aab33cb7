using Engine.Core;
using Engine.Storage;

namespace Engine.Tests.Stories;

/// <summary>Reads a journal as somebody would who knows nothing but its format.</summary>
internal static class Walk
{
    internal readonly record struct Entry(Instant At, long Frame, JobEvent Event);

    internal static List<Entry> Events(IEnumerable<JournalFrame> frames)
    {
        var entries = new List<Entry>();
        foreach (var frame in frames)
        {
            var reader = new ByteReader(frame.Payload.Span);
            for (int i = 0; i < frame.EventCount; i++)
            {
                EventCodec.Read(ref reader, out var e);
                entries.Add(new Entry(new Instant(frame.InstantMs), frame.Sequence, e));
            }
        }

        return entries;
    }
}
