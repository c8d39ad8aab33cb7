using System.Text;
using Engine.Storage;

namespace Engine.Tests.Support;

/// <summary>Reads journals the short way.</summary>
internal static class JournalReading
{
    internal static async Task<List<string>> ReadTextsAsync(this IJournal journal, long from = 1)
    {
        var texts = new List<string>();
        await foreach (var frame in journal.ReadAsync(from))
        {
            texts.Add(Encoding.UTF8.GetString(frame.Payload.Span));
        }

        return texts;
    }

    /// <summary>Sequence, epoch and payload of every frame; throws when the sequence has a gap.</summary>
    internal static async Task<List<(long Sequence, long Epoch, uint Checksum, int Length)>> ReadHeadsAsync(
        this IJournal journal, long from = 1)
    {
        var heads = new List<(long, long, uint, int)>();
        long expected = from;
        await foreach (var frame in journal.ReadAsync(from))
        {
            Assert.Equal(expected++, frame.Sequence);
            heads.Add((frame.Sequence, frame.Epoch, frame.Checksum, frame.Payload.Length));
        }

        return heads;
    }
}
