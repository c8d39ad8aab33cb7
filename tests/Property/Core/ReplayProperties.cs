using System.Reflection;
using Engine.Core;
using Engine.Tests.Stories;
using Xunit.Abstractions;

namespace Engine.Tests.Core;

/// <summary>The events are the truth: whoever folds them knows what the engine knew, byte for byte.</summary>
public sealed class ReplayProperties(ITestOutputHelper output)
{
    [Fact]
    public void Replay_gives_the_same_state() =>
        Law.Holds(output, 400, StoryGen.Mixed, StoryGen.Shorter, story =>
        {
            var play = Play.Of(story);

            var replayed = play.Engine.Replayed();

            Assert.Equal(play.Engine.Core.State.ComputeHash(), replayed.State.ComputeHash());
            EngineInvariants.Check(replayed);
        });

    [Fact]
    public void A_second_replay_of_the_same_events_gives_the_same_state_again() =>
        Law.Holds(output, 100, StoryGen.Crowd, StoryGen.Shorter, story =>
        {
            var play = Play.Of(story);

            Assert.Equal(play.Engine.Replayed().State.ComputeHash(), play.Engine.Replayed().State.ComputeHash());
            Assert.Equal(play.Engine.Core.State.ComputeHash(), play.Engine.Replayed().State.ComputeHash());
        });

    [Fact]
    public void The_same_commands_are_decided_the_same_way_byte_for_byte() =>
        Law.Holds(output, 200, StoryGen.Mixed, StoryGen.Shorter, story =>
        {
            var first = Play.Of(story);
            var second = Play.Of(story, Provoke);

            Assert.Equal(Bytes(first), Bytes(second));
            Assert.Equal(first.Engine.Core.State.ComputeHash(), second.Engine.Core.State.ComputeHash());
        });

    [Fact]
    public void Every_fact_about_a_job_is_part_of_the_digest()
    {
        string[] derived =
        [
            "Key", "IsOverdue", "IsMilestone", "HeapSlot", "Ticket", "LivePlace", "LeasePlace", "LeaseEndsMs",
            "TableNumber", "TableHash", "PreviousInLane", "NextInLane", "NextKeyInLane", "PreviousOfUser", "NextOfUser",
            "User", "Project", "Lane", "Details", "Id", "ImageNumber", "ImagePlace",
        ];
        var fields = typeof(Job).GetFields(BindingFlags.Instance | BindingFlags.NonPublic)
            .Where(field => !derived.Contains(field.Name))
            .ToList();
        Assert.True(fields.Count > 20, "There should be more facts than that.");

        var play = new Play(FsCheck.Fluent.Gen.Sample(Setup.Any, 1, 1).First());
        play.Next(new Beat.Do(new Op.Submit(1, 1, 1, 0, 0, 0, 0, 0, 0)));
        var state = play.Engine.Core.State;
        var job = Assert.Single(state.Jobs.Values);
        foreach (var field in fields)
        {
            ulong before = state.ComputeHash();
            object? value = field.GetValue(job);
            field.SetValue(job, Other(value));
            Assert.True(before != state.ComputeHash(), $"{field.Name} does not reach the digest.");
            field.SetValue(job, value);
            Assert.Equal(before, state.ComputeHash());
        }
    }

    // Asking who runs next moves lanes about. It must never show.
    private static void Provoke(Play play) => Comparison.NextOfEverySet(play);

    private static string Bytes(Play play) => string.Join('\n', play.Engine.Frames()
        .Select(frame =>
            $"{frame.Sequence} {frame.InstantMs} {frame.Checksum:x8} {Convert.ToHexString(frame.Payload.Span)}"));

    private static object Other(object? value) => value switch
    {
        long number => number + 1,
        int number => number + 1,
        ushort number => (ushort)(number + 1),
        byte number => (byte)(number + 1),
        sbyte number => (sbyte)(number + 1),
        bool flag => !flag,
        Instant instant => new Instant(instant.Ms + 1),
        JobState state => state + 1,
        WaitKind kind => kind + 1,
        ReadOnlyMemory<byte> => new ReadOnlyMemory<byte>([1, 2, 3]),
        _ => throw new NotSupportedException($"How does one change a {value?.GetType().Name ?? "null"}?"),
    };
}
