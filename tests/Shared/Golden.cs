using System.Runtime.CompilerServices;
using Engine.Storage;

namespace Engine.Tests;

/// <summary>What the first released formats look like on disk: written once, read by every later build (F29).</summary>
/// <remarks>A change of format adds a directory beside this one; what is in it is never written again.</remarks>
internal static class Golden
{
    /// <summary>Frames of a story in which every kind of event happens, back to back.</summary>
    internal const string Frames = "frames.bin";

    /// <summary>The state after frame <see cref="SnapshotSequence"/> of them.</summary>
    internal const string Snapshot = "snapshot.bin";

    /// <summary>The directory of an embedded journal with the same frames and the same snapshot.</summary>
    internal const string Faster = "faster.zip";

    internal const long FrameCount = 165;

    internal const long EventCount = 259;

    internal const long SnapshotSequence = 110;

    internal const ulong SnapshotHash = 0x3c3213a6bf94634f;

    internal const ulong FinalHash = 0x4b76a7b2fc474568;

    internal static string PathOf(string file) =>
        Path.Combine(Path.GetDirectoryName(Here())!, "..", "Golden", "v1", file);

    /// <summary>The frames, each found sound and chained to the one before.</summary>
    internal static List<(JournalFrame Frame, ReadOnlyMemory<byte> Bytes)> ReadFrames()
    {
        var frames = new List<(JournalFrame, ReadOnlyMemory<byte>)>();
        ReadOnlyMemory<byte> rest = File.ReadAllBytes(PathOf(Frames));
        (long Sequence, long Epoch, uint Checksum) last = default;
        while (!rest.IsEmpty)
        {
            Assert.True(FrameCodec.TryRead(rest, out var frame, out uint previous, out string? error), error);
            Assert.Null(FrameChain.Violation(frame, previous, last.Sequence, last.Epoch, last.Checksum));
            last = (frame.Sequence, frame.Epoch, frame.Checksum);
            int size = FrameCodec.HeaderSize + frame.Payload.Length;
            frames.Add((frame, rest[..size]));
            rest = rest[size..];
        }

        return frames;
    }

    private static string Here([CallerFilePath] string here = "") => here;
}
