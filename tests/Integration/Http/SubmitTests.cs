using System.Net;
using System.Text.Json.Nodes;

namespace Engine.Tests.Http;

/// <summary>POST /api/jobs, over a real socket.</summary>
public class SubmitTests
{
    [Fact]
    public async Task A_H1_a_first_job_is_queued_with_position_estimate_and_usage()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));

        var body = await (await server.Client().SubmitAsync()).JsonAsync(HttpStatusCode.Created);

        Assert.Equal("queued", body.Text("status"));
        Assert.Equal(1, body.Number("position"));
        Assert.Equal("Queued at position 1", body.Text("message"));
        var usage = body["usage"]!.AsObject();
        Assert.Equal((1, 4), (usage.Number("jobs_used"), usage.Number("jobs_remaining")));
        Assert.Equal((0, 6), (usage.Number("iterations_used"), usage.Number("iterations_remaining")));
        var wait = body["estimated_wait"]!.AsObject();
        Assert.Equal(
            (480, 336, 624, "5 minutes-10 minutes", "medium"),
            (wait.Number("estimate_seconds"),
                wait.Number("lower_bound"),
                wait.Number("upper_bound"),
                wait.Text("message"),
                wait.Text("confidence")));
    }

    [Fact]
    public async Task A_H2_without_a_token_nothing_is_accepted()
    {
        await using var server = await EngineServer.StartAsync();

        var response = await server.ClientWith(null).SubmitAsync();

        Assert.Equal("Missing authorization header", (await response.JsonAsync(HttpStatusCode.Unauthorized)).Detail());
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var queue = await server.Engine.GetQueueAsync();
        Assert.Equal((0, 0, 0), (queue.Queued, queue.Running, queue.Scheduled));
    }

    [Fact]
    public async Task A_H3_without_a_subscription_the_answer_is_402_with_the_agreed_detail()
    {
        await using var server = await EngineServer.StartAsync(("RequireSubscription", "true"));

        var body = await (await server.Client().SubmitAsync()).JsonAsync(HttpStatusCode.PaymentRequired);

        var expected = new JsonObject
        {
            ["code"] = "subscription_required",
            ["message"] = "Active subscription required to start builds.",
            ["upgrade_url"] = "/billing",
        };
        Assert.True(JsonNode.DeepEquals(expected, body["detail"]), body.ToJsonString());
    }

    [Theory]
    [InlineData("dev:u1:bootstrapper:active", HttpStatusCode.Created)]
    [InlineData("dev:u1:bootstrapper:trialing", HttpStatusCode.Created)]
    [InlineData("dev:u1:partner", HttpStatusCode.Created)]
    [InlineData("dev:u1:bootstrapper:past_due", HttpStatusCode.PaymentRequired)]
    [InlineData("dev:u1:", HttpStatusCode.PaymentRequired)]
    [InlineData("dev:u1:no-such-plan", HttpStatusCode.PaymentRequired)]
    public async Task A_subscription_or_a_paid_plan_opens_the_gate(string token, HttpStatusCode expected)
    {
        await using var server = await EngineServer.StartAsync(("RequireSubscription", "true"));

        var response = await server.ClientWith(token).SubmitAsync();

        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task A_H4_an_empty_goal_is_refused_by_name()
    {
        await using var server = await EngineServer.StartAsync();

        var body = await (await server.Client().SubmitAsync(goal: "")).JsonAsync(HttpStatusCode.UnprocessableEntity);

        Assert.Equal("goal", body.Text("field"));
    }

    [Fact]
    public async Task A_H10_the_sixth_job_of_a_day_is_scheduled_and_not_refused()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client();
        for (int i = 0; i < 5; i++)
        {
            await client.SubmittedAsync();
        }

        var body = await (await client.SubmitAsync()).JsonAsync(HttpStatusCode.Created);

        Assert.Equal("scheduled", body.Text("status"));
        Assert.Equal(0, body.Number("position"));
        Assert.Null(body["estimated_wait"]);
        Assert.Equal("Daily limit reached. Scheduled for tomorrow.", body.Text("message"));
        var usage = body["usage"]!.AsObject();
        Assert.Equal((6, 0), (usage.Number("jobs_used"), usage.Number("jobs_remaining")));
    }

    [Fact]
    public async Task DA_5_a_scheduled_job_is_told_an_instant_in_the_first_hour_of_the_next_day()
    {
        var time = new ManualTimeProvider();
        await using var server = await EngineServer.StartAsync(time, [("MaxConcurrentRuns", "0")]);
        var client = server.Client();
        for (int i = 0; i < 5; i++)
        {
            await client.SubmittedAsync();
        }

        var body = await (await client.SubmitAsync()).JsonAsync(HttpStatusCode.Created);

        var midnight = new DateTimeOffset(2030, 6, 16, 0, 0, 0, TimeSpan.Zero);
        var until = body["scheduled_for"]!.GetValue<DateTimeOffset>();
        Assert.InRange(until, midnight, midnight.AddHours(1));
        var reason = (await client.JobAsync(body.Text("job_id")))["waiting_for"]!.AsObject();
        Assert.Equal("daily_allowance", reason.Text("kind"));
        Assert.Equal(until, reason["until"]!.GetValue<DateTimeOffset>());
    }

    [Fact]
    public async Task DA_4_the_day_after_a_full_one_takes_no_more_than_its_own_allowance()
    {
        var time = new ManualTimeProvider();
        await using var server = await EngineServer.StartAsync(time, [("MaxConcurrentRuns", "0")]);
        var client = server.Client();
        List<DateTimeOffset> days = [];
        for (int i = 0; i < 16; i++)
        {
            var body = await (await client.SubmitAsync()).JsonAsync(HttpStatusCode.Created);
            if (body["scheduled_for"] is { } day)
            {
                days.Add(day.GetValue<DateTimeOffset>().Date);
                string told = days.Count <= 5 ? "tomorrow" : $"{day.GetValue<DateTimeOffset>():yyyy-MM-dd}";
                Assert.Equal($"Daily limit reached. Scheduled for {told}.", body.Text("message"));
            }
        }

        Assert.Equal([5, 5, 1], days.GroupBy(day => day).OrderBy(day => day.Key).Select(day => day.Count()));
    }

    [Theory]
    [InlineData("bootstrapper", 8)]
    [InlineData("partner", 10)]
    [InlineData("cto_scale", 15)]
    public async Task A_H11_a_full_queue_answers_503_with_one_retry_time(string tier, long minutes)
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        await FillAsync(server, 100);

        var response = await server.Client("late", tier).SubmitAsync("p-late");

        var body = await response.JsonAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal($"System busy. Try again in {minutes} minutes.", body.Detail());
        Assert.Equal(minutes, body.Number("retry_after_minutes"));
        Assert.Equal(TimeSpan.FromMinutes(minutes), response.Headers.RetryAfter?.Delta);
    }

    [Fact]
    public async Task DA_25_header_field_and_text_of_a_refusal_say_the_same_time()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"), ("GlobalCap", "1"));
        await server.Client().SubmittedAsync();

        var response = await server.Client("late", "partner").SubmitAsync("p2");

        var body = await response.JsonAsync(HttpStatusCode.ServiceUnavailable);
        long minutes = body.Number("retry_after_minutes");
        Assert.Contains($"in {minutes} minutes", body.Detail(), StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromMinutes(minutes), response.Headers.RetryAfter?.Delta);
    }

    [Fact]
    public async Task DA_2_a_refused_submission_leaves_nothing_behind()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"), ("GlobalCap", "1"));
        await server.Client().SubmittedAsync();
        var late = server.Client("late");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await late.SubmitAsync("p2")).StatusCode);

        var list = await (await late.GetAsync("/api/jobs")).JsonAsync(HttpStatusCode.OK);
        Assert.Empty(list["jobs"]!.AsArray());
        var usage = await (await late.GetAsync("/api/usage")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(0, usage["usage"]!.AsObject().Number("jobs_used"));
    }

    [Fact]
    public async Task A_H13_three_jobs_of_one_user_are_accepted_and_two_of_them_run()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string[] ids =
        [
            await client.SubmittedAsync("p1"), await client.SubmittedAsync("p2"), await client.SubmittedAsync("p3"),
        ];

        var first = await server.Runs.NextAsync();
        await server.Runs.NextAsync();

        var third = await client.JobAsync(ids[2]);
        Assert.Equal("queued", third.Text("status"));
        Assert.Equal(("user_slots", 2, 2), WaitingFor(third));

        await first.CompleteAsync();
        Assert.Equal(ids[2], (await server.Runs.NextAsync()).JobId);
    }

    [Fact]
    public async Task A_H14_each_job_counts_and_an_unknown_user_is_a_bootstrapper()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.ClientWith("dev:nobody:");

        for (int i = 1; i <= 4; i++)
        {
            var body = await (await client.SubmitAsync()).JsonAsync(HttpStatusCode.Created);
            var usage = body["usage"]!.AsObject();
            Assert.Equal((i, 5 - i), (usage.Number("jobs_used"), usage.Number("jobs_remaining")));
        }
    }

    [Fact]
    public async Task Three_jobs_of_a_partner_leave_47_until_midnight_utc()
    {
        var time = new ManualTimeProvider();
        await using var server = await EngineServer.StartAsync(time, [("MaxConcurrentRuns", "0")]);
        var client = server.Client("u2", "partner");
        await client.SubmittedAsync();
        await client.SubmittedAsync();

        var body = await (await client.SubmitAsync()).JsonAsync(HttpStatusCode.Created);

        var usage = body["usage"]!.AsObject();
        Assert.Equal((3, 47), (usage.Number("jobs_used"), usage.Number("jobs_remaining")));
        Assert.Equal("2030-06-16T00:00:00+00:00", usage.Text("daily_limit_resets_at"));
    }

    [Fact]
    public async Task DA_21_a_project_of_another_user_is_not_found()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        await server.Client("owner").SubmittedAsync("mine");

        var body = await (await server.Client("thief").SubmitAsync("mine")).JsonAsync(HttpStatusCode.NotFound);

        Assert.Equal("Project not found", body.Detail());
    }

    [Fact]
    public async Task A_type_that_nobody_serves_is_refused_naming_those_that_somebody_does()
    {
        await using var server = await EngineServer.StartAsync();

        var response = await server.Client().PostJsonAsync(
            "/api/jobs", new JsonObject { ["project_id"] = "p1", ["goal"] = "g", ["type"] = "bake" });

        var body = await response.JsonAsync(HttpStatusCode.UnprocessableEntity);
        Assert.Equal("type", body.Text("field"));
        Assert.Contains("Known types: build", body.Detail(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_every_day_ahead_is_full_the_answer_is_429_with_a_retry_time()
    {
        // A minute and a half before there is room again: whoever comes back as told must not be too early.
        var time = new ManualTimeProvider(new DateTimeOffset(2030, 6, 15, 23, 58, 30, TimeSpan.Zero));
        await using var server = await EngineServer.StartAsync(
            time, [("MaxConcurrentRuns", "0"), ("MaxDaysAhead", "1")]);
        var client = server.Client();
        for (int i = 0; i < 10; i++)
        {
            await client.SubmittedAsync();
        }

        var response = await client.SubmitAsync();

        var body = await response.JsonAsync(HttpStatusCode.TooManyRequests);
        Assert.Equal(2, body.Number("retry_after_minutes"));
        Assert.Equal(TimeSpan.FromMinutes(2), response.Headers.RetryAfter?.Delta);
    }

    [Fact]
    public async Task The_payload_reaches_the_handler_with_the_goal_beside_its_fields()
    {
        await using var server = await EngineServer.StartAsync();
        var body = JsonNode.Parse(
            """{"project_id":"p1","goal":"g","payload":{"depth":{"a":[1,2]},"name":"\u00fc"}}""")!;

        Assert.Equal(HttpStatusCode.Created, (await server.Client().PostJsonAsync("/api/jobs", body)).StatusCode);

        var payload = JsonNode.Parse((await server.Runs.NextAsync()).Context.Payload.Span);
        Assert.True(
            JsonNode.DeepEquals(JsonNode.Parse("""{"goal":"g","depth":{"a":[1,2]},"name":"ü"}"""), payload),
            payload?.ToJsonString());
    }

    /// <summary>Fills the queue with jobs of a user who may have 200 a day.</summary>
    internal static async Task FillAsync(EngineServer server, int count)
    {
        var filler = server.Client("filler", "cto_scale");
        for (int i = 0; i < count; i++)
        {
            await filler.SubmittedAsync("p-filler");
        }
    }

    private static (string Kind, long Used, long Capacity) WaitingFor(JsonObject job)
    {
        var reason = job["waiting_for"]!.AsObject();
        return (reason.Text("kind"), reason.Number("used"), reason.Number("capacity"));
    }
}
