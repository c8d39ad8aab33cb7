namespace Engine.Storage.Redis;

/// <summary>The names of one journal's keys. The braces are a hash tag: Redis keeps them in one slot, as a script over
/// several keys demands.</summary>
internal sealed class JournalKeys
{
    /// <summary>How many snapshots have a place: the newest, the one before it, and one that is being
    /// written.</summary>
    internal const int SnapshotSlots = 3;

    internal JournalKeys(string name)
    {
        Meta = $"{{{name}}}:meta";
        Log = $"{{{name}}}:log";
        MetaOnly = [Meta];
        MetaAndLog = [Meta, Log];
    }

    /// <summary>A hash: who owns the journal, where it begins and ends, which snapshots count.</summary>
    internal string Meta { get; }

    /// <summary>A stream: one entry a frame, its id the frame's sequence.</summary>
    internal string Log { get; }

    internal string[] MetaOnly { get; }

    internal string[] MetaAndLog { get; }

    /// <summary>A hash: the parts of a snapshot by number.</summary>
    internal string Snapshot(int slot) => $"{Meta[..^4]}snapshot:{slot}";

    internal string[] MetaAndSnapshot(int slot) => [Meta, Snapshot(slot)];
}
