using System.Net;
using Engine.Host.Cli;
using Engine.Host.Configuration;
using Engine.Host.Serve;
using Engine.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Engine.Tests.Http;

/// <summary>What callers and supervisors hear when the storage fails while the host serves (D5).</summary>
public class StorageFailureTests
{
    [Fact]
    public async Task A_storage_error_answers_503_and_ends_the_process_with_74()
    {
        var configuration = EngineServer.Configure(("MaxConcurrentRuns", "0"));
        var settings = SettingsReader.Read(configuration);
        await using var journal = new BreakableJournal();
        await using var app = Create(configuration, settings, journal, new ScriptedHandler());
        var ended = ServeCommand.RunAsync(app, settings, CancellationToken.None);
        await app.Services.StartedAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        client.DefaultRequestHeaders.Authorization = new("Bearer", "dev:u:partner");
        await client.SubmittedAsync();

        journal.Break();
        var response = await client.SubmitAsync();

        var body = await response.JsonAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("urn:engine:problem:engine-stopped", body.Text("type"));
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Equal(ExitCode.StorageFailed, await ended.WaitAsync(TestEngine.Guard));
    }

    [Fact]
    public async Task Whatever_is_under_way_when_the_storage_fails_or_comes_later_hears_that_nobody_knows_the_outcome()
    {
        var configuration = EngineServer.Configure(("MaxStreamsPerUser", "100"));
        var settings = SettingsReader.Read(configuration);
        await using var journal = new BreakableJournal();
        var runs = new ScriptedHandler();
        var door = new Door();
        await using var app = Create(
            configuration,
            settings,
            journal,
            runs,
            services => services.AddSingleton<IHostedService>(door));
        var ended = ServeCommand.RunAsync(app, settings, CancellationToken.None);
        await app.Services.StartedAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()), Timeout = TestEngine.Guard };
        client.DefaultRequestHeaders.Authorization = new("Bearer", "dev:u:partner");
        string id = await client.SubmittedAsync();
        var run = await runs.NextAsync();
        using var plain = await EventStream.OpenAsync(client, $"/api/jobs/{id}/stream");
        using var typed = await EventStream.OpenAsync(client, $"/api/jobs/{id}/events/stream");
        using var logs = await EventStream.OpenAsync(client, $"/api/jobs/{id}/logs/stream");
        EventStream[] streams = [plain, typed, logs];
        int stored = journal.Stored;

        // One that the storage has taken and does not answer; everything behind it waits for the same answer.
        journal.Hold();
        var first = client.SubmitAsync();
        await journal.Held.WaitAsync(TestEngine.Guard);
        var underWay = Requests(id).Select(request => SendAsync(client, request)).Append(first).ToList();
        journal.Break();

        foreach (var request in underWay)
        {
            await AssertUnknownAsync(await request);
        }

        foreach (var stream in streams)
        {
            var last = (await stream.ToEndAsync())[^1];
            Assert.Equal(("engine-stopped", null), (last.Name, last.Id));
            Assert.Equal("urn:engine:problem:engine-stopped", last.Data.Text("type"));
        }

        // The process has begun to end, and is asked all the same.
        await door.Reached.WaitAsync(TestEngine.Guard);
        foreach (var request in Requests(id))
        {
            await AssertUnknownAsync(await SendAsync(client, request));
        }

        var ready = await (await client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("failed", ready.Text("status"));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health/live")).StatusCode);

        // The handler would work on for ever: what it reports cannot be kept, so that it is told to stop.
        door.Open();
        Assert.Equal(ExitCode.StorageFailed, await ended.WaitAsync(TestEngine.Guard));
        Assert.True(run.Stop.IsCancellationRequested);
        Assert.Equal(stored, journal.Stored);
    }

    /// <summary>No error, no answer: a disk that hangs. The loop waits, too, and could tell nobody.</summary>
    [Fact]
    public async Task A_journal_that_does_not_answer_is_told_by_readiness_and_later_by_the_log()
    {
        const int JournalDelayed = 1015;
        var configuration = EngineServer.Configure(("MaxConcurrentRuns", "0"), ("Logging:LogLevel:Default", "Warning"));
        var settings = SettingsReader.Read(configuration);
        var time = new LeapingTime();
        using var log = new TestLog();
        await using var journal = new BreakableJournal();
        await using var app = Create(
            configuration,
            settings,
            journal,
            new ScriptedHandler(),
            services => services.AddSingleton<TimeProvider>(time).AddSingleton<ILoggerProvider>(log));
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()), Timeout = TestEngine.Guard };
        client.DefaultRequestHeaders.Authorization = new("Bearer", "dev:u:partner");
        await client.SubmittedAsync();
        time.Leap(TimeSpan.FromHours(1));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health/ready")).StatusCode);

        journal.Hold();
        var submission = client.SubmitAsync();
        await journal.Held.WaitAsync(TestEngine.Guard);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health/ready")).StatusCode);
        time.Leap(TimeSpan.FromSeconds(11));

        var ready = await (await client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("journal_delayed", ready.Text("status"));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health/live")).StatusCode);
        Assert.False(submission.IsCompleted);

        journal.GoOn();
        Assert.Equal(HttpStatusCode.Created, (await submission).StatusCode);
        Assert.Contains("has not answered for 11", await log.NextAsync(JournalDelayed), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health/ready")).StatusCode);
        await app.StopAsync();
    }

    private static WebApplication Create(
        IConfiguration configuration,
        HostSettings settings,
        IJournal journal,
        IJobHandler handler,
        Action<IServiceCollection>? services = null) => ServeHost.Create(
            configuration,
            settings,
            engine => engine
                .UseJournal(_ => journal)
                .AddHandler("build", _ => handler, type => type with { Pipeline = Pipeline.Build }),
            services);

    private static IEnumerable<(HttpMethod Method, string Path)> Requests(string id)
    {
        for (int i = 0; i < 5; i++)
        {
            yield return (HttpMethod.Post, "/api/jobs");
            yield return (HttpMethod.Get, "/api/jobs");
            yield return (HttpMethod.Get, $"/api/jobs/{id}");
            yield return (HttpMethod.Post, $"/api/jobs/{id}/confirm");
            yield return (HttpMethod.Post, $"/api/jobs/{id}/cancel");
            yield return (HttpMethod.Get, $"/api/jobs/{id}/logs");
            yield return (HttpMethod.Get, $"/api/jobs/{id}/stream");
            yield return (HttpMethod.Get, $"/api/jobs/{id}/events/stream");
            yield return (HttpMethod.Get, $"/api/jobs/{id}/logs/stream");
            yield return (HttpMethod.Get, "/api/queue");
            yield return (HttpMethod.Get, "/api/usage");
        }
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient client, (HttpMethod Method, string Path) request)
    {
        var message = new HttpRequestMessage(request.Method, request.Path);
        if (request.Method == HttpMethod.Post)
        {
            message.Content = new StringContent(
                """{"project_id":"p1","goal":"x"}""",
                new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
        }

        return client.SendAsync(message);
    }

    private static async Task AssertUnknownAsync(HttpResponseMessage response)
    {
        string from = $"{response.RequestMessage!.Method} {response.RequestMessage.RequestUri!.AbsolutePath}";
        var body = await response.JsonAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal((from, "urn:engine:problem:engine-stopped"), (from, body.Text("type")));
        Assert.Contains("may have happened or not", body.Detail(), StringComparison.Ordinal);
        Assert.True(response.Headers.RetryAfter?.Delta > TimeSpan.Zero, from);
    }

    /// <summary>Keeps the host from stopping until the test has seen how it answers.</summary>
    private sealed class Door : IHostedLifecycleService
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal Task Reached => _reached.Task;

        internal void Open() => _open.SetResult();

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken)
        {
            _reached.SetResult();
            return _open.Task.WaitAsync(TestEngine.Guard, CancellationToken.None);
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>The system's clocks; the monotonic one ahead by some time.</summary>
    private sealed class LeapingTime : TimeProvider
    {
        private long _ahead;

        public override long GetTimestamp() => System.GetTimestamp() + Interlocked.Read(ref _ahead);

        internal void Leap(TimeSpan by) => Interlocked.Add(ref _ahead, (long)(by.TotalSeconds * TimestampFrequency));
    }
}
