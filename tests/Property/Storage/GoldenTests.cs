using System.Buffers;
using Engine.Core;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;
using Engine.Tests.Stories;
using FsCheck;
using FsCheck.Fluent;

namespace Engine.Tests.Storage;

/// <summary>Journals and snapshots of released formats give the state they always gave (F29).</summary>
public sealed class GoldenTests
{
    [Fact]
    public void F29_The_frames_of_version_1_replay_to_the_state_they_always_gave()
    {
        WriteOnce();
        var frames = Golden.ReadFrames();
        var core = NewCore();
        var kinds = new HashSet<EventKind>();

        foreach (var (frame, _) in frames)
        {
            Recovery.Apply(core, frame);
            kinds.UnionWith(Walk.Events([frame]).Select(entry => entry.Event.Kind));
        }

        Assert.Equal(Golden.FrameCount, frames.Count);
        Assert.Equal(Golden.EventCount, core.State.LastEventId);
        Assert.Equal($"{Golden.FinalHash:x16}", $"{core.State.ComputeHash():x16}");
        Assert.Equal(Enum.GetValues<EventKind>().Where(kind => kind != EventKind.None), kinds.Order());
        EngineInvariants.Check(core);
    }

    [Fact]
    public void F29_The_snapshot_of_version_1_and_the_frames_after_it_give_the_same_state()
    {
        var core = NewCore();

        var header = SnapshotCodec.Restore(
            core, new ReadOnlySequence<byte>(File.ReadAllBytes(Golden.PathOf(Golden.Snapshot))));

        Assert.Equal((1u, Golden.SnapshotSequence), (header.Version, header.Sequence));
        Assert.Equal($"{Golden.SnapshotHash:x16}", $"{core.State.ComputeHash():x16}");
        foreach (var (frame, _) in Golden.ReadFrames().Skip((int)Golden.SnapshotSequence))
        {
            Recovery.Apply(core, frame);
        }

        Assert.Equal($"{Golden.FinalHash:x16}", $"{core.State.ComputeHash():x16}");
    }

    /// <summary>As long as version 1 is the newest: what is written now is what was written then.</summary>
    [Fact]
    public void F29_This_build_writes_the_snapshot_of_version_1_byte_for_byte()
    {
        var core = NewCore();
        foreach (var (frame, _) in Golden.ReadFrames().Take((int)Golden.SnapshotSequence))
        {
            Recovery.Apply(core, frame);
        }

        Assert.Equal(
            File.ReadAllBytes(Golden.PathOf(Golden.Snapshot)),
            SnapshotCodec.Write(core, Golden.SnapshotSequence).ToArray());
    }

    private static EngineCore NewCore() =>
        new(EngineSettings.From(new JobEngineOptions()), new MovingAverageEstimator(), new BatchWriter());

    /// <summary>Writes the files of a format that has none; what they give goes into <see cref="Golden"/>.</summary>
    private static void WriteOnce()
    {
        bool isAsked = Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") == "1";
        if (!isAsked || File.Exists(Golden.PathOf(Golden.Frames)))
        {
            return;
        }

        int all = Enum.GetValues<EventKind>().Length - 1;
        var stories = StoryGen.Mixed.Sample(40, new Rnd(2026), 50).ToList();
        var play = Enumerable.Range(1, stories.Count)
            .Select(count => stories.Take(count).SelectMany(story => story.Beats))
            .Select(beats => new Story(stories[0].Setup, [.. beats]))
            .Select(story => Play.Of(story))
            .First(play => Walk.Events(play.Engine.Frames()).Select(e => e.Event.Kind).Distinct().Count() == all);
        using var file = File.Create(Golden.PathOf(Golden.Frames));
        uint checksum = 0;
        var frames = play.Engine.Frames();
        foreach (var frame in frames)
        {
            byte[] bytes = new byte[FrameCodec.HeaderSize + frame.Payload.Length];
            frame.Payload.CopyTo(bytes.AsMemory(FrameCodec.HeaderSize));
            checksum = FrameCodec.Seal(
                bytes, frame.Sequence, frame.Epoch, frame.InstantMs, frame.EventCount, checksum);
            Assert.Equal(frame.Checksum, checksum);
            file.Write(bytes);
        }

        var core = NewCore();
        foreach (var frame in frames.Take(frames.Count * 2 / 3))
        {
            Recovery.Apply(core, frame);
        }

        File.WriteAllBytes(
            Golden.PathOf(Golden.Snapshot), SnapshotCodec.Write(core, frames.Count * 2 / 3).ToArray());
        Assert.Fail(
            $"Written. SnapshotSequence {frames.Count * 2 / 3}, SnapshotHash 0x{core.State.ComputeHash():x16}, " +
            $"FinalHash 0x{play.Engine.Core.State.ComputeHash():x16}, FrameCount {frames.Count}, EventCount " +
            $"{play.Engine.Core.State.LastEventId}");
    }
}
