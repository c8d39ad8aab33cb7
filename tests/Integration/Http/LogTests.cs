using System.Net;
using System.Text.Json.Nodes;

namespace Engine.Tests.Http;

/// <summary>The logs of runs, paged and streamed.</summary>
public class LogTests
{
    [Fact]
    public async Task A_H17_three_lines_come_in_order_and_are_all()
    {
        await using var server = await EngineServer.StartAsync();
        var (client, id, run) = await StartedAsync(server);
        run.Context.Log.Write("stdout", "one", "code");
        run.Context.Log.Write("stdout", "two", "code");
        run.Context.Log.Write("stderr", "three");

        var page = await PageAsync(client, id);

        Assert.Equal(["one", "two", "three"], Texts(page));
        Assert.False(page["has_more"]!.GetValue<bool>());
        var first = page["lines"]![0]!.AsObject();
        Assert.Equal(("1", "stdout", "code"), (first.Text("id"), first.Text("source"), first.Text("phase")));
        Assert.Equal("1", page.Text("oldest_id"));
    }

    [Fact]
    public async Task A_H17_a_limit_shows_the_newest_and_says_that_there_are_more()
    {
        await using var server = await EngineServer.StartAsync();
        var (client, id, run) = await StartedAsync(server);
        foreach (string text in new[] { "one", "two", "three" })
        {
            run.Context.Log.Write("stdout", text);
        }

        var newest = await PageAsync(client, id, "?limit=2");
        var rest = await PageAsync(client, id, $"?limit=2&before_id={newest.Text("oldest_id")}");

        Assert.Equal(["two", "three"], Texts(newest));
        Assert.True(newest["has_more"]!.GetValue<bool>());
        Assert.Equal(["one"], Texts(rest));
        Assert.False(rest["has_more"]!.GetValue<bool>());
    }

    [Fact]
    public async Task A_H17_a_job_without_lines_has_an_empty_log()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client();

        var page = await PageAsync(client, await client.SubmittedAsync());

        Assert.Empty(page["lines"]!.AsArray());
        Assert.False(page["has_more"]!.GetValue<bool>());
        Assert.Null(page["oldest_id"]);
    }

    [Theory]
    [InlineData("/logs")]
    [InlineData("/logs/stream")]
    public async Task A_H17_logs_are_401_without_a_token_and_404_for_others_and_for_unknown_jobs(string path)
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        string id = await server.Client("owner").SubmittedAsync();
        var other = server.Client("other");

        var anonymous = server.ClientWith(null);

        Assert.Equal(HttpStatusCode.Unauthorized, (await anonymous.GetAsync($"/api/jobs/{id}{path}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await other.GetAsync($"/api/jobs/{id}{path}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await other.GetAsync($"/api/jobs/{Guid.NewGuid()}{path}")).StatusCode);
    }

    [Theory]
    [InlineData("?limit=0", "limit")]
    [InlineData("?limit=501", "limit")]
    [InlineData("?limit=ten", "limit")]
    [InlineData("?limit=1&limit=2", "limit")]
    [InlineData("?before_id=x", "before_id")]
    [InlineData("?before_id=-1", "before_id")]
    public async Task A_wrong_page_is_refused_by_name(string query, string field)
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client();
        string id = await client.SubmittedAsync();

        var response = await client.GetAsync($"/api/jobs/{id}/logs{query}");

        var body = await response.JsonAsync(HttpStatusCode.UnprocessableEntity);

        Assert.Equal(field, body.Text("field"));
    }

    [Fact]
    public async Task The_log_stream_carries_new_lines_and_ends_with_done()
    {
        await using var server = await EngineServer.StartAsync();
        var (client, id, run) = await StartedAsync(server);
        run.Context.Log.Write("stdout", "before");
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/logs/stream");
        run.Context.Log.Write("stdout", "after");

        var line = await stream.NextAsync();
        Assert.Equal(("log", "after"), (line!.Name, line.Data.Text("text")));

        // Written in the run's last moment: the stream drains the log before it says that it is done.
        run.Context.Log.Write("stdout", "last");
        await run.CompleteAsync();
        var rest = await stream.ToEndAsync();

        Assert.Equal(["log", "done"], rest.Select(e => e.Name));
        Assert.Equal("last", rest[0].Data.Text("text"));
        Assert.Equal("ready", rest[1].Status);
    }

    [Fact]
    public async Task DA_24_a_log_stream_resumes_after_the_last_line_that_the_client_has()
    {
        await using var server = await EngineServer.StartAsync();
        var (client, id, run) = await StartedAsync(server);
        foreach (string text in new[] { "one", "two", "three" })
        {
            run.Context.Log.Write("stdout", text);
        }

        await run.CompleteAsync();
        await JobTests.UntilAsync(server, id, JobState.Completed);
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/logs/stream", lastEventId: 1);
        var events = await stream.ToEndAsync();

        Assert.Equal(["log", "log", "done"], events.Select(e => e.Name));
        Assert.Equal(["two", "three"], events.Take(2).Select(e => e.Data.Text("text")));
    }

    /// <summary>Lines are not synced: a crash may take the last ones, and the next get their ids.</summary>
    [Fact]
    public async Task A_log_stream_that_resumes_after_a_line_which_is_gone_shows_the_next()
    {
        await using var server = await EngineServer.StartAsync();
        var (client, id, run) = await StartedAsync(server);
        run.Context.Log.Write("stdout", "one");
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/logs/stream", lastEventId: 7);

        run.Context.Log.Write("stdout", "two");
        await run.CompleteAsync();

        var events = await stream.ToEndAsync();
        Assert.Equal(["log", "done"], events.Select(e => e.Name));
        Assert.Equal(("2", "two"), (events[0].Data.Text("id"), events[0].Data.Text("text")));
    }

    [Fact]
    public async Task A_silent_log_stream_beats_every_twenty_seconds()
    {
        var time = new WatchedTime(TimeSpan.FromSeconds(20));
        await using var server = await EngineServer.StartAsync(time, []);
        var (client, id, run) = await StartedAsync(server);
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/logs/stream");

        await time.PassAsync();
        var beat = await stream.NextAsync();

        Assert.Equal(("heartbeat", "{}"), (beat!.Name, beat.Data.ToJsonString()));
        await run.CompleteAsync();
    }

    private static async Task<(HttpClient Client, string Id, ScriptedRun Run)> StartedAsync(EngineServer server)
    {
        var client = server.Client();
        string id = await client.SubmittedAsync();
        return (client, id, await server.Runs.NextAsync());
    }

    private static async Task<JsonObject> PageAsync(HttpClient client, string id, string query = "") =>
        await (await client.GetAsync($"/api/jobs/{id}/logs{query}")).JsonAsync(HttpStatusCode.OK);

    private static IEnumerable<string> Texts(JsonObject page) =>
        page["lines"]!.AsArray().Select(line => line!.AsObject().Text("text"));
}
