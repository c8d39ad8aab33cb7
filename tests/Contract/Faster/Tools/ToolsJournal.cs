using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Tests.Support;

namespace Engine.Tests.Faster.Tools;

/// <summary>Journals for the tools to work on.</summary>
internal static class ToolsJournal
{
    internal const string FirstSegment = "segment-0000000000.log";

    /// <summary>Two lives, commits of several frames, a commit over two segments; closed. Frames "1" to "60", some of
    /// them long.</summary>
    internal static async Task<List<string>> WriteAsync(string directory, bool snapshots = false, bool truncate = false)
    {
        for (int life = 0; life < 2; life++)
        {
            await using var journal = FasterImage.Open(directory);
            var writer = await JournalWriter.AcquireAsync(journal);
            for (int i = 0; i < 10; i++)
            {
                byte[][] payloads =
                [
                    .. Enumerable.Range(1, 3).Select(n => Payload(writer.Sequence + n)),
                ];
                Assert.Equal(AppendResult.Durable, await writer.Start(payloads));
            }

            if (snapshots)
            {
                await journal.SaveSnapshotAsync(writer.Epoch, writer.Sequence - 10, State(writer.Sequence - 10));
                await journal.SaveSnapshotAsync(writer.Epoch, writer.Sequence - 5, State(writer.Sequence - 5));
            }

            if (truncate)
            {
                await journal.TruncateAsync(writer.Epoch, writer.Sequence - 9);
            }
        }

        await using var reader = FasterImage.Open(directory);
        await reader.AcquireAsync();
        var first = FasterJournalTools.Verify(directory).FirstSequence;
        return await reader.ReadTextsAsync(first);
    }

    internal static byte[] State(long sequence) => System.Text.Encoding.UTF8.GetBytes($"state {sequence}");

    /// <summary>What an owner that was killed with a commit half written leaves.</summary>
    internal static async Task TearAsync(string directory, TestDirectory scratch)
    {
        await using var journal = FasterImage.Open(directory);
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("whole");
        string before = scratch.Copy(directory, "before-tear");
        await writer.AppendAsync(new string('t', 9_000));
        var after = FasterImage.Bytes(directory);
        await journal.DisposeAsync();
        var torn = FasterImage.Bytes(before);
        foreach (string name in torn.Keys.Where(name => name.StartsWith("segment", StringComparison.Ordinal)).ToList())
        {
            int same = torn[name].AsSpan().CommonPrefixLength(after[name]);
            if (same < torn[name].Length)
            {
                after[name].AsSpan(same, 4096).CopyTo(torn[name].AsSpan(same));
            }
        }

        FasterImage.Write(directory, torn);
    }

    /// <summary>Every byte of a directory, to see whether anything changed.</summary>
    internal static SortedDictionary<string, byte[]> Bytes(string directory) => FasterImage.Bytes(directory);

    private static byte[] Payload(long sequence) =>
        System.Text.Encoding.UTF8.GetBytes(sequence % 7 == 0 ? $"{sequence} {new string('x', 6_000)}" : $"{sequence}");
}
