using System.Net;
using System.Net.Sockets;
using System.Text;
using Engine.Host.Endpoints;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Engine.Tests.Http;

/// <summary>F23, below the requests: pieces, lengths and connections that are not as they should be.</summary>
public sealed class HostileConnectionTests(IdleServer idle) : IClassFixture<IdleServer>
{
    private const string Body = """{"project_id":"p1","goal":"g"}""";
    private const string Authorization = "Authorization: Bearer dev:u1:cto_scale\r\n";
    private const string GetUsage = "GET /api/usage HTTP/1.1\r\n";
    private const string Local = "Host: localhost\r\nConnection: close\r\n";

    [Theory]
    [InlineData("ffffffffffffffffff\r\n" + Body + "\r\n0\r\n\r\n")]
    [InlineData("7fffffffffffffffffffffffffffffff\r\n")]
    [InlineData("-1e\r\n" + Body + "\r\n0\r\n\r\n")]
    [InlineData("1e\n" + Body + "\n0\n\n")]
    [InlineData("1e\r\n" + Body + "XX0\r\n\r\n")]
    public async Task A_piece_without_a_length_that_could_be_is_malformed(string pieces)
    {
        string answer = await SendAsync(Post("Transfer-Encoding: chunked\r\n", pieces));

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"urn:engine:problem:malformed\"", answer, StringComparison.Ordinal);
        Assert.Equal(0, await idle.TakeAcceptedAsync());
    }

    [Theory]
    [InlineData("Transfer-Encoding: gzip, chunked\r\n")]
    [InlineData("Transfer-Encoding: chunked, chunked\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")]
    [InlineData("Transfer-Encoding: identity, chunked\r\n")]
    public async Task Other_ways_to_send_pieces_are_malformed_and_end_the_connection(string header)
    {
        string answer = await SendAsync(Post(header, Pieces(Body)) + GetUsage + Local + Authorization + "\r\n");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("Transfer-Encoding must be chunked", answer, StringComparison.Ordinal);
        Assert.Equal(1, AnswersIn(answer));
        Assert.Equal(0, await idle.TakeAcceptedAsync());
    }

    /// <summary>RFC 9112, 6.3: who is told both a length and pieces goes by the pieces, and reads nothing after them.</summary>
    [Fact]
    public async Task A_length_beside_pieces_ends_the_connection()
    {
        string answer = await SendAsync(
            Post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", Pieces(Body))
            + GetUsage + Local + Authorization + "\r\n");

        Assert.StartsWith("HTTP/1.1 201 ", answer, StringComparison.Ordinal);
        Assert.Equal(1, AnswersIn(answer));
        Assert.Equal(1, await idle.TakeAcceptedAsync());
    }

    [Fact]
    public async Task What_comes_after_the_last_piece_says_nothing_of_the_request()
    {
        string pieces = Pieces(Body)[..^2] + "Authorization: Bearer dev:evil:cto_scale\r\nIdempotency-Key: late\r\n\r\n";

        string answer = await SendAsync(Post("Transfer-Encoding: chunked\r\nConnection: close\r\n", pieces));

        Assert.StartsWith("HTTP/1.1 201 ", answer, StringComparison.Ordinal);
        Assert.Equal(1, await idle.TakeAcceptedAsync());
        var others = await (await idle.Server.Client("evil").GetAsync("/api/jobs")).JsonAsync(HttpStatusCode.OK);
        Assert.Empty(others["jobs"]!.AsArray());
    }

    [Theory]
    [InlineData(GetUsage + Local + Authorization + Authorization, 401)]
    [InlineData(GetUsage + Local + Authorization + "Authorization: x\r\n", 401)]
    [InlineData(GetUsage + "Host: \r\nConnection: close\r\n" + Authorization, 401)]
    [InlineData("GET /api/usage HTTP/1.0\r\n" + Authorization, 401)]
    [InlineData("GET /api/usage HTTP/1.0\r\nHost: localhost\r\n" + Authorization, 200)]
    [InlineData("GET /health/../api/usage HTTP/1.1\r\n" + Local, 401)]
    [InlineData("GET /health/%2e%2e/api/usage HTTP/1.1\r\n" + Local, 401)]
    [InlineData("GET /health%2f..%2fapi/usage HTTP/1.1\r\n" + Local, 401)]
    [InlineData("GET http://evil.example/api/usage HTTP/1.1\r\n" + Local + Authorization, 400)]
    [InlineData("GET /api/jobs/%00 HTTP/1.1\r\n" + Local + Authorization, 400)]
    [InlineData("GET /api/jobs?cursor=9223372036854775808 HTTP/1.1\r\n" + Local + Authorization, 422)]
    [InlineData("GET /api/jobs?limit=%EF%BC%91 HTTP/1.1\r\n" + Local + Authorization, 422)]
    public async Task A_request_in_another_spelling_has_its_answer(string head, int expected)
    {
        string answer = await SendAsync(head + "\r\n");

        Assert.True(answer.StartsWith($"HTTP/1.1 {expected} ", StringComparison.Ordinal), $"Expected {expected}, got: {answer}");
    }

    [Theory]
    [InlineData("application/json; charset=\"utf-8\"", 201)]
    [InlineData("application/json; charset=\"\\u\\t\\f-8\"", 201)]
    [InlineData("application/json; charset=UTF-8; profile=x", 201)]
    [InlineData("application/json; charset=utf-8; charset=utf-16", 415)]
    [InlineData("application/json; charset=\"utf-16\"", 415)]
    [InlineData("application/json; charset=", 415)]
    public async Task A_charset_is_named_once_with_or_without_quotes(string type, int expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/jobs");
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Body));
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);

        using var response = await idle.Server.Client("u1", "cto_scale").SendAsync(request);

        Assert.Equal(expected, (int)response.StatusCode);
        Assert.Equal(expected == 201 ? 1 : 0, await idle.TakeAcceptedAsync());
    }

    [Fact]
    public async Task A_name_is_its_characters_and_not_what_they_look_like()
    {
        const string Composed = "caf\u00e9", Decomposed = "cafe\u0301";
        await idle.Server.Client("one", "cto_scale").SubmittedAsync(Composed);

        using var same = await idle.Server.Client("two", "cto_scale").SubmitAsync(Composed);
        using var other = await idle.Server.Client("two", "cto_scale").SubmitAsync(Decomposed);

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.Created), (same.StatusCode, other.StatusCode));
        Assert.Equal(2, await idle.TakeAcceptedAsync());
    }

    /// <summary>Who closes their side is gone, as far as the server can tell: the job is there or not, and not twice.</summary>
    [Fact]
    public async Task Whoever_hangs_up_after_the_request_asks_again_under_the_same_key()
    {
        string request = Post($"Idempotency-Key: half\r\nContent-Length: {Body.Length}\r\n", Body);
        await SendAsync(request, hangsUp: true);

        string answer = await SendAsync(request.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal));

        Assert.StartsWith("HTTP/1.1 201 ", answer, StringComparison.Ordinal);
        Assert.Equal(1, await idle.TakeAcceptedAsync());
    }

    [Theory]
    [InlineData("Content-Length: 30\r\n", "{\"project_id\":")]
    [InlineData("Transfer-Encoding: chunked\r\n", "1e\r\n{\"project_id\":")]
    public async Task A_connection_that_breaks_in_the_middle_of_a_body_is_no_error_of_the_host(string header, string part)
    {
        const int ConnectionStopped = 2, RequestFailed = 4102, CouldNotDrain = 67;
        using var log = new TestLog();
        await using var server = await EngineServer.StartAsync(
            null,
            [
                ("Logging:LogLevel:Default", "Error"),
                ("Logging:LogLevel:Microsoft.AspNetCore.Server.Kestrel.Connections", "Debug"),
            ],
            services => services.AddSingleton<ILoggerProvider>(log));
        var reading = server.App.Services.GetRequiredService<BodyBudget>();
        using (var client = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            await client.ConnectAsync(server.Address.Host, server.Address.Port);
            await client.SendAsync(Encoding.Latin1.GetBytes(Post(header, part)));
            using var guard = new CancellationTokenSource(TestEngine.Guard);
            while (reading.Taken == 0)
            {
                guard.Token.ThrowIfCancellationRequested();
                await Task.Yield();
            }

            // Without a word of goodbye.
            client.Close(timeout: 0);
        }

        Assert.Equal(ConnectionStopped, await log.NextOfAsync(ConnectionStopped, RequestFailed, CouldNotDrain));
        Assert.Equal(0, reading.Taken);
    }

    [Fact]
    public async Task A_path_is_logged_as_it_was_sent()
    {
        using var log = new TestLog<ProblemMiddleware>();
        var middleware = new ProblemMiddleware(_ => throw new InvalidOperationException("A defect."), log);
        using var body = new MemoryStream();
        var http = new DefaultHttpContext
        {
            Request = { Method = "GET", Path = "/a\ncrit: \u001b[2J" },
            Response = { Body = body },
        };

        await middleware.InvokeAsync(http);

        Assert.Contains("GET /a%0Acrit:%20%1B%5B2J failed", await log.NextAsync(4102), StringComparison.Ordinal);
    }

    private static string Post(string headers, string body) =>
        $"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\n{Authorization}Content-Type: application/json\r\n{headers}\r\n{body}";

    private static string Pieces(string body) => $"{body.Length:x}\r\n{body}\r\n0\r\n\r\n";

    private static int AnswersIn(string answers) => answers.Split("HTTP/1.1 ").Length - 1;

    /// <summary>Sends these bytes, and reads until the server closes the connection.</summary>
    private async Task<string> SendAsync(string request, bool hangsUp = false)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(idle.Server.Address.Host, idle.Server.Address.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        if (hangsUp)
        {
            client.Client.Shutdown(SocketShutdown.Send);
        }

        var answer = new MemoryStream();
        try
        {
            await stream.CopyToAsync(answer).WaitAsync(TestEngine.Guard);
        }
        catch (IOException)
        {
            // It may be closed the hard way, too: what came before that was said.
        }

        return Encoding.UTF8.GetString(answer.ToArray());
    }
}
