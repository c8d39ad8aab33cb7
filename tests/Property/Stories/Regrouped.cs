using Engine.Core;
using Engine.Storage;
using FsCheck;
using FsCheck.Fluent;

namespace Engine.Tests.Stories;

/// <summary>The events of a story in other frames than the loop made: what one instant brought may come in one frame or
/// in many, whatever a reader takes at a time.</summary>
/// <param name="Story">What happens.</param>
/// <param name="Sizes">How many events a frame holds, round and round; 0 for a frame without any.</param>
internal sealed record Regrouped(Story Story, int[] Sizes)
{
    /// <summary>Everything is forgotten almost at once, and comes again: few ids, users and lanes, and much at one
    /// instant.</summary>
    internal static Gen<Story> Forgetful { get; } =
        from setup in Setup.Any
        from kept in Gen.Elements(0, 0, 1, 2)
        from length in Gen.Choose(10, 80)
        from beats in Gen.Frequency(
            (14, from job in Gen.Choose(1, 9)
                 from user in Gen.Choose(1, 3)
                 from project in Gen.Elements(0, 0, user)
                 from key in Gen.Elements(0, 0, 0, 1)
                 select (Beat)new Beat.Do(new Op.Submit(job, user, project, user - 1, job % 3, 0, job % 2, key, 0))),
            (8, Gen.Constant((Beat)new Beat.Do(new Op.Claim(7, 9)))),
            (10, from run in Gen.Choose(0, 9)
                 from how in Gen.Elements(
                     Ending.Complete, Ending.Complete, Ending.CompleteWithResult, Ending.FailForGood)
                 select (Beat)new Beat.Do(new Op.Stage(run, 1), new Op.Stage(run, 2), new Op.End(run, how))),
            (4, Gen.Choose(0, 9).Select(job => (Beat)new Beat.Do(new Op.Cancel(job)))),
            (2, Gen.Elements(1, 3_600_001).Select(ms => (Beat)new Beat.ToMidnight(ms))),
            (1, Gen.Constant((Beat)new Beat.Wait(TimeSpan.FromHours(50)))),
            (1, Gen.Constant((Beat)new Beat.Restart()))).ArrayOf(length)
        select new Story(setup with { Kept = kept, Cap = 40, Shared = true }, beats);

    internal static Gen<Regrouped> Any(Gen<Story> stories) =>
        from story in stories
        from sizes in Gen.Elements(0, 1, 15, 16, 16, 17, 33, 100).NonEmptyListOf()
        select new Regrouped(story, [.. sizes, 16]);

    internal static IEnumerable<Regrouped> Shorter(Regrouped journal) =>
        StoryGen.Shorter(journal.Story).Select(story => journal with { Story = story })
            .Concat(journal.Sizes.Length > 1 ? [journal with { Sizes = [16] }] : []);

    /// <summary>The frames of a play, made anew.</summary>
    internal List<JournalFrame> Frames(Play play)
    {
        var frames = new List<JournalFrame>();
        var events = new List<JobEvent>();
        var entries = Walk.Events(play.Engine.Frames());
        for (int i = 0; i < entries.Count; i++)
        {
            while (events.Count == 0 && SizeOf(frames) == 0)
            {
                frames.Add(Frame(frames.Count + 1, entries[i].At.Ms, []));
            }

            events.Add(entries[i].Event);
            if (events.Count == SizeOf(frames) || i + 1 == entries.Count || entries[i + 1].At != entries[i].At)
            {
                frames.Add(Frame(frames.Count + 1, entries[i].At.Ms, events));
                events.Clear();
            }
        }

        return frames;
    }

    internal static JournalFrame Frame(long sequence, long instantMs, IReadOnlyCollection<JobEvent> events)
    {
        var payload = new ByteWriter(256);
        foreach (var e in events)
        {
            EventCodec.Write(e, ref payload);
        }

        return new JournalFrame(sequence, 1, instantMs, events.Count, 0, payload.Written.ToArray());
    }

    /// <summary>Applies a frame event by event, every name read and every job looked up.</summary>
    /// <returns>How many were applied: fewer than there are when the next one contradicts them.</returns>
    internal static int ApplyOneByOne(EngineCore core, JournalFrame frame, Action<Job?>? applied = null)
    {
        core.AdvanceTo(new Instant(frame.InstantMs), 0);
        int count = 0;
        foreach (var entry in Walk.Events([frame]))
        {
            try
            {
                var job = core.Apply(entry.Event);
                applied?.Invoke(job);
            }
            catch (InvariantViolationException)
            {
                break;
            }

            count++;
        }

        return count;
    }

    private int SizeOf(List<JournalFrame> frames) => Sizes[frames.Count % Sizes.Length];

    public override string ToString() => $"frames of {string.Join(", ", Sizes)}: {Story}";
}
