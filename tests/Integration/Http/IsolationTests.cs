using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Engine.Tests.Http;

/// <summary>Who may do what, from the route table: every endpoint the host has, for every kind of caller. A route
/// without a row fails the build (API1, LA-21).</summary>
public class IsolationTests
{
    /// <summary>What each endpoint answers to the owner of the job it is about and to another user.</summary>
    private static readonly Dictionary<string, (int Owner, int Other)> Rows = new()
    {
        ["POST /api/jobs/"] = (201, 201),
        ["GET /api/jobs/"] = (200, 200),
        ["GET /api/jobs/{id}"] = (200, 404),
        ["POST /api/jobs/{id}/confirm"] = (400, 404),
        ["GET /api/jobs/{id}/logs"] = (200, 404),
        ["GET /api/jobs/{id}/stream"] = (200, 404),
        ["GET /api/jobs/{id}/events/stream"] = (200, 404),
        ["GET /api/jobs/{id}/logs/stream"] = (200, 404),
        ["GET /api/queue"] = (200, 200),
        ["GET /api/usage"] = (200, 200),

        // The last of a job: what the owner does here ends it.
        ["POST /api/jobs/{id}/cancel"] = (200, 404),
    };

    /// <summary>Open to everybody, on purpose.</summary>
    private static readonly string[] Open =
    [
        "GET /health/live", "HEAD /health/live", "GET /health/ready", "HEAD /health/ready",
    ];

    [Fact]
    public async Task Every_route_has_a_row()
    {
        await using var server = await EngineServer.StartAsync();

        Assert.Equal(Rows.Keys.Concat(Open).Order(), Routes(server).Order());
    }

    [Fact]
    public async Task Every_route_is_documented()
    {
        await using var server = await EngineServer.StartAsync();

        string document = Repository.Read("docs/http-api.md");

        // HEAD is GET without a body.
        Assert.All(Routes(server), route => Assert.Contains(
            $"\n## {route.TrimEnd('/').Replace("HEAD ", "GET ", StringComparison.Ordinal)}\n", document, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_endpoint_answers_each_kind_of_caller_as_its_row_says()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var owner = server.Client("owner");
        string id = await owner.SubmittedAsync("p-owner");
        var unknown = Guid.NewGuid().ToString();
        foreach (var (row, expected) in Rows)
        {
            Assert.Equal((row, 401), (row, await SendAsync(server.ClientWith(null), row, id)));
            Assert.Equal((row, 401), (row, await SendAsync(server.ClientWith("garbage"), row, id)));
            Assert.Equal((row, expected.Other), (row, await SendAsync(server.Client("other"), row, id)));
            Assert.Equal((row, expected.Owner), (row, await SendAsync(owner, row, id)));
            if (row.Contains("{id}", StringComparison.Ordinal))
            {
                Assert.Equal((row, 404), (row, await SendAsync(owner, row, unknown)));
            }
        }
    }

    [Fact]
    public async Task Somebody_elses_job_and_no_job_at_all_look_the_same_to_the_byte()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        string id = await server.Client("owner").SubmittedAsync();
        var other = server.Client("other");
        foreach (string row in Rows.Keys.Where(row => row.Contains("{id}", StringComparison.Ordinal)))
        {
            string foreign = await BodyAsync(other, row, id);
            string absent = await BodyAsync(other, row, Guid.NewGuid().ToString());

            Assert.Equal((row, absent), (row, foreign));
        }
    }

    [Fact]
    public async Task A_list_holds_nobody_elses_jobs_and_a_wait_names_none()
    {
        await using var server = await EngineServer.StartAsync(("SharedProjects", "true"));
        var owner = server.Client("owner");
        List<string> running = [await owner.SubmittedAsync("shared"), await owner.SubmittedAsync("shared")];
        await server.Runs.NextAsync();
        await server.Runs.NextAsync();
        var other = server.Client("other");
        string waiting = await other.SubmittedAsync("shared");

        var job = await other.JobAsync(waiting);
        Assert.Equal("project_slots", job["waiting_for"]!.AsObject().Text("kind"));
        Assert.DoesNotContain(running, id => job.ToJsonString().Contains(id, StringComparison.Ordinal));

        var list = await (await other.GetAsync("/api/jobs")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal([waiting], list["jobs"]!.AsArray().Select(one => one!.AsObject().Text("job_id")));
    }

    /// <summary>Every route of the host, as "METHOD pattern".</summary>
    internal static IEnumerable<string> Routes(EngineServer server) =>
        server.App.Services.GetRequiredService<EndpointDataSource>().Endpoints
            .Cast<RouteEndpoint>()
            .SelectMany(route => Methods(route).Select(method => $"{method} {route.RoutePattern.RawText}"));

    private static IReadOnlyList<string> Methods(RouteEndpoint route) =>
        route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["ANY"];

    private static async Task<int> SendAsync(HttpClient client, string row, string id)
    {
        using var response = await client.SendAsync(Request(row, id), HttpCompletionOption.ResponseHeadersRead);
        return (int)response.StatusCode;
    }

    private static async Task<string> BodyAsync(HttpClient client, string row, string id)
    {
        using var response = await client.SendAsync(Request(row, id));
        return await response.Content.ReadAsStringAsync();
    }

    private static HttpRequestMessage Request(string row, string id)
    {
        string[] parts = row.Split(' ');
        var request = new HttpRequestMessage(
            new HttpMethod(parts[0]), parts[1].Replace("{id}", id, StringComparison.Ordinal).TrimEnd('/'));
        if (row == "POST /api/jobs/")
        {
            var body = new JsonObject { ["project_id"] = Guid.NewGuid().ToString(), ["goal"] = "g" };
            request.Content = new StringContent(body.ToJsonString(), null, "application/json");
        }

        return request;
    }
}
