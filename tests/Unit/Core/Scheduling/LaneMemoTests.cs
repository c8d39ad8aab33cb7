using Engine.Core;
using Engine.Core.Rules;
using Engine.Core.Scheduling;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;

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

    [Theory]
    [InlineData("partner")]
    [InlineData("no-such-tier")]
    [InlineData(null)]
    public void A_submission_like_one_before_is_spared_the_search(string? tier)
    {
        var first = Submitted(Of("ann", "p", "work", tier, "gpu"));

        Assert.Same(first.Lane, LaneFor(Of("ann", "p", "work", tier, "gpu")));
        Assert.Same(first.Lane, Submitted(Of("ann", "p", "work", tier, "gpu")).Lane);
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
    public void A_submission_that_asks_for_anything_else_is_not(
        string user, string? project, string type, string? tier, string? resource)
    {
        var first = Submitted(Of("ann", "p", "work", "partner", "gpu"));
        var other = Of(user, project, type, tier, resource);

        Assert.Null(LaneFor(other));
        Assert.NotSame(first.Lane, Submitted(other).Lane);
        Assert.Same(first.Lane, LaneFor(Of("ann", "p", "work", "partner", "gpu")));
    }

    [Fact]
    public void What_was_found_right_under_other_settings_counts_no_more()
    {
        Submitted(Of("ann", "p", "work", "partner", "gpu"));
        var submission = Of("ann", "p", "work", "partner", "gpu");
        var hint = Prepared(submission, out var names);
        var without = new JobEngineOptions
        {
            Types = Options.Types,
            Tiers = Options.Tiers,
            Resources = { ["disk"] = 4 },
        };

        Configuring.Adopt(_core, EngineSettings.From(without));

        // Prepared before they were in force, and after.
        Assert.Equal("Resources", Submitting.Decide(_core, submission, names, hint).Refusal!.Field);
        hint = Prepared(submission, out names);
        Assert.Equal("Resources", Submitting.Decide(_core, submission, names, hint).Refusal!.Field);
        Assert.Null(LaneFor(submission));
    }

    [Fact]
    public void A_guess_of_another_users_lane_is_no_look_at_that_users_allowance()
    {
        var once = new JobEngineOptions
        {
            Types = Options.Types,
            Tiers = [.. Options.Tiers.Select(tier => tier with { DailyLimit = 1 })],
        };
        Configuring.Adopt(_core, EngineSettings.From(once));
        var bob = Of("bob", "p", "work", "partner", null);
        Submitted(bob);
        var ann = Of("ann", "q", "work", "partner", null);

        // As if the names of both had one hash.
        var result = Submitting.Decide(_core, ann, NamesOf(ann), Prepared(bob, out _));

        Assert.Equal(SubmitOutcome.Queued, result.Outcome);
        Assert.Equal("ann", _core.State.Jobs[result.JobId].User.Id);
    }

    [Fact]
    public void A_lane_that_was_forgotten_meanwhile_counts_no_more()
    {
        var job = Submitted(Of("ann", "p", "work", "partner", "gpu"));
        var lane = job.Lane;
        var submission = Of("ann", "p", "work", "partner", "gpu");
        var hint = Prepared(submission, out var names);

        Cancelling.Decide(_core, job);
        Retaining.Decide(_core);

        Assert.Null(LaneFor(submission));
        var again = Submitting.Decide(_core, submission, names, hint);
        Assert.Equal(SubmitOutcome.Queued, again.Outcome);
        Assert.NotSame(lane, _core.State.Jobs[again.JobId].Lane);
    }

    [Fact]
    public void A_lane_that_is_asked_for_in_two_ways_is_known_as_it_was_last()
    {
        // Both go to the fallback's lane.
        var lane = Submitted(Of("ann", "p", "work", "nobody-knows", null)).Lane;
        Assert.Same(lane, Submitted(Of("ann", "p", "work", "nor-this", null)).Lane);

        Assert.Same(lane, LaneFor(Of("ann", "p", "work", "nor-this", null)));
        Assert.Null(LaneFor(Of("ann", "p", "work", "nobody-knows", null)));
        Assert.Same(lane, Submitted(Of("ann", "p", "work", "nobody-knows", null)).Lane);
    }

    [Fact]
    public void Names_beyond_the_measure_are_found_the_long_way()
    {
        // Each name has its length before it, and the resources their count.
        string project = new('p', LaneNames.Capacity - "annworkpartner".Length - 5);
        Submitted(Of("ann", project, "work", "partner", null));
        var longer = Submitted(Of("ann", project + "p", "work", "partner", null));

        Assert.NotNull(LaneFor(Of("ann", project, "work", "partner", null)));
        Assert.Null(LaneFor(Of("ann", project + "p", "work", "partner", null)));
        Assert.Same(longer.Lane, Submitted(Of("ann", project + "p", "work", "partner", null)).Lane);
    }

    [Fact]
    public void Most_of_many_lanes_are_known_and_all_are_forgotten()
    {
        const int Count = 20_000;

        // Twice: what was pushed out while the memo was small comes back.
        Job[] jobs = [.. Enumerable.Range(0, 2 * Count).Select(i => Submitted(OfUser(i % Count)))];
        Assert.InRange(Known(), Count * 98 / 100, Count);

        foreach (var job in jobs)
        {
            Cancelling.Decide(_core, job);
        }

        while (_core.State.Ended.Count > 0)
        {
            Retaining.Decide(_core);
        }

        Assert.Equal(0, Known());

        int Known() => Enumerable.Range(0, Count).Count(i => LaneFor(OfUser(i)) is not null);

        Submission OfUser(int i) => Of($"u{i}", $"p{i}", "work", "partner", null);
    }

    private static LaneNames NamesOf(Submission submission)
    {
        var names = default(LaneNames);
        EventCodec.WriteNames(submission, ref names);
        return names;
    }

    private Lane? LaneFor(Submission submission)
    {
        var names = NamesOf(submission);
        var known = _core.State.LaneMemo.Guess(names.Hash);
        return known.Is(names.Bytes) ? known.Lane : null;
    }

    private SubmitHint Prepared(Submission submission, out LaneNames names)
    {
        names = NamesOf(submission);
        var hint = default(SubmitHint);
        for (int step = 0; step < Operation.PrepareSteps; step++)
        {
            Submitting.Prepare(_core, submission, names, ref hint, step);
        }

        return hint;
    }

    private Job Submitted(Submission submission)
    {
        _writer.Batch.Reset();
        var hint = Prepared(submission, out var names);
        var result = Submitting.Decide(_core, submission, names, hint);
        Assert.Equal(SubmitOutcome.Queued, result.Outcome);
        return _core.State.Jobs[result.JobId];
    }

    private Submission Of(string user, string? project, string type, string? tier, string? resource) => new(
        JobId.New(1_900_000_000_000, 0, ++_ids), false, type, user, project, tier, 0, new byte[8],
        resource is null ? null : [resource], null, default);
}
