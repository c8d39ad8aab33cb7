using System.Net;
using Engine.Host.Configuration;
using Engine.Host.Serve;
using Microsoft.Extensions.Configuration;

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
            engine => engine.AddHandler("build", _ => runs, type => type with { Pipeline = Pipeline.Build }));
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

    public void Dispose() => File.Delete(_file);

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
