using System.Net;
using Engine.Diagnostics;
using Engine.Host.Endpoints;
using Engine.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Tests.Http;

/// <summary>What a host says about itself, and to whom it listens.</summary>
public sealed class HostTests
{
    [Fact]
    public async Task A_host_that_will_not_serve_does_not_say_that_it_starts()
    {
        using var metrics = new EngineMetrics();
        var hosted = new HostedEngine(metrics, TimeProvider.System, NullLogger.Instance);
        hosted.Fails(new IOException("No."));
        await using var engine = await TestEngine.StartAsync();
        var gate = new ServingGate(_ => throw new InvalidOperationException("Let in."), hosted, engine.Engine);
        using var body = new MemoryStream();
        var http = new DefaultHttpContext { Request = { Path = "/api/jobs" }, Response = { Body = body } };

        await gate.InvokeAsync(http);

        Assert.Equal(StatusCodes.Status503ServiceUnavailable, http.Response.StatusCode);
        Assert.Contains("urn:engine:problem:stopping", System.Text.Encoding.UTF8.GetString(body.ToArray()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("evil.example", HttpStatusCode.Unauthorized)]
    [InlineData("127.0.0.1.evil.example:80", HttpStatusCode.Unauthorized)]
    [InlineData("10.0.0.1", HttpStatusCode.Unauthorized)]
    [InlineData("localhost", HttpStatusCode.OK)]
    [InlineData("[::1]:5080", HttpStatusCode.OK)]
    [InlineData("127.0.0.1:1", HttpStatusCode.OK)]
    public async Task Development_callers_are_believed_only_on_requests_to_this_machine(string host, HttpStatusCode expected)
    {
        await using var server = await EngineServer.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/usage") { Headers = { Host = host } };

        var response = await server.Client().SendAsync(request);

        Assert.Equal(expected, response.StatusCode);
    }

    [Theory]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30.c2ln")]
    [InlineData("dev:ada")]
    public async Task Another_token_than_those_of_development_is_refused_and_the_log_says_what_is_expected(string token)
    {
        using var log = new TestLog();
        await using var server = await EngineServer.StartAsync(
            null, [("Logging:LogLevel:Default", "Warning")], services => services.AddSingleton<ILoggerProvider>(log));

        var response = await server.ClientWith(token).GetAsync("/api/usage");

        Assert.Equal("Invalid token", (await response.JsonAsync(HttpStatusCode.Unauthorized)).Detail());
        Assert.Contains("dev:USER:TIER", await log.NextAsync(4206), StringComparison.Ordinal);
    }

    [Fact]
    public async Task F14_readiness_tells_that_the_clock_stands_still()
    {
        var time = ShiftedTime.AtNoon();
        await using var server = await EngineServer.StartAsync(time, []);
        var client = server.ClientWith(null);
        var ready = await (await client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal("""{"status":"ready"}""", ready.ToJsonString());

        time.Leap(TimeSpan.FromHours(-2));
        ready = await (await client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal("ready", ready.Text("status"));
        Assert.InRange(ready.Number("clock_lead_seconds"), 7_000, 7_200);
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task Load_balancers_that_ask_with_HEAD_are_answered(string path)
    {
        await using var server = await EngineServer.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Head, path);

        using var response = await server.ClientWith(null).SendAsync(request);

        Assert.Equal((HttpStatusCode.OK, ""), (response.StatusCode, await response.Content.ReadAsStringAsync()));
    }
}
