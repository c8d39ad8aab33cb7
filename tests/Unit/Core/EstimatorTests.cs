using Engine.Estimation;

namespace Engine.Tests.Core;

/// <summary>The documented wait estimate (seed-semantics 1.5, golden vectors of 1.7, cases A-E1 to A-E14).</summary>
public sealed class EstimatorTests
{
    private static readonly Tier Bootstrapper = Tiers.CoFounder[0];

    [Theory]
    [InlineData("bootstrapper", 1, 1, 480, 336, 624, "5 minutes-10 minutes", EstimateConfidence.Medium)] // A-E1
    [InlineData("bootstrapper", 2, 1, 960, 672, 1248, "11 minutes-20 minutes", EstimateConfidence.Medium)] // A-E7
    [InlineData("bootstrapper", 3, 1, 1440, 1007, 1872, "16 minutes-31 minutes", EstimateConfidence.Medium)] // A-E5
    [InlineData("bootstrapper", 9, 1, 4320, 3024, 5616, "50 minutes-1h 33m", EstimateConfidence.Medium)]
    [InlineData("bootstrapper", 10, 2, 2400, 1680, 3120, "28 minutes-52 minutes", EstimateConfidence.Low)]
    [InlineData("partner", 1, 1, 600, 420, 780, "7 minutes-13 minutes", EstimateConfidence.Medium)] // A-E2
    [InlineData("partner", 6, 2, 1800, 1260, 2340, "21 minutes-39 minutes", EstimateConfidence.Medium)] // A-E6
    [InlineData("partner", 9, 1, 5400, 3779, 7020, "1h 2m-1h 57m", EstimateConfidence.Medium)]
    [InlineData("partner", 15, 1, 9000, 6300, 11700, "1h 45m-3h 15m", EstimateConfidence.Low)] // A-E8
    [InlineData("cto_scale", 1, 1, 900, 630, 1170, "10 minutes-19 minutes", EstimateConfidence.Medium)] // A-E3
    [InlineData("cto_scale", 3, 1, 2700, 1889, 3510, "31 minutes-58 minutes", EstimateConfidence.Medium)]
    [InlineData("cto_scale", 100, 1, 90000, 62999, 117000, "17h 29m-32h 30m", EstimateConfidence.Low)]
    public void A_E1_A_E2_A_E3_A_E5_A_E6_A_E7_A_E8_golden_estimates(
        string name, int position, int workers, long seconds, long lower, long upper, string message,
        EstimateConfidence confidence)
    {
        var tier = Tiers.CoFounder.Single(tier => tier.Name == name);

        var estimate = new MovingAverageEstimator().Estimate(tier, position, workers);

        Assert.Equal(new WaitEstimate(seconds, lower, upper, confidence), estimate);
        Assert.Equal(message, estimate.Message);
    }

    [Fact]
    public void A_E4_the_average_moves_by_three_tenths()
    {
        var estimator = new MovingAverageEstimator();

        estimator.Record(Bootstrapper, TimeSpan.FromSeconds(600));
        double first = estimator.AverageSeconds(Bootstrapper);
        estimator.Record(Bootstrapper, TimeSpan.FromSeconds(300));

        Assert.Equal(516, first, 9);
        Assert.Equal(451.2, estimator.AverageSeconds(Bootstrapper), 9);
    }

    [Fact]
    public void A_E14_after_three_long_runs_the_estimate_lies_between_600_and_900()
    {
        var estimator = new MovingAverageEstimator();
        var averages = new List<double>();

        foreach (int seconds in (int[])[800, 900, 850])
        {
            estimator.Record(Bootstrapper, TimeSpan.FromSeconds(seconds));
            averages.Add(Math.Round(estimator.AverageSeconds(Bootstrapper), 6));
        }

        Assert.Equal([576, 673.2, 726.24], averages);
        Assert.InRange(estimator.Estimate(Bootstrapper, 1, 1).Seconds, 601, 899);
    }

    [Theory]
    [InlineData(0, "0 seconds")]
    [InlineData(1, "1 seconds")]
    [InlineData(45, "45 seconds")] // A-E9
    [InlineData(59, "59 seconds")]
    [InlineData(60, "1 minute")] // A-E11
    [InlineData(119, "1 minute")]
    [InlineData(120, "2 minutes")]
    [InlineData(180, "3 minutes")] // A-E10
    [InlineData(3599, "59 minutes")]
    [InlineData(3600, "1h")]
    [InlineData(3900, "1h 5m")] // A-E12
    [InlineData(7200, "2h")] // A-E13
    public void A_E9_A_E10_A_E11_A_E12_A_E13_durations_in_words(long seconds, string expected) =>
        Assert.Equal(expected, WaitEstimate.Format(seconds));

    [Fact]
    public void Averages_are_kept_per_tier()
    {
        var estimator = new MovingAverageEstimator();

        estimator.Record(Bootstrapper, TimeSpan.FromSeconds(10));

        Assert.Equal(600, estimator.AverageSeconds(Tiers.CoFounder[1]));
        Assert.Equal(0, new MovingAverageEstimator().Estimate(Bootstrapper, 0, 0).Seconds);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(30)]
    public void Tiers_of_one_name_share_an_average_however_many_tiers_there_are(int count)
    {
        var random = new Random(count);
        var estimator = new MovingAverageEstimator();
        var expected = new Dictionary<string, double>(StringComparer.Ordinal);
        List<Tier> tiers = [.. Enumerable.Range(0, count).Select(i => new Tier { Name = $"t{i}" })];
        for (int step = 0; step < 2000; step++)
        {
            // Now and then the same tier in other words, as after a reload; who has the old ones goes on.
            var tier = tiers[random.Next(tiers.Count)];
            if (step % 50 == 0)
            {
                tier = tier with { DailyLimit = step + 1 };
                tiers.Add(tier);
            }

            if (random.Next(2) == 0)
            {
                int seconds = random.Next(1, 2000);
                double before = expected.GetValueOrDefault(tier.Name, tier.InitialDuration.TotalSeconds);
                expected[tier.Name] = (0.3 * seconds) + (0.7 * before);
                estimator.Record(tier, TimeSpan.FromSeconds(seconds));
            }

            Assert.Equal(
                expected.GetValueOrDefault(tier.Name, tier.InitialDuration.TotalSeconds),
                estimator.AverageSeconds(tier),
                6);
        }
    }

    [Fact]
    public async Task DA_23_estimates_use_the_real_number_of_workers_and_learn_once_from_each_completed_run()
    {
        await using var engine = await TestEngine.StartAsync(options => options.MaxConcurrentRuns = 2);
        var failed = await RunAsync(engine, "a", TimeSpan.FromSeconds(9000));
        await engine.FailAsync(failed);
        long afterFailure = (await engine.SubmitAsync("b")).Estimate!.Value.Seconds;

        var first = await RunAsync(engine, "c", TimeSpan.FromSeconds(600));
        await engine.CompleteAsync(first);
        await engine.CompleteAsync(first);
        var next = await engine.SubmitAsync("d");

        // A failed run teaches nothing; a completed one is counted once, however often its end is told.
        Assert.Equal(240, afterFailure);
        Assert.Equal(258 * next.Position, next.Estimate!.Value.Seconds);
    }

    [Fact]
    public async Task What_was_learned_is_there_again_after_a_restart()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.CompleteAsync(await RunAsync(engine, "a", TimeSpan.FromSeconds(600)));
        await engine.CompleteAsync(await RunAsync(engine, "b", TimeSpan.FromSeconds(300)));
        var before = (await engine.Engine.GetQueueAsync()).Tiers[0].NextEstimate;

        await using var second = await engine.RestartAsync();

        Assert.Equal(before, (await second.Engine.GetQueueAsync()).Tiers[0].NextEstimate);
        Assert.Equal((long)(451.2 / 4), before.Seconds);
    }

    // The lease lasts an hour longer than the run, so that only its end is told.
    private static async Task<ClaimedRun> RunAsync(TestEngine engine, string user, TimeSpan duration)
    {
        var id = await engine.SubmitQueuedAsync(user, "bootstrapper");
        ClaimedRun run;
        do
        {
            run = await engine.ClaimOneAsync();
        }
        while (run.Lease.JobId != id);

        for (var left = duration; left > TimeSpan.Zero; left -= TimeSpan.FromSeconds(30))
        {
            await engine.PassAsync(TimeSpan.FromSeconds(30));
            Assert.Equal(LeaseAnswer.Accepted, await engine.Engine.HeartbeatAsync(run.Lease));
        }

        return run;
    }
}
