using Engine.Core;
using Engine.Core.Rules;
using Engine.Core.Scheduling;
using Engine.Estimation;
using Engine.Runtime;

namespace Engine.Tests.Core.Scheduling;

public sealed class LaneMemoTests
{
    private static readonly JobEngineOptions Options = new()
    {
        Types = [new JobType { Name = "work" }, new JobType { Name = "other" }],
        Tiers = [.. Tiers.CoFounder.Select(tier => tier with { DailyLimit = 1_000_000 })],
        Resources = { ["gpu"] = 4, ["disk"] = 4 },
        GlobalCap = 1_000_000,
        RetentionCount = 0,
        SharedProjects = true,
    };

    private readonly BatchWriter _writer = new();
    private readonly EngineCore _core;
    private ulong _ids;

    public LaneMemoTests()
    {
        _core = new EngineCore(EngineSettings.From(Options), new MovingAverageEstimator(), _writer);
        _core.AdvanceTo(new Instant(1_900_000_000_000), 0);
    }

    private LaneMemo Memo => _core.State.LaneMemo;

    [Theory]
    [InlineData("partner")]
    [InlineData("no-such-tier")]
    [InlineData(null)]
    public void A_submission_like_one_before_is_guessed_right(string? tier)
    {
        var first = Submitted(Of("ann", "p", "work", tier, "gpu"));

        var guess = Memo.Find(Of("ann", "p", "work", tier, "gpu"));

        Assert.Same(first.Lane, guess.Lane);
        Assert.Same(first.Lane, LaneMemo.Check(guess, _core.Settings));
    }

    [Theory]
    [InlineData("bob", "p", "work", "partner", "gpu")]
    [InlineData("ann", "q", "work", "partner", "gpu")]
    [InlineData("ann", null, "work", "partner", "gpu")]
    [InlineData("ann", "p", "other", "partner", "gpu")]
    [InlineData("ann", "p", "work", "bootstrapper", "gpu")]
    [InlineData("ann", "p", "work", null, "gpu")]
    [InlineData("ann", "p", "work", "partner", "disk")]
    [InlineData("ann", "p", "work", "partner", null)]
    public void A_submission_that_asks_for_anything_else_is_not_guessed(
        string user, string? project, string type, string? tier, string? resource)
    {
        Submitted(Of("ann", "p", "work", "partner", "gpu"));
        var other = Of(user, project, type, tier, resource);

        Assert.Equal(default, Memo.Find(other));
        Assert.NotSame(Submitted(Of("ann", "p", "work", "partner", "gpu")).Lane, Submitted(other).Lane);
    }

    [Fact]
    public void A_guess_of_other_settings_counts_no_more()
    {
        Submitted(Of("ann", "p", "work", "partner", "gpu"));
        var guess = Memo.Find(Of("ann", "p", "work", "partner", "gpu"));
        var without = new JobEngineOptions { Types = Options.Types, Tiers = Options.Tiers, Resources = { ["disk"] = 4 } };

        Configuring.Adopt(_core, EngineSettings.From(without));

        Assert.Null(LaneMemo.Check(guess, _core.Settings));
        var refused = Submitting.Decide(
            _core, Of("ann", "p", "work", "partner", "gpu"), new SubmitHint { Guess = guess });
        Assert.Equal("Resources", refused.Refusal!.Field);
    }

    [Fact]
    public void A_guess_of_a_forgotten_lane_counts_no_more()
    {
        var job = Submitted(Of("ann", "p", "work", "partner", "gpu"));
        var lane = job.Lane;
        var guess = Memo.Find(Of("ann", "p", "work", "partner", "gpu"));

        Cancelling.Decide(_core, job);
        Retaining.Decide(_core);

        Assert.Null(LaneMemo.Check(guess, _core.Settings));
        Assert.Equal(default, Memo.Find(Of("ann", "p", "work", "partner", "gpu")));
        var again = Submitting.Decide(
            _core, Of("ann", "p", "work", "partner", "gpu"), new SubmitHint { Guess = guess });
        Assert.Equal(SubmitOutcome.Queued, again.Outcome);
        Assert.NotSame(lane, _core.State.Jobs[again.JobId].Lane);
    }

    [Fact]
    public void A_lane_that_is_asked_for_in_two_ways_is_guessed_as_it_was_last()
    {
        // Both go to the fallback's lane.
        var lane = Submitted(Of("ann", "p", "work", "nobody-knows", null)).Lane;
        var older = Memo.Find(Of("ann", "p", "work", "nobody-knows", null));
        Assert.Same(lane, Submitted(Of("ann", "p", "work", "nor-this", null)).Lane);

        Assert.Same(lane, Memo.Find(Of("ann", "p", "work", "nor-this", null)).Lane);
        Assert.Null(Memo.Find(Of("ann", "p", "work", "nobody-knows", null)).Lane);
        Assert.Null(LaneMemo.Check(older, _core.Settings));
    }

    [Fact]
    public void Most_of_many_lanes_are_guessed_and_all_are_forgotten()
    {
        const int Count = 20_000;
        Job[] jobs = [.. Enumerable.Range(0, Count).Select(i => Submitted(OfUser(i)))];
        int guessed = Guessed();
        Assert.InRange(guessed, Count * 9 / 10, Count);

        foreach (var job in jobs)
        {
            Cancelling.Decide(_core, job);
        }

        Retaining.Decide(_core);
        while (_core.State.Ended.Count > 0)
        {
            Retaining.Decide(_core);
        }

        Assert.Equal(0, Guessed());

        int Guessed() => Enumerable.Range(0, Count)
            .Count(i => Memo.Find(OfUser(i)).Lane is not null);

        Submission OfUser(int i) => Of($"u{i}", $"p{i}", "work", "partner", null);
    }

    [Fact]
    public async Task Callers_that_look_while_lanes_come_and_go_are_never_given_another_ones()
    {
        const int Users = 3_000;
        using var stop = new CancellationTokenSource();
        Task<long>[] callers =
        [
            .. Enumerable.Range(0, 3).Select(caller => Task.Run(() =>
            {
                long found = 0;
                for (int i = caller; !stop.IsCancellationRequested; i = (i + 7) % Users)
                {
                    var submission = Of($"u{i}", null, "work", "partner", null);
                    if (Memo.Find(submission).Lane is { } lane)
                    {
                        found++;
                        Assert.Equal(submission.UserId, lane.Owner.Id);
                    }
                }

                return found;
            })),
        ];

        var random = new Random(7);
        for (int round = 0; round < 8; round++)
        {
            Job[] jobs =
            [
                .. Enumerable.Range(0, Users).Select(_ =>
                    Submitted(Of($"u{random.Next(Users)}", null, "work", "partner", null))),
            ];
            foreach (var job in jobs)
            {
                Cancelling.Decide(_core, job);
            }

            Retaining.Decide(_core);
        }

        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(callers), found => Assert.True(found > 0));
    }

    private Job Submitted(Submission submission)
    {
        _writer.Batch.Reset();
        var result = Submitting.Decide(_core, submission);
        Assert.Equal(SubmitOutcome.Queued, result.Outcome);
        return _core.State.Jobs[result.JobId];
    }

    private Submission Of(string user, string? project, string type, string? tier, string? resource) => new(
        JobId.New(1_900_000_000_000, 0, Interlocked.Increment(ref _ids)), false, type, user, project, tier, 0, new byte[8],
        resource is null ? null : [resource], null, default);
}
