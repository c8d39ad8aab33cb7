using Engine.Core;
using Engine.Core.Rules;
using Engine.Storage;

namespace Engine.Tests.Core;

/// <summary>What a question costs everybody else when one user has very many jobs, or very many are old.</summary>
public sealed class LongListTests
{
    private const string User = "u";

    [Theory]
    [InlineData(null)]
    [InlineData(JobState.Running)]
    [InlineData(JobState.Failed)]
    [InlineData(JobState.Cancelled)]
    public async Task A_page_looks_at_few_jobs_however_many_there_are_and_all_pages_show_each_once(JobState? state)
    {
        const int Count = 20_000;
        var engine = await StartAsync(new JobEngineOptions());
        await FillAsync(engine, Count);
        await engine.WorkAsync([], 2);
        var expected = engine.Core.State.Jobs.Values.Where(job => state is null || job.State == state)
            .OrderByDescending(job => job.Sequence).Select(job => job.Id).ToList();

        foreach (int limit in new[] { 1, 7, 200 })
        {
            var seen = new List<JobId>();
            int pages = 0;
            for (long? cursor = null; cursor is not null || pages == 0; pages++)
            {
                var page = Viewing.List(
                    engine.Core, new JobQuery { UserId = User, State = state, Limit = limit, Cursor = cursor }, out int looked);
                Assert.InRange(looked, 0, Viewing.MaxListed + JobMilestones.Distance);
                Assert.InRange(page.Jobs.Count, 0, limit);
                Assert.True(page.NextCursor is null || cursor is null || page.NextCursor < cursor);
                seen.AddRange(page.Jobs.Select(job => job.Id));
                cursor = page.NextCursor;

                // Few pages where they are full is what the other limits are tested for.
                if (limit == 1 && seen.Count == 500)
                {
                    break;
                }
            }

            Assert.Equal(expected.Take(seen.Count), seen);
            Assert.True(limit == 1 || seen.Count == expected.Count);
            Assert.InRange(pages, 1, 1 + (Count / Viewing.MaxListed) + (seen.Count / limit));
        }
    }

    [Fact]
    public async Task A_list_goes_on_where_it_was_whatever_is_forgotten_meanwhile()
    {
        const int Count = 6_000;
        var engine = await StartAsync(new JobEngineOptions { RetentionCount = 1_000 });
        await FillAsync(engine, Count);
        var stays = engine.Core.State.Jobs.Values.ToDictionary(job => job.Id, job => job.Sequence);
        var seen = new List<JobId>();
        ulong dice = 11;
        for (long? cursor = long.MaxValue; cursor is not null;)
        {
            var page = Viewing.List(engine.Core, new JobQuery { UserId = User, Limit = 50, Cursor = cursor }, out int looked);
            Assert.InRange(looked, 0, 51 + JobMilestones.Distance);
            seen.AddRange(page.Jobs.Select(job => job.Id));
            cursor = page.NextCursor;

            // Ended jobs are forgotten from everywhere: those just listed, those about to be, and whole stretches.
            await engine.AskAsync(core =>
            {
                foreach (var job in core.State.Jobs.Values.ToList())
                {
                    dice = (dice * 6364136223846793005) + 1442695040888963407;
                    if ((dice >> 40) % 16 == 0 && !job.State.IsFinal)
                    {
                        Cancelling.Decide(core, job);
                    }
                }

                return true;
            });
            await engine.AskAsync(static _ => true);
            EngineInvariants.Check(engine.Core);
            foreach (var id in stays.Keys.Where(id => !engine.Core.State.Jobs.ContainsKey(id)).ToList())
            {
                stays.Remove(id);
            }
        }

        Assert.InRange(stays.Count, 500, 2_000);
        Assert.Equal(seen.Distinct().Count(), seen.Count);
        Assert.Equal(stays.OrderByDescending(job => job.Value).Select(job => job.Key), seen.Where(stays.ContainsKey));
    }

    [Fact]
    public async Task A_list_is_as_short_to_go_into_after_a_restart()
    {
        var options = new JobEngineOptions();
        var journal = new MemoryJournal();
        await FillAsync(await StartAsync(options, journal), 5_000);

        var core = (await StartAsync(options, journal)).Core;

        Assert.Equal(5_000, core.State.Jobs.Count);
        EngineInvariants.Check(core);
        Viewing.List(core, new JobQuery { UserId = User, Limit = 5, Cursor = 2_500 }, out int looked);
        Assert.InRange(looked, 5, 6 + JobMilestones.Distance);
    }

    [Fact]
    public async Task DA_19_very_many_jobs_that_grow_old_at_once_are_counted_a_part_at_a_time()
    {
        const int Count = (3 * Viewing.MaxCounted) + 500;
        var time = new ManualTimeProvider();
        var engine = await StartAsync(new JobEngineOptions(), time: time);
        await FillAsync(engine, Count);
        long live = engine.Core.State.Live.Count;
        Assert.Equal(0, await StaleAsync(engine));

        time.Advance(TimeSpan.FromHours(49));
        List<long> counts = [];
        do
        {
            // Nobody has to ask: as long as there is more to count, the loop does not sleep.
            long before = engine.Core.State.Live.CountedOld;
            counts.Add(await engine.AskAsync(static core => core.State.Live.CountedOld));
            Assert.InRange(counts[^1] - before, 0, 2 * Viewing.MaxCounted);
            Assert.Equal(engine.Core.State.Live.IsCounting, engine.NextWake < TimeSpan.Zero);
        }
        while (engine.Core.State.Live.IsCounting);

        Assert.InRange(counts.Count, 2, 5);
        Assert.Equal(live, await StaleAsync(engine));
    }

    [Fact]
    public async Task DA_19_the_count_of_old_jobs_is_exact_whatever_ends_between()
    {
        var time = new ManualTimeProvider();
        var options = new JobEngineOptions();
        var engine = await StartAsync(options, time: time);
        ulong dice = 3;
        for (int round = 0; round < 200; round++)
        {
            time.Advance(TimeSpan.FromHours(1));
            if (round % 3 != 0)
            {
                await engine.AskAsync(core =>
                {
                    Submit(core, (ulong)round * 100, 20);
                    return true;
                });
            }

            await engine.AskAsync(core =>
            {
                foreach (var job in Live(core).ToList())
                {
                    dice = (dice * 6364136223846793005) + 1442695040888963407;
                    if ((dice >> 40) % 40 == 0)
                    {
                        Cancelling.Decide(core, job);
                    }
                }

                return true;
            });

            // A reload may let jobs count as old sooner, or later.
            var stale = TimeSpan.FromHours((dice >> 20) % 3 == 0 ? 20 : 48);
            long expected = await engine.AskAsync(core =>
            {
                core.Settings = EngineSettings.From(Options(new JobEngineOptions { StaleAfter = stale }));
                return Live(core).LongCount(job => core.State.Now.Since(job.SubmittedAt) > stale);
            });
            Assert.Equal(expected, await StaleAsync(engine));
        }

        Assert.True(await StaleAsync(engine) > 0);
    }

    private static Task<long> StaleAsync(SteppedEngine engine) =>
        engine.AskAsync(static core => Viewing.Summarize(core).Stale);

    private static IEnumerable<Job> Live(EngineCore core)
    {
        foreach (var job in core.State.Live.All)
        {
            yield return job;
        }
    }

    /// <summary>Jobs of one user, every tenth of them cancelled.</summary>
    private static async Task FillAsync(SteppedEngine engine, int count)
    {
        const int AtOnce = 500;
        for (int first = 0; first < count; first += AtOnce)
        {
            await engine.AskAsync(core =>
            {
                Submit(core, (ulong)first, AtOnce);
                return true;
            });
        }
    }

    private static void Submit(EngineCore core, ulong first, int count)
    {
        for (ulong i = first; i < first + (ulong)count; i++)
        {
            var id = new JobId(new Guid((uint)i, 0, 0x7000, 0x80, 0, 0, 0, 0, 0, 0, 1));
            Assert.Equal(SubmitOutcome.Queued, Submitting.Decide(core, SteppedEngine.Submission(User, id)).Outcome);
            if (i % 10 == 0)
            {
                Cancelling.Decide(core, core.State.Jobs[id]);
            }
        }
    }

    private static Task<SteppedEngine> StartAsync(
        JobEngineOptions options, IJournal? journal = null, ManualTimeProvider? time = null) =>
        SteppedEngine.StartAsync(Options(options), journal ?? new MemoryJournal(), time ?? new ManualTimeProvider());

    private static JobEngineOptions Options(JobEngineOptions options)
    {
        options.Types = [new JobType { Name = "work" }];
        options.GlobalCap = 100_000;
        options.Tiers = [.. Tiers.CoFounder.Select(tier => tier with { DailyLimit = 1_000_000 })];
        options.RetentionTime = TimeSpan.FromDays(365);
        return options;
    }
}
