using Engine.Storage;
using Engine.Storage.Faster;

namespace Engine.Tests.Support;

/// <summary>Opens copies of an embedded journal and says what became of them.</summary>
internal static class FasterImage
{
    internal const int SegmentSize = 64 * 1024;

    internal static FasterJournal Open(string directory, Action<FasterJournalOptions>? configure = null)
    {
        var options = new FasterJournalOptions { Directory = directory, SegmentSizeBytes = SegmentSize };
        configure?.Invoke(options);
        return new FasterJournal(options);
    }

    /// <summary>What reading finds, without taking ownership and so without repairing; null when it is
    /// refused.</summary>
    internal static async Task<List<string>?> ReadAsync(string directory)
    {
        await using var journal = Open(directory);
        try
        {
            return await journal.ReadTextsAsync();
        }
        catch (JournalDamagedException)
        {
            return null;
        }
    }

    /// <summary>What a next owner finds and can go on from; null when it is refused, with every byte left as it
    /// was.</summary>
    internal static async Task<List<string>?> RecoverAsync(string directory)
    {
        var before = Bytes(directory);
        await using var journal = Open(directory);
        JournalWriter writer;
        try
        {
            writer = await JournalWriter.AcquireAsync(journal);
        }
        catch (JournalDamagedException)
        {
            Assert.Equal(before, Bytes(directory));
            return null;
        }

        var found = await journal.ReadTextsAsync();
        await writer.AppendAsync("next");
        Assert.Equal([.. found, "next"], await journal.ReadTextsAsync());
        return found;
    }

    /// <summary>What a crash would leave: every file as it lies on disk at this moment.</summary>
    /// <remarks>Reading takes longer than a moment, and the journal may be making its next segment meanwhile. So the
    /// superblock goes first: a segment that it does not know yet is what a crash leaves, one that is missing is not. A
    /// temporary file may get its name, and be gone, before its turn comes.</remarks>
    internal static SortedDictionary<string, byte[]> Bytes(string directory)
    {
        var bytes = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (string path in Directory.GetFiles(directory)
            .OrderBy(path => Path.GetFileName(path) != "superblock")
            .ThenBy(path => path, StringComparer.Ordinal))
        {
            try
            {
                bytes[Path.GetFileName(path)] = File.ReadAllBytes(path);
            }
            catch (FileNotFoundException) when (path.EndsWith(".tmp", StringComparison.Ordinal))
            {
                // It has its name now; without it the image is one of a moment before.
            }
        }

        return bytes;
    }

    internal static void Write(string directory, IReadOnlyDictionary<string, byte[]> bytes)
    {
        Directory.CreateDirectory(directory);
        foreach (string path in Directory.EnumerateFiles(directory))
        {
            File.Delete(path);
        }

        foreach (var (name, content) in bytes)
        {
            File.WriteAllBytes(Path.Combine(directory, name), content);
        }
    }

    internal static void Poke(string path, long offset, ReadOnlySpan<byte> bytes)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.Write(file, bytes, offset);
    }
}
