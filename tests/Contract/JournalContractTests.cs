using Engine.Storage;
using Engine.Storage.Faster;

namespace Engine.Tests;

public sealed class MemoryJournalTests : JournalContract
{
    private protected override IJournal Open() => new MemoryJournal();

    /// <summary>Memory has no next process: the object is the store.</summary>
    private protected override IJournal Reopen(IJournal closed) => closed;
}

/// <summary>Segments so small that most tests cross several.</summary>
public sealed class FasterJournalTests : JournalContract
{
    private protected override IJournal Open() => new FasterJournal(
        new FasterJournalOptions { Directory = StorePath, SegmentSizeBytes = 64 * 1024 });

    private protected override IJournal Reopen(IJournal closed) => Open();
}

public sealed class FasterLoggedJournalTests : JournalContract
{
    private protected override IJournal Open() => new FasterJournal(new FasterJournalOptions
    {
        Directory = StorePath,
        SegmentSizeBytes = 1024 * 1024,
        Durability = Durability.Logged,
    });

    private protected override IJournal Reopen(IJournal closed) => Open();
}
