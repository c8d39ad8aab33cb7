using System.Reflection;
using Engine.Core;

namespace Engine.Tests.Core;

/// <summary>The words users speak: states, records and constants (seed-semantics 1.8, Schemas; constants of 1.2).</summary>
public sealed class ModelTests
{
    [Fact]
    public void A_S1_a_build_has_exactly_the_nine_statuses_of_the_original()
    {
        var pipeline = Pipeline.Build;

        string[] statuses =
        [
            JobState.Queued.WireName,
            .. pipeline.Stages.Select(stage => stage.Name),
            pipeline.Completed.Name,
            pipeline.Failed.Name,
            JobState.Scheduled.WireName,
        ];

        Assert.Equal(
            ["queued", "starting", "scaffold", "code", "deps", "checks", "ready", "failed", "scheduled"], statuses);
    }

    [Fact]
    public void A_S1_the_states_are_these_eight_with_these_numbers_and_names()
    {
        string[] states = [.. Enum.GetValues<JobState>().Select(state => $"{(int)state} {state.WireName} {state.IsFinal}")];

        Assert.Equal(
            [
                "0 none False", "1 scheduled False", "2 queued False", "3 running False",
                "4 awaiting_confirmation False", "5 completed True", "6 failed True", "7 cancelled True", "8 skipped True",
            ],
            states);
    }

    [Fact]
    public async Task A_S2_a_request_without_its_required_fields_is_refused_field_by_field()
    {
        // The original's "goal" is part of the payload, which the HTTP layer checks (A-H4); here it is what every job needs.
        await using var engine = await TestEngine.StartAsync();

        foreach (var (request, field) in new[]
        {
            (new JobRequest { Type = "", UserId = "u" }, nameof(JobRequest.Type)),
            (new JobRequest { Type = "work", UserId = "" }, nameof(JobRequest.UserId)),
            (new JobRequest { Type = null!, UserId = "u" }, nameof(JobRequest.Type)),
            (new JobRequest { Type = "work", UserId = null! }, nameof(JobRequest.UserId)),
        })
        {
            var refused = await engine.Engine.SubmitAsync(request);

            Assert.Equal(SubmitOutcome.Refused, refused.Outcome);
            Assert.Equal(RefusalReason.Invalid, refused.Refusal!.Reason);
            Assert.Equal(field, refused.Refusal.Field);
        }
    }

    [Fact]
    public async Task A_S3_a_job_keeps_the_eight_fields_of_its_record()
    {
        await using var engine = await TestEngine.StartAsync();
        var submitted = await engine.SubmitAsync("u1", "partner", "p1", "build");

        var view = await engine.ViewAsync(submitted.JobId);

        Assert.Equal(submitted.JobId, view.Id);
        Assert.Equal("p1", view.ProjectId);
        Assert.Equal("u1", view.UserId);
        Assert.Equal("partner", view.Tier);
        Assert.Equal("queued", view.Status);
        Assert.Equal(engine.Time.GetUtcNow(), view.SubmittedAt);
        Assert.Equal(1, view.Position);

        // The eighth, the score, is the order itself; its golden values are in OrderKeyTests (A-Q8).
        Assert.Equal("{}"u8.ToArray(), view.Payload.ToArray());
    }

    [Fact]
    public void A_S4_usage_counters_keep_their_five_fields()
    {
        string[] names = [.. typeof(UsageCounters).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => p.Name)];

        Assert.Equal(["JobsUsed", "JobsRemaining", "IterationsUsed", "IterationsRemaining", "DailyLimitResetsAt"], names);
    }

    [Theory]
    [InlineData("bootstrapper", 2, 2, 5, 2, 6, 0, 480)]
    [InlineData("partner", 3, 3, 50, 3, 9, 2, 600)]
    [InlineData("cto_scale", 10, 5, 200, 5, 15, 5, 900)]
    public void A_S5_the_tiers_have_the_documented_constants(
        string name, int user, int project, int daily, int depth, int cap, int boost, int seconds)
    {
        var tier = Assert.Single(Tiers.CoFounder, tier => tier.Name == name);

        Assert.Equal((user, project, daily), (tier.UserSlots, tier.ProjectSlots, tier.DailyLimit));
        Assert.Equal((depth, cap, boost), (tier.IterationDepth, tier.IterationCap, tier.Boost));
        Assert.Equal(seconds, tier.InitialDuration.TotalSeconds);
        Assert.Equal(3, Tiers.CoFounder.Count);
    }

    [Fact]
    public void A_S5_an_unknown_tier_falls_back_to_the_documented_constants()
    {
        var tier = new Tier { Name = "default" };

        Assert.Equal((2, 2, 5, 2, 6, 0), (
            tier.UserSlots, tier.ProjectSlots, tier.DailyLimit, tier.IterationDepth, tier.IterationCap, tier.Boost));
        Assert.Equal(600, tier.InitialDuration.TotalSeconds);
        Assert.Equal(100, new JobEngineOptions().GlobalCap);
    }

    [Fact]
    public void The_life_of_a_job_has_exactly_these_moves()
    {
        var states = Enum.GetValues<JobState>();
        string[] moves =
        [
            .. from state in states
               let to = states.Where(next => JobTransitions.Allows(state, next)).ToList()
               where to.Count > 0
               select $"{state.WireName} -> {string.Join(' ', to.Select(next => next.WireName))}",
        ];

        Assert.Equal(
            [
                "none -> scheduled queued",
                "scheduled -> queued cancelled",
                "queued -> running cancelled",
                "running -> scheduled queued awaiting_confirmation completed failed cancelled",
                "awaiting_confirmation -> scheduled queued failed cancelled",
            ],
            moves);
    }
}
