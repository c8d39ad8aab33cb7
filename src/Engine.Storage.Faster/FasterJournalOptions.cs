using System.Numerics;
using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Platform;
using Engine.Storage.Faster.Snapshots;

namespace Engine.Storage.Faster;

/// <summary>How one embedded journal is set up. Read once, when the journal is created.</summary>
public sealed class FasterJournalOptions
{
    internal const int MinSegmentSizeBytes = 64 * 1024;
    internal const int MaxSegmentSizeBytes = 1024 * 1024 * 1024;

    /// <summary>The directory that holds the journal and nothing else; created, for its owner only, if it is not
    /// there.</summary>
    /// <value>Required. A relative path counts from the current directory.</value>
    public string Directory { get; set; } = "";

    /// <summary>The size of one file of the log, in bytes. Each is written full of zeros before it is used, and one
    /// more than needed is kept ready, so that a full disk shows early. Larger ones are switched less often; smaller
    /// ones give space back sooner and make the first start faster. An existing journal keeps the size it was created
    /// with.</summary>
    /// <value>The default is 64 MiB; a power of two from 64 KiB to 1 GiB.</value>
    public int SegmentSizeBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>What an acknowledged append survives: <see cref="Durability.Synced"/> (the loss of power) or
    /// <see cref="Durability.Logged"/> (kill -9, but not the loss of power; faster).</summary>
    /// <value>The default is <see cref="Durability.Synced"/>.</value>
    public Durability Durability { get; set; } = Durability.Synced;

    /// <summary>How many bytes of appends may share one sync. More is not faster; it only delays the acknowledgement of
    /// the first among them.</summary>
    /// <value>The default is 8 MiB; from 2 MiB, which is one frame of the largest size, to 64 MiB.</value>
    public int MaxCommitBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>How long closing waits for commits under way, and a commit for the log's own bookkeeping.</summary>
    /// <value>The default is 10 seconds; from 100 milliseconds to 10 minutes.</value>
    public TimeSpan CloseTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Where the owner can be reached by its callers: asked when the journal is acquired, and told to those who
    /// are refused (<see cref="JournalLockedException.Owner"/>).</summary>
    /// <value>Null, the default, or an answer of null publishes nothing; at most 512 ASCII characters without
    /// spaces.</value>
    public Func<string?>? OwnerAddress { get; set; }

    /// <summary>The operating system, or a test's version of it.</summary>
    internal FileSystemCalls Files { get; set; } = FileSystemCalls.Current;

    /// <summary>Threads, or a simulator's version of them.</summary>
    internal JournalRuntime Runtime { get; set; } = JournalRuntime.Threads;

    /// <summary>How snapshots are laid down; smaller in tests, which cannot write a state of gigabytes.</summary>
    internal SnapshotSizes Snapshots { get; set; } = SnapshotSizes.Usual;

    /// <summary>Called at named points, on the thread that passes them; a crash test stops there.</summary>
    internal Action<JournalPoint>? Reached { get; set; }

    /// <summary>Throws when a setting is out of its range.</summary>
    /// <exception cref="ArgumentException">The message names the setting, its value and its range.</exception>
    internal void Validate()
    {
        Require(!string.IsNullOrWhiteSpace(Directory), nameof(Directory), "is required: the journal's own directory");
        Require(
            SegmentSizeBytes is >= MinSegmentSizeBytes and <= MaxSegmentSizeBytes
                && BitOperations.IsPow2(SegmentSizeBytes),
            nameof(SegmentSizeBytes),
            $"is {SegmentSizeBytes}; a power of two from {MinSegmentSizeBytes} to {MaxSegmentSizeBytes} is needed");
        Require(
            Durability is Durability.Synced or Durability.Logged,
            nameof(Durability), $"is {Durability}; this journal offers Synced and Logged");
        Require(
            MaxCommitBytes is >= FrameCodec.MaxFrameSize and <= 64 * 1024 * 1024,
            nameof(MaxCommitBytes),
            $"is {MaxCommitBytes}; from {FrameCodec.MaxFrameSize} to {64 * 1024 * 1024} is needed");
        Require(
            CloseTimeout >= TimeSpan.FromMilliseconds(100) && CloseTimeout <= TimeSpan.FromMinutes(10),
            nameof(CloseTimeout), $"is {CloseTimeout}; from 00:00:00.1 to 00:10:00 is needed");
    }

    private static void Require(bool holds, string option, string problem)
    {
        if (!holds)
        {
            throw new ArgumentException($"FasterJournalOptions.{option} {problem}.");
        }
    }
}
