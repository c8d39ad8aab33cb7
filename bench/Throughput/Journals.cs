using Engine.Storage;
using Engine.Storage.Faster;

namespace Engine.Bench.Throughput;

/// <summary>Opens journals of the kind under test, each in a directory of its own, and clears up after them.</summary>
internal sealed class Journals(string kind, string directory) : IDisposable
{
    internal const string Memory = "memory";
    internal const string Faster = "faster";

    private int _count;

    /// <summary>An empty journal that need not be read back.</summary>
    internal IJournal OpenNew() =>
        kind == Memory ? new MemoryJournal(keepFrames: false) : OpenFaster(Path.Combine(directory, $"journal-{_count++}"));

    /// <summary>Opens one journal several times, one after another.</summary>
    internal Func<IJournal> Reopenable()
    {
        if (kind == Memory)
        {
            var journal = new MemoryJournal(keepFrames: true);
            return () => journal;
        }

        string path = Path.Combine(directory, $"journal-{_count++}");
        return () => OpenFaster(path);
    }

    public void Dispose()
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static FasterJournal OpenFaster(string path) => new(new FasterJournalOptions { Directory = path });
}
