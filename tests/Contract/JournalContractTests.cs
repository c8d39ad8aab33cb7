using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Snapshots;

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

/// <summary>Its snapshots are in pieces, as larger ones would be.</summary>
public sealed class FasterLoggedJournalTests : JournalContract
{
    private protected override IJournal Open() => new FasterJournal(new FasterJournalOptions
    {
        Directory = StorePath,
        SegmentSizeBytes = 1024 * 1024,
        Durability = Durability.Logged,
        Snapshots = new SnapshotSizes(MaxWholeBytes: 0, PieceBytes: 1000),
    });

    private protected override IJournal Reopen(IJournal closed) => Open();
}
