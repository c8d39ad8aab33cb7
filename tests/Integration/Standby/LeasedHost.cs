using Engine.Host.Configuration;
using Engine.Host.Serve;
using Engine.Hosting;
using Engine.Storage;
using Engine.Tests.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Engine.Tests.Standby;

/// <summary>A whole host that shares a <see cref="LeasedStore"/> with others: real sockets, the test's clock.</summary>
internal sealed class LeasedHost : IAsyncDisposable
{
    private readonly string _directory;
    private readonly CancellationTokenSource _stop = new();

    private LeasedHost(WebApplication app, LeasedJournal journal, Task<int> ended, string directory)
    {
        (App, Journal, Ended, _directory) = (app, journal, ended, directory);
        Client = ClientOf("u1");
    }

    internal WebApplication App { get; }

    internal LeasedJournal Journal { get; }

    /// <summary>The exit code.</summary>
    internal Task<int> Ended { get; }

    internal HttpClient Client { get; }

    internal HostedEngine Hosted => App.Services.GetRequiredService<HostedEngine>();

    internal JobEngine Engine => App.Services.GetRequiredService<JobEngine>();

    internal string Address => App.Urls.Single();

    /// <summary>Starts a host and waits until it listens.</summary>
    internal static async Task<LeasedHost> StartAsync(
        LeasedStore store, IConfiguration? more = null, params (string Key, string Value)[] settings)
    {
        var (app, journal, read, directory) = Create(store, more, settings);
        using var stop = new CancellationTokenSource();
        var ended = ServeCommand.RunAsync(app, read, CancellationToken.None);
        await app.Services.StartedAsync();
        return new LeasedHost(app, journal, ended, directory);
    }

    /// <summary>Starts a host that is expected to end by itself, and gives its exit code.</summary>
    internal static async Task<int> EndOfAsync(LeasedStore store, params (string Key, string Value)[] settings)
    {
        var (app, _, read, directory) = Create(store, null, settings);
        try
        {
            await using (app)
            {
                return await ServeCommand.RunAsync(app, read, CancellationToken.None).WaitAsync(TestEngine.Guard);
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    internal HttpClient ClientOf(string? user)
    {
        var client = new HttpClient { BaseAddress = new Uri(Address), Timeout = TestEngine.Guard };
        if (user is not null)
        {
            client.DefaultRequestHeaders.Authorization = new("Bearer", $"dev:{user}:partner");
        }

        return client;
    }

    /// <summary>Waits until it stands by, as it says.</summary>
    internal async Task StandingByAsync()
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (Hosted.State != HostedEngineState.StandingBy)
        {
            guard.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <summary>Stops as a supervisor asks it to; the journal is given back.</summary>
    internal async Task<int> StopAsync()
    {
        await App.StopAsync();
        int code = await Ended.WaitAsync(TestEngine.Guard);
        await App.DisposeAsync();
        return code;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        _stop.Dispose();
        using var now = new CancellationTokenSource(0);
        try
        {
            await App.StopAsync(now.Token);
            await App.DisposeAsync();
        }
        catch (Exception e) when (e is JournalException or ObjectDisposedException)
        {
            // Stopped before, or stopping repeats what made the engine fail.
        }

        Directory.Delete(_directory, recursive: true);
    }

    private static (WebApplication App, LeasedJournal Journal, HostSettings Settings, string Directory) Create(
        LeasedStore store, IConfiguration? more, (string Key, string Value)[] settings)
    {
        string directory = Directory.CreateTempSubdirectory("engine-standby-").FullName;
        var configuration = EngineServer.Configure(
        [
            ("Standby", "true"),
            ("Journal", "Faster"),
            ("DataDirectory", directory),
            ("MaxConcurrentRuns", "0"),
            .. settings,
        ]);
        IConfiguration all = more is null
            ? configuration
            : new ConfigurationBuilder().AddConfiguration(configuration).AddConfiguration(more).Build();
        var read = SettingsReader.Read(all);
        LeasedJournal? journal = null;
        var app = ServeHost.Create(
            all,
            read,
            engine => engine
                .UseJournal(provider => journal = store.Open(
                    () => provider.GetRequiredService<AdvertisedAddress>().Value))
                .AddHandler("build", _ => new ScriptedHandler(), type => type with { Pipeline = Pipeline.Build }),
            services => services.AddSingleton(store.Time));
        _ = app.Services.GetRequiredService<IJournal>();
        return (app, journal!, read, directory);
    }
}
