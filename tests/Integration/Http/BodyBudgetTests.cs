using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Engine.Host.Endpoints;
using Microsoft.Extensions.DependencyInjection;

namespace Engine.Tests.Http;

/// <summary>F21: what the bodies of all requests take together is bounded, and who sends half of one gives it
/// back.</summary>
public sealed class BodyBudgetTests
{
    // Four bodies but for their ends leave less than this of the smallest budget.
    private const int Held = 262_000;

    [Fact]
    public async Task F21_bodies_in_flight_fill_their_budget_and_then_requests_are_refused_until_they_are_answered()
    {
        await using var server = await StartAsync();
        var half = await FillAsync(server);

        using (var refused = await SubmitAsync(server))
        {
            var problem = await refused.JsonAsync(HttpStatusCode.ServiceUnavailable);
            Assert.Equal("urn:engine:problem:overloaded", problem.Text("type"));
            Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter?.Delta);
        }

        // What needs no body is not concerned.
        using var read = await server.Client().GetAsync("/api/jobs");
        Assert.Equal(HttpStatusCode.OK, read.StatusCode);

        Assert.StartsWith("HTTP/1.1 400 ", await half[0].FinishAsync(), StringComparison.Ordinal);
        using var accepted = await SubmitAsync(server);
        Assert.Equal(HttpStatusCode.BadRequest, accepted.StatusCode);
        half.ForEach(request => request.Dispose());
    }

    [Fact]
    public async Task F21_a_body_that_grows_beyond_what_is_left_is_refused_while_it_arrives()
    {
        await using var server = await StartAsync();
        var half = await FillAsync(server, chunked: true);

        await half[0].GrowAsync(1_000);

        Assert.StartsWith("HTTP/1.1 503 ", await half[0].AnswerAsync(), StringComparison.Ordinal);
        half.ForEach(request => request.Dispose());
    }

    [Fact]
    public async Task F21_callers_that_go_away_in_the_middle_give_their_part_back()
    {
        await using var server = await StartAsync();
        for (int round = 0; round < 3; round++)
        {
            var half = await FillAsync(server);

            half.ForEach(request => request.Dispose());

            await TakenAsync(server, 0);
        }
    }

    [Fact]
    public async Task F21_a_body_that_does_not_arrive_within_a_minute_is_given_up()
    {
        var time = new WatchedTime(TimeSpan.FromMinutes(1));
        await using var server = await EngineServer.StartAsync(time, [("MaxConcurrentRuns", "0")]);
        using var half = await HalfRequest.SendAsync(server, 100);

        await time.PassAsync();

        Assert.StartsWith("HTTP/1.1 408 ", await half.AnswerAsync(), StringComparison.Ordinal);
    }

    private static Task<EngineServer> StartAsync() =>
        EngineServer.StartAsync(
            ("MaxConcurrentRuns", "0"), ("MaxRequestBytes", "524288"), ("MaxRequestBytesInFlight", "1048576"));

    /// <summary>What is no job, and needs more room than is left.</summary>
    private static async Task<HttpResponseMessage> SubmitAsync(EngineServer server)
    {
        using var content = new StringContent(new string('x', 1_000), new MediaTypeHeaderValue("application/json"));
        return await server.Client().PostAsync("/api/jobs", content);
    }

    private static async Task<List<HalfRequest>> FillAsync(EngineServer server, bool chunked = false)
    {
        List<HalfRequest> half = [];
        for (int i = 0; i < 4; i++)
        {
            half.Add(await HalfRequest.SendAsync(server, Held, chunked));
        }

        await TakenAsync(server, 4 * Held);
        return half;
    }

    private static async Task TakenAsync(EngineServer server, long bytes)
    {
        var budget = server.App.Services.GetRequiredService<BodyBudget>();
        var client = server.ClientWith(null);
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (budget.Taken != bytes)
        {
            using var alive = await client.GetAsync("/health/live", guard.Token);
        }
    }

    /// <summary>A submission of which the end is not sent.</summary>
    private sealed class HalfRequest : IDisposable
    {
        private readonly TcpClient _client = new();
        private StreamReader? _reader;

        internal static async Task<HalfRequest> SendAsync(EngineServer server, int bytes, bool chunked = false)
        {
            var request = new HalfRequest();
            await request._client.ConnectAsync(server.Address.Host, server.Address.Port);
            string length = chunked ? "Transfer-Encoding: chunked" : $"Content-Length: {bytes + 1}";
            await request.WriteAsync(
                $"POST /api/jobs HTTP/1.1\r\nHost: {server.Address.Authority}\r\nAuthorization: Bearer dev:u1:partner\r\n"
                + $"Content-Type: application/json\r\n{length}\r\n\r\n");
            await (chunked ? request.GrowAsync(bytes) : request.WriteAsync(new string('x', bytes)));
            return request;
        }

        internal Task GrowAsync(int bytes) => WriteAsync($"{bytes:x}\r\n{new string('x', bytes)}\r\n");

        internal async Task<string> FinishAsync()
        {
            await WriteAsync("x");
            return await AnswerAsync();
        }

        internal async Task<string> AnswerAsync()
        {
            _reader ??= new StreamReader(_client.GetStream());
            return await _reader.ReadLineAsync().WaitAsync(TestEngine.Guard) ?? "";
        }

        public void Dispose()
        {
            _reader?.Dispose();
            _client.Dispose();
        }

        private async Task WriteAsync(string text) =>
            await _client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text));
    }
}
