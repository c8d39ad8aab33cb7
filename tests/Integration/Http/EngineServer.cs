using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Engine.Host.Configuration;
using Engine.Host.Serve;
using Engine.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Engine.Tests.Http;

/// <summary>The host as it is shipped, on a free loopback port: real sockets, real settings; only the clock and the
/// handler of <c>build</c> are the test's.</summary>
internal sealed class EngineServer : IAsyncDisposable
{
    private readonly List<HttpClient> _clients = [];

    private EngineServer(WebApplication app, ScriptedHandler runs, MemoryJournal journal)
    {
        App = app;
        Runs = runs;
        Journal = journal;
        Address = new Uri(app.Urls.Single());
    }

    internal WebApplication App { get; }

    /// <summary>The runs of <c>build</c> jobs, where the server was started with the scripted handler.</summary>
    internal ScriptedHandler Runs { get; }

    /// <summary>Every frame that became durable.</summary>
    internal MemoryJournal Journal { get; }

    internal Uri Address { get; }

    internal JobEngine Engine => App.Services.GetRequiredService<JobEngine>();

    internal static Task<EngineServer> StartAsync(params (string Key, string Value)[] settings) =>
        StartAsync(null, settings);

    internal static async Task<EngineServer> StartAsync(
        TimeProvider? time, (string Key, string Value)[] settings, Action<IServiceCollection>? services = null)
    {
        var configuration = Configure(settings);
        var runs = new ScriptedHandler();
        var journal = new MemoryJournal(keepFrames: true);
        var read = SettingsReader.Read(configuration);
        var app = ServeHost.Create(
            configuration,
            read,
            engine =>
            {
                if (read.JobTypes["build"].Handler is null && !read.IsDevelopment)
                {
                    engine.AddHandler("build", _ => runs, type => type with { Pipeline = Pipeline.Build });
                }

                engine.UseJournal(_ => journal);
            },
            collection =>
            {
                collection.AddSingleton(time ?? ShiftedTime.AtNoon());
                services?.Invoke(collection);
            });
        await app.StartAsync();
        return new EngineServer(app, runs, journal);
    }

    /// <summary>The settings of a test: its own environment, so that nothing is preset for development.</summary>
    internal static IConfigurationRoot Configure(params (string Key, string Value)[] settings)
    {
        Dictionary<string, string?> values = new(StringComparer.OrdinalIgnoreCase)
        {
            ["environment"] = "Test",
            ["Engine:Authentication:Mode"] = "Development",
            ["Engine:Listen"] = "http://127.0.0.1:0",
            ["Engine:Journal"] = "Memory",
            ["Logging:LogLevel:Default"] = "None",
        };
        foreach (var (key, value) in settings)
        {
            values[key.Contains(':', StringComparison.Ordinal) || key == "environment" ? key : "Engine:" + key] = value;
        }

        return new ConfigurationBuilder().AddInMemoryCollection(values).Build();
    }

    /// <summary>A client that says it is this user.</summary>
    internal HttpClient Client(string user = "u1", string tier = "bootstrapper") => ClientWith($"dev:{user}:{tier}");

    /// <summary>A client with this token, or none.</summary>
    internal HttpClient ClientWith(string? token)
    {
        var client = new HttpClient { BaseAddress = Address, Timeout = TestEngine.Guard };
        if (token is not null)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        _clients.Add(client);
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());

        // Runs that the test left open are told to stop instead of being waited for.
        using var now = new CancellationTokenSource(0);
        await App.StopAsync(now.Token);
        await App.DisposeAsync();
    }
}

/// <summary>Short words for what tests do with the API.</summary>
internal static class Api
{
    internal static Task<HttpResponseMessage> SubmitAsync(
        this HttpClient client, string project = "p1", string goal = "a goal") =>
        client.PostJsonAsync("/api/jobs", new JsonObject { ["project_id"] = project, ["goal"] = goal });

    internal static Task<HttpResponseMessage> PostJsonAsync(this HttpClient client, string path, JsonNode body) =>
        client.PostAsync(
            path, new StringContent(body.ToJsonString(), new MediaTypeHeaderValue("application/json", "utf-8")));

    /// <summary>Submits a job that must be accepted, and gives its id.</summary>
    internal static async Task<string> SubmittedAsync(
        this HttpClient client, string project = "p1", string goal = "a goal")
    {
        var body = await (await client.SubmitAsync(project, goal)).JsonAsync(HttpStatusCode.Created);
        return body.Text("job_id");
    }

    internal static async Task<JsonObject> JobAsync(this HttpClient client, string id) =>
        await (await client.GetAsync($"/api/jobs/{id}")).JsonAsync(HttpStatusCode.OK);

    /// <summary>Reads an answer that must have this status.</summary>
    internal static async Task<JsonObject> JsonAsync(this HttpResponseMessage response, HttpStatusCode expected)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == expected, $"Expected {expected}, got {response.StatusCode}: {text}");
        return Assert.IsType<JsonObject>(JsonNode.Parse(text));
    }

    internal static string Text(this JsonObject body, string name) => body[name]!.GetValue<string>();

    internal static long Number(this JsonObject body, string name) => body[name]!.GetValue<long>();

    internal static string Detail(this JsonObject body) => body.Text("detail");
}

/// <summary>Waits for an application that is started elsewhere.</summary>
internal static class Applications
{
    internal static async Task StartedAsync(this IServiceProvider services)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var lifetime = services.GetRequiredService<IHostApplicationLifetime>();
        using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(TestEngine.Guard);
    }
}
