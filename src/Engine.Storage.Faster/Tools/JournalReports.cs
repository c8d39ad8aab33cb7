namespace Engine.Storage.Faster;

/// <summary>What a scrub of a journal found.</summary>
public sealed record JournalScrub
{
    /// <summary>Each piece of damage: file, offset where there is one, and what is wrong. Empty when the journal is
    /// sound.</summary>
    public required IReadOnlyList<string> Damage { get; init; }

    /// <summary>What is worth knowing and no damage: what a crash left behind, files that nobody needs.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>The first frame that can be read; one more than <see cref="LastSequence"/> when there is none.</summary>
    public long FirstSequence { get; init; }

    /// <summary>The last frame that can be read. With damage in the log, what is behind it may be lost.</summary>
    public long LastSequence { get; init; }

    /// <summary>How many frames were read and checked.</summary>
    public long FrameCount { get; init; }

    /// <summary>How many events the frames say they hold.</summary>
    public long EventCount { get; init; }

    /// <summary>How many commits they came in.</summary>
    public long CommitCount { get; init; }

    /// <summary>The epoch of the first frame, 0 when there is none.</summary>
    public long FirstEpoch { get; init; }

    /// <summary>The epoch of the last frame, 0 when there is none.</summary>
    public long LastEpoch { get; init; }

    /// <summary>Every frame up to this one is proven durable by the superblock.</summary>
    public long DurableSequence { get; init; }

    /// <summary>How many segments the log has.</summary>
    public long SegmentCount { get; init; }

    /// <summary>How many bytes of log and snapshots were read.</summary>
    public long BytesRead { get; init; }

    /// <summary>The frames that whole snapshots were taken after, ascending.</summary>
    public IReadOnlyList<long> Snapshots { get; init; } = [];

    /// <summary>Nothing is damaged. A tail that a crash tore is no damage.</summary>
    public bool IsSound => Damage.Count == 0;
}

/// <summary>A frame and its place.</summary>
/// <param name="Frame">The frame.</param>
/// <param name="Path">The file in which it begins.</param>
/// <param name="Offset">Where in that file, in bytes.</param>
public readonly record struct JournalEntry(JournalFrame Frame, string Path, long Offset)
{
    /// <summary>The frame's size, header included, in bytes.</summary>
    public int SizeBytes => FrameCodec.HeaderSize + Frame.Payload.Length;
}

/// <summary>A copy of a journal that was read back and found good.</summary>
/// <param name="Directory">Where it is. An engine that is started on it goes on from there.</param>
/// <param name="Sequence">Its last frame.</param>
/// <param name="FirstSequence">Its first frame.</param>
/// <param name="Epoch">The epoch of the last owner in it.</param>
/// <param name="Bytes">How many bytes of log and snapshots were copied.</param>
/// <param name="Snapshots">The frames that its snapshots were taken after, ascending.</param>
public sealed record JournalBackup(
    string Directory, long Sequence, long FirstSequence, long Epoch, long Bytes, IReadOnlyList<long> Snapshots);

/// <summary>What cutting a journal cost, or would cost.</summary>
public sealed record JournalRepair
{
    /// <summary>The frame that the journal ends with now, or would.</summary>
    public required long Sequence { get; init; }

    /// <summary>The first frame of the journal.</summary>
    public required long FirstSequence { get; init; }

    /// <summary>The last frame that could be read before: those from <see cref="Sequence"/> on are cut off.</summary>
    public required long LastReadable { get; init; }

    /// <summary>How many blocks of 4 KiB that are not empty lie behind the last readable frame and are cut off
    /// too.</summary>
    public required long UnreadableBlocks { get; init; }

    /// <summary>The highest sequence that any commit behind the cut says it starts with, 0 when there is none: at
    /// least up to here, frames existed.</summary>
    public required long HighestSequenceSeen { get; init; }

    /// <summary>Why the log cannot be read any further than to <see cref="LastReadable"/>.</summary>
    public required string Problem { get; init; }

    /// <summary>Why an engine refuses the journal as it was found, null when it does not. A cut ends that even where
    /// nothing is left that it could cut off: what is gone then counts as gone.</summary>
    public string? Damage { get; init; }

    /// <summary>The frames that snapshots were taken after which are cut off with them, ascending.</summary>
    public required IReadOnlyList<long> DroppedSnapshots { get; init; }

    /// <summary>Which places the disk could not read, with their error. Where they were copied, zeros stand for them;
    /// "unreadable.txt" beside the copies names them.</summary>
    public IReadOnlyList<string> LostPlaces { get; init; } = [];

    /// <summary>Where everything is that was cut off; null when nothing was.</summary>
    public string? Evidence { get; init; }

    /// <summary>How many frames that can be read are cut off.</summary>
    public long DroppedFrames => LastReadable - Sequence;

    /// <summary>Nothing lies behind the frame, and nothing keeps an engine from going on there: nothing is to be
    /// done.</summary>
    public bool IsNeedless =>
        DroppedFrames == 0 && UnreadableBlocks == 0 && DroppedSnapshots.Count == 0 && Damage is null;
}
