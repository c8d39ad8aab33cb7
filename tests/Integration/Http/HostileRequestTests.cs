using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Engine.Tests.Http;

/// <summary>F23: whatever is sent, there is one documented answer, nothing is accepted, and the next request is
/// served.</summary>
public sealed class HostileRequestTests(IdleServer idle) : IClassFixture<IdleServer>
{
    private EngineServer Server => idle.Server;

    [Theory]
    [MemberData(nameof(HostileRequests.Bodies), MemberType = typeof(HostileRequests))]
    public async Task A_body_that_makes_no_sense_has_its_answer(string what, int expected, string body)
    {
        using var content = new StringContent(body, new MediaTypeHeaderValue("application/json"));

        using var response = await Server.Client().PostAsync("/api/jobs", content);

        await AssertRefusedAsync(what, expected, response);
    }

    [Fact]
    public async Task Bytes_that_are_no_utf8_are_malformed()
    {
        byte[] body = [.. "{\"project_id\":\"p1\",\"goal\":\""u8, 0xC3, 0x28, .. "\"}"u8];
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");

        using var response = await Server.Client().PostAsync("/api/jobs", content);

        await AssertRefusedAsync("invalid UTF-8", 400, response);
    }

    [Theory]
    [MemberData(nameof(HostileRequests.Headers), MemberType = typeof(HostileRequests))]
    public async Task A_header_that_makes_no_sense_has_its_answer(string what, int expected, string name, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/jobs");
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(HostileRequests.GoodBody));
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer dev:u1:partner");
        bool ofContent = name.StartsWith("Content", StringComparison.Ordinal);
        HttpHeaders headers = ofContent ? request.Content.Headers : request.Headers;
        headers.Remove(name);
        headers.TryAddWithoutValidation(name, value);

        using var response = await Server.ClientWith(null).SendAsync(request);

        await AssertRefusedAsync(what, expected, response);
    }

    [Theory]
    [InlineData("GET", "/api/jobs?limit=0", 422)]
    [InlineData("GET", "/api/jobs?limit=201", 422)]
    [InlineData("GET", "/api/jobs?limit=99999999999999999999", 422)]
    [InlineData("GET", "/api/jobs?cursor=-1", 422)]
    [InlineData("GET", "/api/jobs?cursor=%27%20OR%201=1", 422)]
    [InlineData("GET", "/api/jobs?state=none", 422)]
    [InlineData("GET", "/api/jobs?state=Queued", 422)]
    [InlineData("GET", "/api/jobs?state=queued&state=running", 422)]
    [InlineData("GET", "/api/jobs/..%2f..%2fetc%2fpasswd", 404)]
    [InlineData("GET", "/api/jobs/x/../../../etc", 404)]
    [InlineData("GET", "/", 404)]
    [InlineData("GET", "/api/jobs/x/logs?limit=0", 404)]
    [InlineData("DELETE", "/api/jobs/x", 405)]
    [InlineData("PUT", "/api/jobs", 405)]
    [InlineData("GET", "/api/jobs/x/confirm", 405)]
    [InlineData("TRACE", "/api/jobs", 405)]
    public async Task A_request_to_nowhere_has_its_answer(string method, string path, int expected)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var response = await Server.Client().SendAsync(request);

        await AssertRefusedAsync(path, expected, response);
    }

    [Theory]
    [InlineData("headers of more than 32 KiB", 431)]
    [InlineData("more than 64 headers", 431)]
    [InlineData("a request line of more than 8 KiB", 414)]
    [InlineData("two lengths", 400)]
    [InlineData("no host", 400)]
    [InlineData("a length that is none", 400)]
    [InlineData("not HTTP", 400)]
    public async Task A_request_that_breaks_the_protocol_is_refused_by_the_server(string what, int expected)
    {
        string request = what switch
        {
            "headers of more than 32 KiB" => $"GET / HTTP/1.1\r\nHost: x\r\nX-A: {new string('a', 33 * 1024)}\r\n\r\n",
            "more than 64 headers" =>
                "GET / HTTP/1.1\r\nHost: x\r\n" + string.Concat(Enumerable.Range(0, 65).Select(i => $"X-{i}: "
                + $"1\r\n")) + "\r\n",
            "a request line of more than 8 KiB" => $"GET /{new string('a', 9 * 1024)} HTTP/1.1\r\nHost: x\r\n\r\n",
            "two lengths" => "POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "no host" => "GET / HTTP/1.1\r\n\r\n",
            "a length that is none" => "POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
            _ => "\u0016\u0003\u0001\u0002\u0000\r\n\r\n",
        };

        string answer = await SendRawAsync(request);

        Assert.True(
            answer.StartsWith($"HTTP/1.1 {expected} ", StringComparison.Ordinal),
            $"{what}: expected {expected}, got '{answer[..Math.Min(100, answer.Length)]}'.");
    }

    [Theory]
    [InlineData("g")]
    [InlineData("<")]
    [InlineData("я")]
    [InlineData("漢")]
    [InlineData("😀")]
    public async Task A_body_as_large_as_allowed_is_accepted(string text)
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));

        // The payload that is made of it stays below its own limit: the body holds it and more.
        using var content = new StringContent(
            HostileRequests.Padded(262_144, text), new MediaTypeHeaderValue("application/json"));

        using var response = await server.Client().PostAsync("/api/jobs", content);

        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
    }

    [Fact]
    public async Task A_body_without_an_announced_length_meets_the_same_limit()
    {
        byte[] body = Encoding.UTF8.GetBytes(HostileRequests.Padded(262_145));
        using var content = new StreamContent(new MemoryStream(body));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/jobs") { Content = content };
        request.Headers.TransferEncodingChunked = true;

        using var response = await Server.Client().SendAsync(request);

        await AssertRefusedAsync("chunked", 413, response);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_told_how_large_it_may_be()
    {
        using var content = new StringContent(
            HostileRequests.Padded(262_145), new MediaTypeHeaderValue("application/json"));

        using var response = await Server.Client().PostAsync("/api/jobs", content);

        var problem = await response.JsonAsync(HttpStatusCode.RequestEntityTooLarge);
        Assert.Equal(262_144, problem.Number("limit"));
        Assert.EndsWith("262,144 bytes", problem.Detail(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_in_pieces_that_are_none_is_malformed()
    {
        string answer = await SendRawAsync(
            "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer dev:u1:partner\r\n"
            + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n", wholly: true);

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"urn:engine:problem:malformed\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_the_body_breaks_is_said_when_it_is_known()
    {
        Assert.Contains("JSON (line 1, byte 2): ", await DetailAsync("{x}"), StringComparison.Ordinal);
        Assert.Contains("JSON: at most ", await DetailAsync("""{"goal":"g","goal":"h"}"""), StringComparison.Ordinal);

        async Task<string> DetailAsync(string body)
        {
            using var content = new StringContent(body, new MediaTypeHeaderValue("application/json"));
            using var response = await Server.Client().PostAsync("/api/jobs", content);
            return (await response.JsonAsync(HttpStatusCode.BadRequest)).Detail();
        }
    }

    [Fact]
    public async Task What_a_caller_may_not_choose_is_ignored()
    {
        var body = JsonNode.Parse(
            """
            {"project_id":"p1","goal":"g","user_id":"victim","tier":"cto_scale","state":"completed","status":"ready",
             "id":"00000000-0000-7000-8000-000000000001","job_id":"x","position":-1,"iterations_granted":99,
             "resources":["gpu"],"idempotency_key":"k","usage":{"jobs_used":0}}
            """)!;

        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client("me");
        var accepted = await (await client.PostJsonAsync("/api/jobs", body)).JsonAsync(HttpStatusCode.Created);

        var job = await client.JobAsync(accepted.Text("job_id"));
        Assert.NotEqual("00000000-0000-7000-8000-000000000001", job.Text("job_id"));
        Assert.Equal(
            ("bootstrapper", "queued", 2L),
            (job.Text("tier"), job.Text("state"), job.Number("iterations_granted")));
    }

    [Fact]
    public async Task An_answer_tells_nothing_of_the_inside()
    {
        using var response = await Server.Client().GetAsync("/api/jobs");

        Assert.False(response.Headers.Contains("Server"));
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
    }

    private async Task AssertRefusedAsync(string what, int expected, HttpResponseMessage response)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == expected, $"{what}: expected {expected}, got "
            + $"{response.StatusCode} {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = JsonNode.Parse(text)!.AsObject();
        Assert.Equal(expected, problem.Number("status"));
        Assert.StartsWith("urn:engine:problem:", problem.Text("type"), StringComparison.Ordinal);
        Assert.NotEmpty(problem.Detail());
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);

        Assert.Equal(0, await idle.TakeAcceptedAsync());
    }

    private async Task<string> SendRawAsync(string request, bool wholly = false)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(Server.Address.Host, Server.Address.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var reader = new StreamReader(stream);
        return wholly
            ? await reader.ReadToEndAsync().WaitAsync(TestEngine.Guard)
            : await reader.ReadLineAsync().WaitAsync(TestEngine.Guard) ?? "";
    }
}

/// <summary>One server, at which nothing is accepted and nothing runs, for all tests of a class.</summary>
public sealed class IdleServer : IAsyncLifetime
{
    private long _known;

    internal EngineServer Server { get; private set; } = null!;

    /// <summary>How many jobs were accepted since the last call.</summary>
    internal async Task<long> TakeAcceptedAsync()
    {
        var queue = await Server.Engine.GetQueueAsync();
        long before = _known;
        _known = queue.Queued + queue.Scheduled;
        return _known - before;
    }

    public async Task InitializeAsync() => Server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));

    public async Task DisposeAsync() => await Server.DisposeAsync();
}
