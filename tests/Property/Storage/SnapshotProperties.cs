using System.Buffers;
using Engine.Core;
using Engine.Core.Imaging;
using Engine.Runtime;
using Engine.Storage;
using Engine.Tests.Stories;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Engine.Tests.Storage;

/// <summary>A snapshot stands for the frames it was made of, whoever asks and whatever comes after (D4).</summary>
public sealed class SnapshotProperties(ITestOutputHelper output)
{
    [Fact]
    public void D4_A_snapshot_at_any_point_and_what_follows_give_the_state_of_a_full_replay() =>
        Law.Holds(output, 400, Cut(StoryGen.Mixed), Shorter, cut => CheckCut(cut.Story, cut.At));

    [Fact]
    public void D4_The_same_in_a_crowd() =>
        Law.Holds(output, 150, Cut(StoryGen.Crowd), Shorter, cut => CheckCut(cut.Story, cut.At));

    [Fact]
    public void D4_An_engine_restarted_from_snapshots_answers_everything_as_the_reference_does() =>
        Law.Holds(output, 300, StoryGen.Restarting, StoryGen.Shorter, story => Play.Of(
            story,
            play =>
            {
                EngineInvariants.Check(play.Engine.Core);
                Comparison.Everything(play);
                Comparison.NextOfEverySet(play);
            },
            takesSnapshots: true));

    [Fact]
    public void F8_Every_corrupted_byte_of_a_snapshot_is_refused()
    {
        var play = Longest();
        byte[] sound = Snapshot(play.Engine.Replayed(), play.Engine.Frames().Count).ToArray();
        for (int i = 0; i < sound.Length; i++)
        {
            foreach (byte mask in (byte[])[0x01, 0x80, 0xFF])
            {
                byte[] damaged = [.. sound];
                damaged[i] ^= mask;
                Assert.Throws<JournalDamagedException>(
                    () => SnapshotCodec.Restore(play.Engine.NewCore(), damaged.InPieces(97)));
            }
        }
    }

    [Fact]
    public void F8_Every_shorter_or_longer_snapshot_is_refused()
    {
        var play = Longest();
        byte[] sound = Snapshot(play.Engine.Replayed(), play.Engine.Frames().Count).ToArray();
        for (int length = 0; length < sound.Length; length++)
        {
            Assert.Throws<JournalDamagedException>(
                () => SnapshotCodec.Restore(play.Engine.NewCore(), sound[..length].InPieces(97)));
        }

        byte[] longer = [.. sound, 0];
        Assert.Throws<JournalDamagedException>(() => SnapshotCodec.Restore(play.Engine.NewCore(), longer.InPieces(97)));
    }

    /// <summary>What the checksum does not see, the digest does: never another state, and no other exception.</summary>
    [Fact]
    public void F8_Every_corrupted_byte_under_a_sound_checksum_gives_the_same_state_or_is_refused()
    {
        var play = Longest();
        byte[] sound = Snapshot(play.Engine.Replayed(), play.Engine.Frames().Count).ToArray();
        ulong hash = play.Engine.Replayed().State.ComputeHash();
        var settings = EngineSettings.From(play.Engine.Options);
        int refused = 0;
        for (int i = SnapshotCodec.HeaderSize; i < sound.Length; i++)
        {
            foreach (byte mask in (byte[])[0x01, 0x80, 0xFF])
            {
                byte[] damaged = [.. sound];
                damaged[i] ^= mask;
                BitConverter.TryWriteBytes(damaged.AsSpan(8), Crc32C.Of(damaged.AsSpan(12)));
                var core = play.Engine.NewCore();
                try
                {
                    SnapshotCodec.Restore(core, damaged.InPieces(1 + (i % 200)));
                    Assert.Equal(hash, core.State.ComputeHash());
                    SnapshotCodec.Check(settings, damaged.InPieces(1 + (i % 200)));
                }
                catch (JournalDamagedException)
                {
                    refused++;
                    Assert.Throws<JournalDamagedException>(
                        () => SnapshotCodec.Check(settings, damaged.InPieces(1 + (i % 200))));
                }
            }
        }

        Assert.True(refused > sound.Length * 2, $"Only {refused} corruptions of {sound.Length} bytes were refused.");
    }

    [Fact]
    public void F29_A_newer_version_is_refused_and_says_what_to_do()
    {
        var play = Longest();
        byte[] newer = Snapshot(play.Engine.Replayed(), play.Engine.Frames().Count).ToArray();
        newer[4]++;

        var refusal = Assert.Throws<JournalDamagedException>(
            () => SnapshotCodec.Restore(play.Engine.NewCore(), newer.InPieces(newer.Length)));

        Assert.Contains("version 2", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("start the build that wrote it", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_piece_of_a_state_is_much_longer_than_asked_for()
    {
        const int Asked = 100;
        var state = Longest().Engine.Replayed().State;
        byte[] whole = SnapshotCodec.Write(StateImage.Of(state, 1)).ToArray();
        var lengths = new List<int>();
        foreach (var piece in SnapshotCodec.Write(StateImage.Of(state, 1), Asked))
        {
            lengths.Add(piece.Length);
        }

        Assert.Equal(whole.Length, lengths.Sum());
        Assert.True(lengths.Count > whole.Length / (4 * Asked), $"{lengths.Count} pieces of {whole.Length} bytes.");
        Assert.True(lengths.SkipLast(1).All(length => length >= Asked), string.Join(", ", lengths));
        Assert.True(whole.Length > 10 * Asked, $"{whole.Length} bytes");
    }

    private static Play Longest() => StoryGen.Mixed.Sample(40, new Rnd(20260101), 50)
        .Select(story => Play.Of(story))
        .MaxBy(play => play.Engine.Core.State.Jobs.Count)!;

    private static void CheckCut(Story story, int at)
    {
        var play = Play.Of(story);
        var frames = play.Engine.Frames();
        int cut = frames.Count == 0 ? 0 : at % (frames.Count + 1);
        var full = play.Engine.NewCore();
        Fold(full, frames.Take(cut));

        // Into pieces that things end in, and into pieces that cut them in two: the bytes are the same.
        var snapshot = SnapshotCodec.Write(StateImage.Of(full.State, cut), pieceBytes: 1 + (at % 300));
        Assert.Equal(Snapshot(full, cut).ToArray(), snapshot.ToArray());
        var restored = play.Engine.NewCore();
        var header = SnapshotCodec.Restore(
            restored, at % 2 == 0 ? snapshot : snapshot.ToArray().InPieces(1 + (at % 50)));

        Assert.Equal(cut, header.Sequence);
        Assert.Equal(full.State.LastEventId, header.Events);
        Assert.Equal(full.State.Now.Ms, header.InstantMs);
        Same(full, restored, cut);
        Fold(full, frames.Skip(cut));
        Fold(restored, frames.Skip(cut));
        Same(full, restored, frames.Count);
        Assert.Equal(play.Engine.Core.State.ComputeHash(), restored.State.ComputeHash());
    }

    private static void Same(EngineCore expected, EngineCore actual, long sequence)
    {
        EngineInvariants.Check(actual);
        Assert.Equal(expected.State.ComputeHash(), actual.State.ComputeHash());
        Assert.Equal(expected.State.Now, actual.State.Now);
        Assert.Equal(expected.State.Counts, actual.State.Counts);
        Assert.Equal(Snapshot(expected, sequence).ToArray(), Snapshot(actual, sequence).ToArray());
    }

    private static ReadOnlySequence<byte> Snapshot(EngineCore core, long sequence) =>
        SnapshotCodec.Write(core, sequence);

    private static void Fold(EngineCore core, IEnumerable<JournalFrame> frames)
    {
        foreach (var frame in frames)
        {
            Recovery.Apply(core, frame);
        }
    }

    private static Gen<(Story Story, int At)> Cut(Gen<Story> stories) =>
        from story in stories
        from at in Gen.Choose(0, 1000)
        select (story, at);

    private static IEnumerable<(Story Story, int At)> Shorter((Story Story, int At) cut) =>
        StoryGen.Shorter(cut.Story).Select(story => (story, cut.At));
}
