using System.Net;

namespace Engine.Tests.Http;

/// <summary>Looking at jobs, confirming and cancelling them, over a real socket.</summary>
public class JobTests
{
    [Fact]
    public async Task A_H5_a_user_sees_the_status_of_an_own_job()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client();
        string id = await client.SubmittedAsync();

        var job = await client.JobAsync(id);

        Assert.Equal(
            (id, "queued", 1, ""),
            (job.Text("job_id"), job.Text("status"), job.Number("position"), job.Text("message")));
        Assert.Equal(1, job["usage"]!.AsObject().Number("jobs_used"));
        Assert.Equal(("queued", "Queued..."), (job.Text("state"), job.Text("status_label")));
    }

    [Fact]
    public async Task A_H6_another_users_job_is_not_found()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        string id = await server.Client("owner").SubmittedAsync();

        var body = await (await server.Client("other").GetAsync($"/api/jobs/{id}")).JsonAsync(HttpStatusCode.NotFound);

        Assert.Equal("Job not found", body.Detail());
    }

    [Theory]
    [InlineData("00000000-0000-7000-8000-000000000000")]
    [InlineData("not-an-id")]
    [InlineData("%F0%9F%98%80")]
    [InlineData("00000000000070008000000000000000")]
    public async Task A_H7_an_id_that_names_nothing_is_not_found(string id)
    {
        await using var server = await EngineServer.StartAsync();

        var body = await (await server.Client().GetAsync($"/api/jobs/{id}")).JsonAsync(HttpStatusCode.NotFound);

        Assert.Equal("Job not found", body.Detail());
    }

    [Fact]
    public async Task A_H8_after_a_batch_of_iterations_a_confirmation_grants_the_next()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        await SuspendAsync(await server.Runs.NextAsync(), iterations: 2);
        await UntilAsync(server, id, JobState.AwaitingConfirmation);

        var body = await (await client.PostAsync($"/api/jobs/{id}/confirm", null)).JsonAsync(HttpStatusCode.OK);

        Assert.Equal((id, 2), (body.Text("job_id"), body.Number("iterations_granted")));
        var usage = body["usage"]!.AsObject();
        Assert.Equal((2, 4), (usage.Number("iterations_used"), usage.Number("iterations_remaining")));
        Assert.Equal(id, (await server.Runs.NextAsync()).JobId);
    }

    [Fact]
    public async Task A_H9_a_job_at_no_boundary_cannot_be_confirmed()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();

        var body = await (await client.PostAsync($"/api/jobs/{id}/confirm", null)).JsonAsync(HttpStatusCode.BadRequest);

        Assert.Equal("Job is not awaiting confirmation", body.Detail());
    }

    [Fact]
    public async Task DA_22_a_confirmation_sent_twice_grants_once()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "1"));
        var client = server.Client();
        string id = await client.SubmittedAsync();
        await SuspendAsync(await server.Runs.NextAsync(), iterations: 2);
        await UntilAsync(server, id, JobState.AwaitingConfirmation);

        await (await client.PostAsync($"/api/jobs/{id}/confirm", null)).JsonAsync(HttpStatusCode.OK);
        var second = await client.PostAsync($"/api/jobs/{id}/confirm", null);

        Assert.Contains(second.StatusCode, new[] { HttpStatusCode.OK, HttpStatusCode.BadRequest });
        Assert.Equal(4, (await client.JobAsync(id)).Number("iterations_granted"));
    }

    [Fact]
    public async Task A_H15_cancelling_a_job_in_code_stops_it_and_its_status_reads_failed()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        var run = await server.Runs.NextAsync();
        await run.MoveToAsync("code");

        var body = await (await client.PostAsync($"/api/jobs/{id}/cancel", null)).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(
            (id, "cancelled", "Build cancelled"), (body.Text("job_id"), body.Text("status"), body.Text("message")));
        Assert.True(run.Stop.IsCancellationRequested);
        var job = await client.JobAsync(id);
        Assert.Equal(
            ("failed", "cancelled", "Cancelled by user"), (job.Text("status"), job.Text("state"), job.Text("message")));
    }

    [Fact]
    public async Task A_H16_a_job_that_has_ended_cannot_be_cancelled()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        await (await server.Runs.NextAsync()).CompleteAsync();
        await UntilAsync(server, id, JobState.Completed);

        var body = await (await client.PostAsync($"/api/jobs/{id}/cancel", null)).JsonAsync(HttpStatusCode.Conflict);

        Assert.Equal("Job is already in terminal state (ready). Cannot cancel.", body.Detail());
    }

    [Fact]
    public async Task DA_17_cancelling_is_effective_for_queued_and_for_scheduled_jobs()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client();
        List<string> ids = [];
        for (int i = 0; i < 6; i++)
        {
            ids.Add(await client.SubmittedAsync());
        }

        Assert.Equal("scheduled", (await client.JobAsync(ids[5])).Text("state"));
        foreach (string id in new[] { ids[0], ids[5] })
        {
            await (await client.PostAsync($"/api/jobs/{id}/cancel", null)).JsonAsync(HttpStatusCode.OK);

            Assert.Equal("cancelled", (await client.JobAsync(id)).Text("state"));
        }

        // What never ran costs nothing.
        var usage = await (await client.GetAsync("/api/usage")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(4, usage["usage"]!.AsObject().Number("jobs_used"));
    }

    [Fact]
    public async Task DA_16_a_job_cancelled_while_queued_never_runs()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "1"));
        var client = server.Client();
        await client.SubmittedAsync("p1");
        var first = await server.Runs.NextAsync();
        string second = await client.SubmittedAsync("p2");
        string third = await client.SubmittedAsync("p3");
        await (await client.PostAsync($"/api/jobs/{second}/cancel", null)).JsonAsync(HttpStatusCode.OK);

        await first.CompleteAsync();

        Assert.Equal(third, (await server.Runs.NextAsync()).JobId);
    }

    [Fact]
    public async Task Work_that_does_not_stop_in_time_is_answered_with_202()
    {
        await using var server = await EngineServer.StartAsync(
            ("CancelWait", "00:00:00"));
        var client = server.Client();
        string id = await client.SubmittedAsync();
        await server.Runs.NextAsync();

        var response = await client.PostAsync($"/api/jobs/{id}/cancel", null);

        // It may have stopped in the very moment; either answer is true then.
        if (response.StatusCode == HttpStatusCode.Accepted)
        {
            Assert.Equal("cancelling", (await response.JsonAsync(HttpStatusCode.Accepted)).Text("status"));
        }

        await UntilAsync(server, id, JobState.Cancelled);
    }

    [Fact]
    public async Task A_failed_job_shows_its_error_and_a_debug_id()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        (await server.Runs.NextAsync()).Finish(new JobOutcome.Failed("no such package", Retryable: false));
        await UntilAsync(server, id, JobState.Failed);

        var job = await client.JobAsync(id);

        Assert.Equal(("failed", "no such package"), (job.Text("status"), job.Text("error_message")));
        Assert.NotEmpty(job.Text("debug_id"));
    }

    [Fact]
    public async Task Own_jobs_are_listed_newest_first_by_state_and_page()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client();
        await server.Client("other").SubmittedAsync("p-other");
        List<string> ids = [];
        for (int i = 0; i < 6; i++)
        {
            ids.Insert(0, await client.SubmittedAsync());
        }

        var first = await ListAsync(client, "?limit=4");
        var second = await ListAsync(client, $"?limit=4&cursor={first.Cursor}");
        var scheduled = await ListAsync(client, "?state=scheduled");

        Assert.Equal(ids, first.Ids.Concat(second.Ids));
        Assert.Null(second.Cursor);
        Assert.Equal([ids[0]], scheduled.Ids);
    }

    [Fact]
    public async Task The_queue_is_counted_by_tier()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        await server.Client("a").SubmittedAsync("pa");
        await server.Client("b", "cto_scale").SubmittedAsync("pb");

        var queue = await (await server.Client().GetAsync("/api/queue")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal((2, 100), (queue.Number("queued"), queue.Number("global_cap")));
        var tiers = queue["tiers"]!.AsArray().Select(tier => tier!.AsObject());
        Assert.Equal(
            [("bootstrapper", 1L), ("partner", 0L), ("cto_scale", 1L)],
            tiers.Select(tier => (tier.Text("tier"), tier.Number("queued"))));
    }

    [Fact]
    public async Task Health_is_open_to_everybody()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.ClientWith(null);

        foreach (string word in new[] { "live", "ready" })
        {
            var body = await (await client.GetAsync("/health/" + word)).JsonAsync(HttpStatusCode.OK);

            Assert.Equal(word, body.Text("status"));
        }
    }

    /// <summary>Uses up a batch and suspends, as a handler does that was told to.</summary>
    internal static async Task SuspendAsync(ScriptedRun run, int iterations)
    {
        await run.MoveToAsync("checks");
        for (int i = 0; i < iterations; i++)
        {
            Assert.Equal(IterationAnswer.Granted, await run.Context.BeginIterationAsync());
        }

        Assert.Equal(IterationAnswer.Suspend, await run.Context.BeginIterationAsync());
        run.Finish(new JobOutcome.Suspended("{}"u8.ToArray()));
    }

    /// <summary>Waits until a job is in a state, by the engine's own feed.</summary>
    internal static async Task UntilAsync(EngineServer server, string id, JobState state)
    {
        using var watch = await server.Engine.WatchAsync(JobId.Parse(id));
        if (watch!.Snapshot.State == state)
        {
            return;
        }

        using var guard = new CancellationTokenSource(TestEngine.Guard);
        await foreach (var update in watch.ReadAllAsync(guard.Token))
        {
            if (update.State == state)
            {
                return;
            }
        }

        Assert.Fail($"The job ended without being {state}.");
    }

    private static async Task<(List<string> Ids, string? Cursor)> ListAsync(HttpClient client, string query)
    {
        var page = await (await client.GetAsync("/api/jobs" + query)).JsonAsync(HttpStatusCode.OK);
        var ids = page["jobs"]!.AsArray().Select(job => job!.AsObject().Text("job_id")).ToList();
        return (ids, page["next_cursor"]?.GetValue<string>());
    }

    [Fact]
    public async Task What_is_left_of_the_day_is_a_matter_of_the_plan_that_the_caller_has_now()
    {
        await using var server = await EngineServer.StartAsync();
        string id = await server.Client("u1", "bootstrapper").SubmittedAsync();
        var upgraded = server.Client("u1", "partner");

        var usage = (await upgraded.JobAsync(id))["usage"]!.AsObject();
        var listed = (await (await upgraded.GetAsync("/api/jobs")).JsonAsync(HttpStatusCode.OK))["jobs"]![0]!["usage"]!.AsObject();

        Assert.Equal((1, 49), (usage.Number("jobs_used"), usage.Number("jobs_remaining")));
        Assert.Equal((1, 49), (listed.Number("jobs_used"), listed.Number("jobs_remaining")));
        Assert.Equal(6, usage.Number("iterations_remaining"));
    }

    [Theory]
    [InlineData("𠮷野家 \ud83c\udf5c")]
    [InlineData("\ud83d\udc69\u200d\ud83d\udc67")]
    public async Task A_project_has_a_name_of_whole_characters(string project)
    {
        await using var server = await EngineServer.StartAsync();

        string id = await server.Client().SubmittedAsync(project);

        Assert.Equal(project, (await server.Client().JobAsync(id)).Text("project_id"));
    }

    [Theory]
    [InlineData("  ", "project_id: must be 1 to 128 characters, not only blanks")]
    [InlineData("a\u001b[2J", "project_id: must not hold a control character; found U+001B at character 2")]
    [InlineData("\u202egpj",
        "project_id: must not hold a code that turns the direction of writing; found U+202E at character 1")]
    public async Task A_project_without_a_usable_name_is_told_why(string project, string detail)
    {
        await using var server = await EngineServer.StartAsync();

        var body = await (await server.Client().SubmitAsync(project)).JsonAsync(HttpStatusCode.UnprocessableEntity);

        Assert.Equal((detail, "project_id"), (body.Detail(), body.Text("field")));
    }
}
