using Engine.Tests.Load.Targets;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load;

/// <summary>What is loaded.</summary>
internal enum TargetKind
{
    /// <summary>An engine in this process.</summary>
    InProcess,

    /// <summary>A host of our own, as a child process, or one at an address.</summary>
    Http,
}

/// <summary>How the engine ends before it is started again.</summary>
internal enum Ending
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>As a supervisor stops it.</summary>
    Stop,

    /// <summary>By kill -9.</summary>
    Kill,
}

/// <summary>What to load, and how the load is made.</summary>
internal sealed record LoadPlan
{
    internal TargetKind Target { get; init; }

    /// <summary>A host that runs already, or null.</summary>
    internal Uri? Url { get; init; }

    /// <summary>Where events go.</summary>
    internal JournalKind Journal { get; init; }

    /// <summary>After how many bytes of the journal snapshots are taken, or 0: it is kept whole.</summary>
    internal int SnapshotBytes { get; init; }

    internal Limits Limits { get; init; } = new();

    internal ulong Seed { get; init; } = 1;

    internal int Users { get; init; } = 200;

    /// <summary>Bytes that every payload has more than it needs.</summary>
    internal int Padding { get; init; }

    /// <summary>Streams that are held open, each until its job has ended, and then on another job.</summary>
    internal int Streams { get; init; }

    /// <summary>Streams on jobs that do not move.</summary>
    internal int IdleStreams { get; init; }

    /// <summary>What the heap of a host of our own may take, or 0: it fails where it needs more.</summary>
    internal int HeapLimitMiB { get; init; }

    /// <summary>What a host may take of the machine's memory, or 0: more is a finding.</summary>
    internal int MaxMemoryMiB { get; init; }

    /// <summary>Where journals lie; null for a directory of the system's, which is deleted.</summary>
    internal string? Directory { get; init; }

    internal string Name => Target == TargetKind.InProcess ? "in this process"
        : Url is null ? "a host of our own" : Url.ToString();
}
