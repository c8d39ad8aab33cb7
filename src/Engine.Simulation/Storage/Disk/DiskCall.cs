namespace Engine.Simulation.Storage.Disk;

/// <summary>What can be asked of a disk that changes something, or waits for a change to be durable.</summary>
internal enum DiskCallKind
{
    /// <summary>A directory is made.</summary>
    MakeDirectory = 1,

    /// <summary>A name is given to a new, empty file.</summary>
    Create = 2,

    /// <summary>An existing file becomes empty.</summary>
    Truncate = 3,

    /// <summary>Bytes are written.</summary>
    Write = 4,

    /// <summary>A file's bytes and length become durable.</summary>
    Sync = 5,

    /// <summary>A file gets another name, and loses the one it had.</summary>
    Rename = 6,

    /// <summary>A file loses its name.</summary>
    Delete = 7,

    /// <summary>A directory's names become durable.</summary>
    SyncDirectory = 8,
}

/// <summary>One such call.</summary>
/// <param name="Kind">What is asked.</param>
/// <param name="Path">The file's or the directory's path.</param>
/// <param name="Target">The new path of a rename.</param>
/// <param name="FileId">The file; a new one for <see cref="DiskCallKind.Create"/>.</param>
/// <param name="Offset">Where bytes are written.</param>
/// <param name="Bytes">What is written.</param>
/// <param name="Start">When the call began, in ticks of the world.</param>
/// <param name="End">When it ended.</param>
internal sealed record DiskCall(
    DiskCallKind Kind,
    string Path,
    string? Target = null,
    int FileId = 0,
    int Offset = 0,
    byte[]? Bytes = null,
    long Start = 0,
    long End = 0);
