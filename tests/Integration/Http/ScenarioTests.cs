using System.Net;
using System.Text.Json.Nodes;

namespace Engine.Tests.Http;

/// <summary>The eight stories of system A, each told over a real socket from beginning to end (seed-semantics
/// 1.9).</summary>
public class ScenarioTests
{
    [Fact]
    public async Task Scenario_1_higher_tiers_go_first_and_equals_in_their_order()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "1"));
        await server.Client("first").SubmittedAsync("p0");
        var running = await server.Runs.NextAsync();
        string slow = await server.Client("a", "bootstrapper").SubmittedAsync("pa");
        string later = await server.Client("b", "bootstrapper").SubmittedAsync("pb");
        string middle = await server.Client("c", "partner").SubmittedAsync("pc");
        string fast = await server.Client("d", "cto_scale").SubmittedAsync("pd");

        List<string> order = [];
        for (int i = 0; i < 4; i++)
        {
            await running.CompleteAsync();
            running = await server.Runs.NextAsync();
            order.Add(running.JobId);
        }

        Assert.Equal([fast, middle, slow, later], order);
        await running.CompleteAsync();
    }

    [Fact]
    public async Task Scenario_2_jobs_over_the_allowance_leave_after_midnight_in_priority_order()
    {
        var time = new ManualTimeProvider();
        await using var server = await EngineServer.StartAsync(
            time,
            [("MaxConcurrentRuns", "0"), ("ReleaseJitter", "00:00:00"), ("Engine:Tiers:partner:DailyLimit", "1")]);
        var slow = server.Client("slow");
        for (int i = 0; i < 5; i++)
        {
            await slow.SubmittedAsync("ps");
        }

        string slowLate = await slow.SubmittedAsync("ps");
        var fast = server.Client("fast", "partner");
        await fast.SubmittedAsync("pf");
        string fastLate = await fast.SubmittedAsync("pf");
        await AssertStateAsync("scheduled");

        time.Advance(TimeSpan.FromHours(13));
        await AssertStateAsync("scheduled");
        time.Advance(TimeSpan.FromHours(1));
        await JobTests.UntilAsync(server, slowLate, JobState.Queued);
        await JobTests.UntilAsync(server, fastLate, JobState.Queued);

        // Six of yesterday's are ahead: five of the lower tier, one of the same.
        Assert.Equal(2, (await fast.JobAsync(fastLate)).Number("position"));
        Assert.Equal(8, (await slow.JobAsync(slowLate)).Number("position"));

        // They are charged to the day on which they run (DA-4).
        var usage = await (await fast.GetAsync("/api/usage")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal((1, 0), (Usage(usage, "jobs_used"), Usage(usage, "jobs_remaining")));

        async Task AssertStateAsync(string state)
        {
            Assert.Equal(state, (await slow.JobAsync(slowLate)).Text("state"));
            Assert.Equal(state, (await fast.JobAsync(fastLate)).Text("state"));
        }
    }

    [Fact]
    public async Task Scenario_3_the_queue_never_holds_more_than_its_cap_and_takes_more_when_it_shrinks()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "1"), ("GlobalCap", "3"));
        var client = server.Client("u", "cto_scale");
        await client.SubmittedAsync();
        var running = await server.Runs.NextAsync();
        for (int i = 0; i < 3; i++)
        {
            await client.SubmittedAsync();
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await client.SubmitAsync()).StatusCode);
        await running.CompleteAsync();
        await server.Runs.NextAsync();

        Assert.Equal(HttpStatusCode.Created, (await client.SubmitAsync()).StatusCode);
    }

    [Fact]
    public async Task Scenario_4_a_saturated_user_or_project_holds_up_nobody_else()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "8"));
        var greedy = server.Client("greedy", "cto_scale");
        for (int i = 0; i < 7; i++)
        {
            await greedy.SubmittedAsync("one-project");
        }

        string modest = await server.Client("modest").SubmittedAsync("p-modest");

        // Five of the project's seven run, as its tier allows, and the job behind the two that wait runs too.
        List<string> started = [];
        for (int i = 0; i < 6; i++)
        {
            started.Add((await server.Runs.NextAsync()).JobId);
        }

        Assert.Contains(modest, started);
        var queue = await (await greedy.GetAsync("/api/queue")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal((6, 2), (queue.Number("running"), queue.Number("queued")));
    }

    [Fact]
    public async Task Scenario_5_iterations_go_batch_by_batch_up_to_the_hard_cap()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        foreach (int used in new[] { 2, 4 })
        {
            await JobTests.SuspendAsync(await server.Runs.NextAsync(), iterations: 2);
            await JobTests.UntilAsync(server, id, JobState.AwaitingConfirmation);
            var job = await client.JobAsync(id);
            Assert.Equal(used, Usage(job, "iterations_used"));
            Assert.Equal("confirmation", job["waiting_for"]!.AsObject().Text("kind"));
            var granted = await (await client.PostAsync($"/api/jobs/{id}/confirm", null)).JsonAsync(HttpStatusCode.OK);
            Assert.Equal(2, granted.Number("iterations_granted"));
        }

        var last = await server.Runs.NextAsync();
        await last.MoveToAsync("checks");
        Assert.Equal(IterationAnswer.Granted, await last.Context.BeginIterationAsync());
        Assert.Equal(IterationAnswer.Granted, await last.Context.BeginIterationAsync());
        Assert.Equal(IterationAnswer.CapReached, await last.Context.BeginIterationAsync());
        last.Finish(JobOutcome.Done);
        await JobTests.UntilAsync(server, id, JobState.Completed);

        var ended = await client.JobAsync(id);
        Assert.Equal((6, 0), (Usage(ended, "iterations_used"), Usage(ended, "iterations_remaining")));
    }

    [Fact]
    public async Task Scenario_6_a_position_falls_as_the_jobs_ahead_finish()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "1"));
        var client = server.Client("u", "cto_scale");
        await client.SubmittedAsync();
        var running = await server.Runs.NextAsync();
        for (int i = 0; i < 3; i++)
        {
            await client.SubmittedAsync();
        }

        string last = await client.SubmittedAsync();
        List<long> positions = [(await client.JobAsync(last)).Number("position")];
        List<long> estimates = [Estimate(await client.JobAsync(last))];
        for (int i = 0; i < 3; i++)
        {
            await running.CompleteAsync();
            running = await server.Runs.NextAsync();
            var job = await client.JobAsync(last);
            positions.Add(job.Number("position"));
            estimates.Add(Estimate(job));
        }

        Assert.Equal([4, 3, 2, 1], positions);
        Assert.Equal(estimates.OrderDescending(), estimates);
    }

    [Fact]
    public async Task Scenario_7_a_rehearsal_walks_every_stage_as_a_client_sees_it()
    {
        await using var server = await EngineServer.StartAsync(
            ("environment", "Development"), ("Engine:Rehearsal:StageDuration", "00:00:00"), ("MaxConcurrentRuns", "1"));
        var client = server.Client();
        var body = new JsonObject
        {
            ["project_id"] = "p1",
            ["goal"] = "g",
            ["payload"] = new JsonObject { ["iterations"] = 2 },
        };
        var accepted = await (await client.PostJsonAsync("/api/jobs", body)).JsonAsync(HttpStatusCode.Created);
        string id = accepted.Text("job_id");
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/events/stream", lastEventId: 0);
        var events = await stream.ToEndAsync();

        // With resumption from the beginning nothing is missed, however fast the stages went by.
        string[] iteration = ["scaffold", "code", "deps", "checks"];
        Assert.Equal(
            ["queued", "starting", .. iteration, .. iteration, "ready"],
            events.Where(e => e.Data.Text("type") == "build.stage.started").Select(e => e.Status));
        var iterations = events.Where(e => e.Data.ContainsKey("iterations_used"));
        Assert.Equal([1L, 2L], iterations.Select(e => e.Data.Number("iterations_used")));
        var logs = await (await client.GetAsync($"/api/jobs/{id}/logs")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(9, logs["lines"]!.AsArray().Count);
    }

    [Fact]
    public async Task Scenario_8_a_failure_is_told_with_what_support_needs()
    {
        await using var server = await EngineServer.StartAsync(
            ("environment", "Development"), ("Engine:Rehearsal:StageDuration", "00:00:00"));
        var client = server.Client();
        var body = new JsonObject
        {
            ["project_id"] = "p1",
            ["goal"] = "g",
            ["payload"] = new JsonObject { ["fail_at"] = "deps", ["error"] = "token=abcdef123456 was refused" },
        };
        var accepted = await (await client.PostJsonAsync("/api/jobs", body)).JsonAsync(HttpStatusCode.Created);
        string id = accepted.Text("job_id");
        await JobTests.UntilAsync(server, id, JobState.Failed);

        var job = await client.JobAsync(id);

        Assert.Equal("failed", job.Text("status"));
        Assert.NotEmpty(job.Text("debug_id"));
        Assert.Contains("[REDACTED]", job.Text("error_message"), StringComparison.Ordinal);
        Assert.DoesNotContain("abcdef123456", job.ToJsonString(), StringComparison.Ordinal);
    }

    private static long Usage(JsonObject body, string name) => body["usage"]!.AsObject().Number(name);

    private static long Estimate(JsonObject job) => job["estimated_wait"]!.AsObject().Number("estimate_seconds");
}
