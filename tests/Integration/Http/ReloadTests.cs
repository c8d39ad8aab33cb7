using System.Net;
using Engine.Host.Configuration;
using Engine.Host.Serve;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Engine.Tests.Http;

/// <summary>Settings that change while the host runs.</summary>
public sealed class ReloadTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"engine-reload-{Guid.NewGuid():N}.json");

    [Fact]
    public async Task A_raised_limit_takes_effect_at_once_and_a_wrong_one_changes_nothing()
    {
        await File.WriteAllTextAsync(_file, """{"Engine":{"GlobalCap":1}}""");
        var configuration = new ConfigurationBuilder()
            .AddConfiguration(EngineServer.Configure(("MaxConcurrentRuns", "0")))
            .AddJsonFile(_file, optional: false, reloadOnChange: false)
            .Build();
        var runs = new ScriptedHandler();
        await using var app = ServeHost.Create(
            configuration,
            SettingsReader.Read(configuration),
            engine => engine.AddHandler("build", _ => runs, type => type with { Pipeline = Pipeline.Build }),
            services => services.AddSingleton<TimeProvider>(ShiftedTime.AtNoon()));
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        client.DefaultRequestHeaders.Authorization = new("Bearer", "dev:u:cto_scale");
        await client.SubmittedAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await client.SubmitAsync()).StatusCode);

        await ChangeAsync("""{"Engine":{"GlobalCap":3,"Tiers":{"cto_scale":{"DailyLimit":2}}}}""");
        await UntilCapIsAsync(client, 3);
        Assert.Equal(HttpStatusCode.Created, (await client.SubmitAsync()).StatusCode);

        // The tier's new allowance holds as well: the third job of the day is scheduled.
        var third = await (await client.SubmitAsync()).JsonAsync(HttpStatusCode.Created);
        Assert.Equal("scheduled", third.Text("status"));

        // Refused as a whole; the next right change is taken over, which shows that the wrong one was looked at.
        await ChangeAsync("""{"Engine":{"GlobalCap":0}}""");
        await ChangeAsync("""{"Engine":{"GlobalCap":5}}""");
        await UntilCapIsAsync(client, 5);

        async Task ChangeAsync(string json)
        {
            await File.WriteAllTextAsync(_file, json);
            configuration.Reload();
        }
    }

    [Fact]
    public async Task A_settings_file_that_cannot_be_read_changes_nothing_and_is_named()
    {
        // In the middle of somebody's work on it, say. What it said before must not be taken for deleted.
        await File.WriteAllTextAsync(_file, """{"Engine":{"GlobalCap":7}}""");
        var configuration = HostConfiguration.Build(new FileInfo(_file), Arguments, reloads: true);
        using var log = new TestLog();
        await using var app = ServeHost.Create(
            configuration,
            SettingsReader.Read(configuration),
            services: services => services.AddSingleton<ILoggerProvider>(log));
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        client.DefaultRequestHeaders.Authorization = new("Bearer", "dev:u:partner");
        await UntilCapIsAsync(client, 7);

        await File.WriteAllTextAsync(_file, """{"Engine":{"GlobalCap":9""");
        string first = await log.NextAsync(Refused);
        configuration.Reload();
        string second = await log.NextAsync(Refused);
        File.Delete(_file);
        string third = await log.NextAsync(Refused);
        await UntilCapIsAsync(client, 7);
        await File.WriteAllTextAsync(_file, """{"Engine":{"GlobalCap":11}}""");
        await UntilCapIsAsync(client, 11);

        Assert.All([first, second, third], text => Assert.Contains(Path.GetFileName(_file), text));
    }

    public void Dispose() => File.Delete(_file);

    private const int Refused = 4013;

    private static string[] Arguments { get; } =
    [
        "--environment=Test", "--Engine:Authentication:Mode=Development", "--Engine:Listen=http://127.0.0.1:0",
        "--Engine:Journal=Memory", "--Logging:LogLevel:Default=Error",
    ];

    // Taking settings over is the host's own business, some moments after the file: asked again until it is done.
    private static async Task UntilCapIsAsync(HttpClient client, long cap)
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while ((await (await client.GetAsync("/api/queue", guard.Token)).JsonAsync(HttpStatusCode.OK))
            .Number("global_cap") != cap)
        {
            await Task.Yield();
        }
    }
}
