using FsCheck;
using FsCheck.Fluent;

namespace Engine.Tests.Stories;

/// <summary>Makes stories, and shorter ones of a story that fails.</summary>
internal static class StoryGen
{
    // Few users, projects, keys and numbers: most bugs live where two commands meet on one thing.
    private static readonly Gen<Op> Submit =
        from job in Gen.Choose(1, 90)
        from user in Gen.Choose(1, 3)
        from project in Gen.Elements(0, 0, 1, 2, 3)
        from tier in Gen.Elements(0, 0, 1, 1, 2, 2, 3, 4)
        from type in Gen.Frequency((30, Gen.Constant(0)), (12, Gen.Constant(1)), (12, Gen.Constant(2)),
            (1, Gen.Constant(3)))
        from priority in Gen.Elements(0, 0, 0, 50, 100)
        from resources in Gen.Frequency((14, Gen.Constant(0)), (2, Gen.Constant(1)), (2, Gen.Constant(2)),
            (2, Gen.Constant(3)), (1, Gen.Constant(4)))
        from key in Gen.Frequency((8, Gen.Constant(0)), (1, Gen.Choose(1, 2)))
        from body in Gen.Elements(0, 0, 0, 1)
        select (Op)new Op.Submit(job, user, project, tier, type, priority, resources, key, body);

    private static readonly Gen<Op> Claim =
        from types in Gen.Elements(1, 2, 4, 7, 7, 7, 3, 15)
        from max in Gen.Elements(1, 1, 1, 2, 9)
        select (Op)new Op.Claim(types, max);

    private static readonly Gen<Op> End =
        from run in Gen.Choose(0, 20)
        from how in Gen.Elements(Enum.GetValues<Ending>())
        select (Op)new Op.End(run, how);

    private static readonly Gen<Op> Late =
        from lease in Gen.Choose(0, 20)
        from what in Gen.Elements(Enum.GetValues<Saying>())
        select (Op)new Op.Late(lease, what);

    private static readonly Gen<Op> Report = Gen.OneOf(
        Gen.Choose(0, 20).Select(run => (Op)new Op.Heartbeat(run)),
        from run in Gen.Choose(0, 20) from to in Gen.Choose(0, 3) select (Op)new Op.Stage(run, to),
        from run in Gen.Choose(0, 20) from percent in Gen.Choose(0, 100) select (Op)new Op.Progress(run, percent),
        Gen.Choose(0, 20).Select(run => (Op)new Op.Iterate(run)),
        Gen.Choose(0, 20).Select(run => (Op)new Op.Iterate(run)));

    // What chance alone would hardly ever put together: a batch of iterations used up, a pipeline walked through.
    private static readonly Gen<Beat> Whole =
        from run in Gen.Choose(0, 20)
        from depth in Gen.Choose(1, 2)
        from whole in Gen.Elements(
            new Beat.Do([.. Enumerable.Repeat(new Op.Iterate(run), depth), new Op.End(run, Ending.Suspend)]),
            new Beat.Do(new Op.Stage(run, 1), new Op.Stage(run, 2), new Op.End(run, Ending.Complete)))
        select (Beat)whole;

    private static readonly Gen<Op> Cancel = Gen.Choose(0, 30).Select(job => (Op)new Op.Cancel(job));

    private static readonly Gen<Op> Confirm = Gen.Choose(0, 30).Select(job => (Op)new Op.Confirm(job));

    private static readonly Gen<Beat> Time = Gen.Frequency(
        (4, Gen.Elements(1, 999, 1000, 10_000, 20_000, 30_000, 31_000, 40_000)
            .Select(ms => (Beat)new Beat.Wait(TimeSpan.FromMilliseconds(ms)))),
        (2, Gen.Elements(1, 5, 20, 60).Select(hours => (Beat)new Beat.Wait(TimeSpan.FromHours(hours)))),
        (3, Gen.Elements(-1, 0, 1, 1_800_000, 3_599_999, 3_600_000, 3_600_001)
            .Select(ms => (Beat)new Beat.ToMidnight(ms))),
        (4, Gen.Elements(-1, 0, 0, 1).Select(ms => (Beat)new Beat.ToNext(ms))),
        (2, Gen.Elements(-90_000, -3600, -1, 600, 50_000)
            .Select(seconds => (Beat)new Beat.WallJump(TimeSpan.FromSeconds(seconds)))));

    /// <summary>Everything at once, everything small.</summary>
    internal static Gen<Story> Mixed { get; } = StoryOf(Setup.Any, 8, 70, Gen.Frequency(
        (40, Batch((10, Submit), (8, Claim), (7, End), (4, Report), (2, Cancel), (2, Confirm), (1, Late))),
        (9, Time),
        (4, Whole),
        (1, Setup.Any.Select(to => (Beat)new Beat.Do(new Op.Reconfigure(to)))),
        (1, Gen.Constant((Beat)new Beat.Restart()))));

    /// <summary>Everything, and a restart now and then.</summary>
    internal static Gen<Story> Restarting { get; } = StoryOf(Setup.Any, 8, 70, Gen.Frequency(
        (40, Batch((10, Submit), (8, Claim), (7, End), (4, Report), (2, Cancel), (2, Confirm), (1, Late))),
        (9, Time),
        (4, Whole),
        (6, Gen.Constant((Beat)new Beat.Restart()))));

    /// <summary>Many jobs and few slots: who runs next, who waits for what.</summary>
    internal static Gen<Story> Crowd { get; } = StoryOf(Setup.Crowded, 20, 140, Gen.Frequency(
        (60, Batch((12, Submit), (9, Claim), (8, End), (2, Cancel))),
        (1, Time),
        (2, Setup.Crowded.Select(to => (Beat)new Beat.Do(new Op.Reconfigure(to))))));

    /// <summary>Shorter stories: without whole stretches first, then without single beats, then without single
    /// commands.</summary>
    internal static IEnumerable<Story> Shorter(Story story)
    {
        int count = story.Beats.Count;
        for (int length = count; length >= 1; length /= 2)
        {
            for (int from = 0; from < count; from += length)
            {
                yield return story with { Beats = [.. story.Beats.Take(from), .. story.Beats.Skip(from + length)] };
            }
        }

        for (int i = 0; i < count; i++)
        {
            if (story.Beats[i] is Beat.Do { Ops.Length: > 1 } batch)
            {
                for (int skipped = 0; skipped < batch.Ops.Length; skipped++)
                {
                    var ops = batch.Ops.Where((_, index) => index != skipped).ToArray();
                    yield return story with
                    {
                        Beats = [.. story.Beats.Take(i), new Beat.Do(ops), .. story.Beats.Skip(i + 1)],
                    };
                }
            }
        }
    }

    private static Gen<Beat> Batch(params (int Weight, Gen<Op> Gen)[] ops)
    {
        var op = Gen.Frequency(ops);
        return Gen.Frequency((6, op.ArrayOf(1)), (2, op.ArrayOf(2)), (1, op.ArrayOf(4)))
            .Select(batch => (Beat)new Beat.Do(batch));
    }

    private static Gen<Story> StoryOf(Gen<Setup> setups, int min, int max, Gen<Beat> beat) =>
        from setup in setups
        from length in Gen.Choose(min, max)
        from beats in beat.ArrayOf(length)
        select new Story(setup, beats);
}
