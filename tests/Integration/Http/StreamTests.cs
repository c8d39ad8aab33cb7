using System.Net;

namespace Engine.Tests.Http;

/// <summary>The event streams of jobs, over a real socket.</summary>
public class StreamTests
{
    private static readonly string[] Stages = ["queued", "starting", "scaffold", "code", "deps", "checks", "ready"];

    [Fact]
    public async Task A_H12_the_stream_starts_with_the_job_as_it_is_and_ends_when_it_has()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        var run = await server.Runs.NextAsync();
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/stream");
        var first = await stream.NextAsync();
        await run.CompleteAsync();
        var rest = await stream.ToEndAsync();

        Assert.Equal((id, "starting", ""), (first!.Data.Text("job_id"), first.Status, first.Data.Text("message")));
        Assert.Equal(Stages[2..], rest.Select(e => e.Status));
        Assert.All(rest, e => Assert.Equal("build.stage.started", e.Data.Text("type")));
        Assert.Equal("text/event-stream", stream.Response.Content.Headers.ContentType?.MediaType);
        Assert.True(stream.Response.Headers.CacheControl?.NoCache);
        Assert.Equal("keep-alive", stream.Response.Headers.Connection.Single());
        Assert.Equal("no", stream.Response.Headers.GetValues("X-Accel-Buffering").Single());
    }

    [Theory]
    [InlineData("stream")]
    [InlineData("events/stream")]
    public async Task A_job_is_seen_from_queued_to_ready_in_order(string path)
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "1"));
        var client = server.Client();
        await client.SubmittedAsync("p1");
        var ahead = await server.Runs.NextAsync();
        string id = await client.SubmittedAsync("p2");
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/{path}");

        await ahead.CompleteAsync();
        await (await server.Runs.NextAsync()).CompleteAsync();
        var events = await stream.ToEndAsync();

        Assert.Equal(Stages, events.Select(e => e.Status));
        Assert.Equal(events.Select(e => e.Id), events.Select(e => e.Id).Order());
    }

    [Theory]
    [InlineData("stream")]
    [InlineData("events/stream")]
    public async Task A_stream_of_an_ended_job_says_so_once_and_closes(string path)
    {
        await using var server = await EngineServer.StartAsync();
        var (client, id) = await EndedAsync(server);

        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/{path}");

        Assert.Equal(["ready"], (await stream.ToEndAsync()).Select(e => e.Status));
    }

    [Theory]
    [InlineData("stream")]
    [InlineData("events/stream")]
    public async Task DA_24_a_client_that_was_away_gets_what_it_missed_and_nothing_twice(string path)
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        var run = await server.Runs.NextAsync();
        long seen;
        using (var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/{path}"))
        {
            await run.MoveToAsync("code");
            await stream.NextAsync();
            seen = (await stream.NextAsync())!.Id!.Value;
        }

        await run.Context.MoveToAsync("deps");
        await run.Context.MoveToAsync("checks");
        run.Finish(JobOutcome.Done);
        await JobTests.UntilAsync(server, id, JobState.Completed);
        using var resumed = await EventStream.OpenAsync(client, $"/api/jobs/{id}/{path}", seen);

        Assert.Equal(["code", "deps", "checks", "ready"], (await resumed.ToEndAsync()).Select(e => e.Status));
    }

    [Fact]
    public async Task DA_24_a_client_that_has_seen_the_end_is_told_to_stay_away()
    {
        await using var server = await EngineServer.StartAsync();
        var (client, id) = await EndedAsync(server);
        long last = (await client.JobAsync(id)).Number("last_event_id");

        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/stream", last);

        Assert.Equal(HttpStatusCode.NoContent, stream.Response.StatusCode);
    }

    [Fact]
    public async Task DA_24_an_id_from_nowhere_starts_again_from_the_job_as_it_is()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        var run = await server.Runs.NextAsync();
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/events/stream", 1_000_000);

        var first = await stream.NextAsync();

        Assert.True(first!.Data["resync"]!.GetValue<bool>());
        Assert.Equal("starting", first.Status);
        await run.CompleteAsync();
        Assert.Equal("ready", (await stream.ToEndAsync())[^1].Status);
    }

    [Fact]
    public async Task A_cancelled_job_ends_its_streams_too()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client();
        string id = await client.SubmittedAsync();
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/events/stream");
        await stream.NextAsync();

        await client.PostAsync($"/api/jobs/{id}/cancel", null);

        var last = Assert.Single(await stream.ToEndAsync());
        Assert.Equal(("failed", "Cancelled by user"), (last.Status, last.Data.Text("message")));
    }

    [Fact]
    public async Task A_silent_typed_stream_beats_every_fifteen_seconds()
    {
        var time = new WatchedTime(TimeSpan.FromSeconds(15));
        await using var server = await EngineServer.StartAsync(time, [("MaxConcurrentRuns", "0")]);
        var client = server.Client();
        string id = await client.SubmittedAsync();
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/events/stream");
        await stream.NextAsync();

        for (int i = 0; i < 2; i++)
        {
            await time.PassAsync();
            var beat = await stream.NextAsync();

            Assert.Equal(("heartbeat", "{}"), (beat!.Name, beat.Data.ToJsonString()));
        }
    }

    [Fact]
    public async Task DA_24_a_silent_plain_stream_is_kept_alive_by_comments()
    {
        var time = new WatchedTime(TimeSpan.FromSeconds(15));
        await using var server = await EngineServer.StartAsync(time, [("MaxConcurrentRuns", "0")]);
        var client = server.Client();
        string id = await client.SubmittedAsync();
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/stream");
        await stream.NextAsync();

        await time.PassAsync();

        Assert.Equal("heartbeat", (await stream.NextAsync())!.Comment);
    }

    [Fact]
    public async Task A_user_has_a_bounded_number_of_streams_and_a_closed_one_frees_its_place()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"), ("MaxStreamsPerUser", "2"));
        var client = server.Client();
        string id = await client.SubmittedAsync();
        string path = $"/api/jobs/{id}/stream";
        using var first = await EventStream.OpenAsync(client, path);
        using var second = await EventStream.OpenAsync(client, path);

        using (var third = await EventStream.OpenAsync(client, path))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, third.Response.StatusCode);
        }

        // Ending the job ends both streams; each gives its place back when its request is over.
        await client.PostAsync($"/api/jobs/{id}/cancel", null);
        await first.ToEndAsync();
        await second.ToEndAsync();
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (true)
        {
            guard.Token.ThrowIfCancellationRequested();
            using var again = await EventStream.OpenAsync(client, path);
            if (again.Response.StatusCode == HttpStatusCode.OK)
            {
                return;
            }

            Assert.Equal(HttpStatusCode.TooManyRequests, again.Response.StatusCode);
        }
    }

    [Fact]
    public async Task A_reader_that_does_not_read_holds_up_nobody_and_catches_up_later()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        var run = await server.Runs.NextAsync();
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/events/stream");
        string message = new('m', 500);
        for (int i = 0; i < 20_000; i++)
        {
            await run.Context.ReportProgressAsync(i % 100, message);
        }

        await run.CompleteAsync();
        await JobTests.UntilAsync(server, id, JobState.Completed);
        var events = await stream.ToEndAsync();

        // The connection held what it could, the watch its bounded share; the rest became one resynchronisation.
        Assert.InRange(events.Count, 2, 20_000);
        Assert.Contains(events, e => e.Data.ContainsKey("resync"));
        Assert.Equal("ready", events[^1].Status);
    }

    [Fact]
    public async Task An_open_stream_does_not_hold_up_a_stop()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client();
        string id = await client.SubmittedAsync();
        using var stream = await EventStream.OpenAsync(client, $"/api/jobs/{id}/stream");
        await stream.NextAsync();

        await server.App.StopAsync().WaitAsync(TestEngine.Guard);

        Assert.Null(await stream.NextAsync());
    }

    private static async Task<(HttpClient Client, string Id)> EndedAsync(EngineServer server)
    {
        var client = server.Client();
        string id = await client.SubmittedAsync();
        await (await server.Runs.NextAsync()).CompleteAsync();
        await JobTests.UntilAsync(server, id, JobState.Completed);
        return (client, id);
    }
}
