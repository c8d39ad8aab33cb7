using Engine.Estimation;
using Engine.Storage;

namespace Engine.Tests.Core;

/// <summary>Submissions that may be repeated: a key per user, kept with the effect (F19, W5).</summary>
public sealed class IdempotencyTests
{
    private static readonly JobRequest Request = new()
    {
        Type = "work",
        UserId = "u",
        ProjectId = "p",
        Tier = "bootstrapper",
        Payload = "{\"a\":1}"u8.ToArray(),
        IdempotencyKey = "key-1",
    };

    [Fact]
    public async Task The_same_key_and_body_give_the_same_job_and_answer_whatever_happened_since()
    {
        await using var engine = await TestEngine.StartAsync();
        var first = await engine.Engine.SubmitAsync(Request);
        await engine.SubmitQueuedAsync("high", "cto_scale");
        await engine.CompleteAsync(await engine.ClaimOneAsync());

        var second = await engine.Engine.SubmitAsync(Request with { Payload = "{\"a\":1}"u8.ToArray() });

        Assert.Equal(first with { Repeated = true }, second);
        Assert.Equal(1, (await engine.Engine.GetUsageAsync("u", "bootstrapper")).JobsUsed);
        Assert.Single((await engine.Engine.ListAsync(new JobQuery { UserId = "u" })).Jobs);
    }

    [Fact]
    public async Task An_estimator_that_says_nothing_of_its_confidence_does_not_spoil_the_journal()
    {
        var journal = new MemoryJournal();
        var options = new JobEngineOptions { Types = [new JobType { Name = "work" }] };
        await using var first = new JobEngine(options, journal, new ManualTimeProvider(), new VagueEstimator());
        await first.StartAsync();
        var submitted = await first.SubmitAsync(Request);
        await first.StopAsync();

        await using var second = new JobEngine(options, journal, new ManualTimeProvider(), new VagueEstimator());
        await second.StartAsync();

        Assert.Equal(new WaitEstimate(7, 0, 0, EstimateConfidence.Low), submitted.Estimate);
        Assert.Equal(submitted with { Repeated = true }, await second.SubmitAsync(Request));
        Assert.Equal(submitted.Estimate, (await second.GetAsync(submitted.JobId))!.Estimate);
    }

    [Fact]
    public async Task A_scheduled_answer_is_repeated_too()
    {
        await using var engine = await TestEngine.StartAsync();
        for (int i = 0; i < 5; i++)
        {
            await engine.SubmitQueuedAsync();
        }

        var first = await engine.Engine.SubmitAsync(Request);
        var second = await engine.Engine.SubmitAsync(Request);

        Assert.Equal(SubmitOutcome.Scheduled, first.Outcome);
        Assert.Equal(first with { Repeated = true }, second);
    }

    [Fact]
    public async Task Another_body_under_the_key_is_refused()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Engine.SubmitAsync(Request);

        foreach (var other in new[]
        {
            Request with { Payload = "{\"a\":2}"u8.ToArray() },
            Request with { Type = "build" },
            Request with { ProjectId = null },
            Request with { Priority = 1 },
        })
        {
            var refused = await engine.Engine.SubmitAsync(other);
            Assert.Equal(RefusalReason.IdempotencyKeyReused, refused.Refusal!.Reason);
            Assert.Equal(nameof(JobRequest.IdempotencyKey), refused.Refusal.Field);
        }

        Assert.Equal(1, (await engine.Engine.GetQueueAsync()).Queued);
    }

    [Fact]
    public async Task A_key_is_its_users_own()
    {
        await using var engine = await TestEngine.StartAsync();
        var first = await engine.Engine.SubmitAsync(Request);

        var other = await engine.Engine.SubmitAsync(Request with { UserId = "v", ProjectId = null });

        Assert.Equal((SubmitOutcome.Queued, false), (other.Outcome, other.Repeated));
        Assert.NotEqual(first.JobId, other.JobId);
    }

    [Fact]
    public async Task A_key_stands_for_its_job_for_24_hours_exactly()
    {
        await using var engine = await TestEngine.StartAsync();
        var first = await engine.Engine.SubmitAsync(Request);
        engine.Time.Advance(TimeSpan.FromHours(24) - TimeSpan.FromMilliseconds(1));
        var within = await engine.Engine.SubmitAsync(Request);

        engine.Time.Advance(TimeSpan.FromMilliseconds(1));
        var after = await engine.Engine.SubmitAsync(Request);
        var afterThat = await engine.Engine.SubmitAsync(Request);

        Assert.Equal((first.JobId, true), (within.JobId, within.Repeated));
        Assert.False(after.Repeated);
        Assert.NotEqual(first.JobId, after.JobId);
        Assert.Equal((after.JobId, true), (afterThat.JobId, afterThat.Repeated));
    }

    [Fact]
    public async Task A_refused_submission_keeps_nothing_under_its_key()
    {
        await using var engine = await TestEngine.StartAsync(options => options.GlobalCap = 1);
        var blocking = await engine.SubmitQueuedAsync("other");
        var refused = await engine.Engine.SubmitAsync(Request);
        await engine.Engine.CancelAsync(blocking);

        var accepted = await engine.Engine.SubmitAsync(Request with { Payload = "{}"u8.ToArray() });

        Assert.Equal(SubmitOutcome.Refused, refused.Outcome);
        Assert.Equal((SubmitOutcome.Queued, false), (accepted.Outcome, accepted.Repeated));
    }

    [Fact]
    public async Task Keys_and_answers_are_there_after_a_restart()
    {
        await using var engine = await TestEngine.StartAsync();
        var first = await engine.Engine.SubmitAsync(Request);

        await using var second = await engine.RestartAsync();
        var repeated = await second.Engine.SubmitAsync(Request);
        var reused = await second.Engine.SubmitAsync(Request with { Priority = 3 });

        Assert.Equal(first with { Repeated = true }, repeated);
        Assert.Equal(RefusalReason.IdempotencyKeyReused, reused.Refusal!.Reason);
    }

    [Fact]
    public async Task A_key_stands_for_its_job_even_when_the_job_is_forgotten()
    {
        await using var engine = await TestEngine.StartAsync(options => options.RetentionCount = 0);
        var first = await engine.Engine.SubmitAsync(Request);
        await engine.Engine.CancelAsync(first.JobId);
        await engine.PassAsync(TimeSpan.FromSeconds(1));

        var second = await engine.Engine.SubmitAsync(Request);

        Assert.Null(await engine.Engine.GetAsync(first.JobId));
        Assert.Equal((first.JobId, true), (second.JobId, second.Repeated));
    }

    [Fact]
    public async Task Many_at_once_under_one_key_make_one_job()
    {
        await using var engine = await TestEngine.StartAsync();

        var results = await Task.WhenAll(
            Enumerable.Range(0, 50).Select(_ => Task.Run(async () => await engine.Engine.SubmitAsync(Request))));

        Assert.Single(results.Select(result => result.JobId).Distinct());
        Assert.Single(results, result => !result.Repeated);
    }

    [Fact]
    public async Task An_id_that_exists_is_refused()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = JobId.New(engine.Time);
        var first = await engine.Engine.SubmitAsync(new JobRequest { Type = "work", UserId = "u", Id = id });

        var second = await engine.Engine.SubmitAsync(new JobRequest { Type = "work", UserId = "v", Id = id });

        Assert.Equal(id, first.JobId);
        Assert.Equal((RefusalReason.DuplicateId, "Id"), (second.Refusal!.Reason, second.Refusal.Field));
    }

    private sealed class VagueEstimator : IWaitEstimator
    {
        public void Record(Tier tier, TimeSpan duration)
        {
        }

        public WaitEstimate Estimate(Tier tier, long position, int workers) => new() { Seconds = 7 };
    }
}
