using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Engine.Host.Cli;
using Engine.Hosting;
using Engine.Storage;
using Engine.Tests.Http;
using Microsoft.Extensions.Configuration;

namespace Engine.Tests.Standby;

/// <summary>Two hosts on one store that is owned by lease: one serves, the other stands by and takes over. The clock is
/// the test's, so that times are exact.</summary>
public class StandbyTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(3);

    private readonly StandbyTime _time = new();
    private readonly LeasedStore _store;

    public StandbyTests() => _store = new LeasedStore(_time, Lease);

    [Fact]
    public async Task A_host_that_stands_by_is_alive_and_says_who_serves()
    {
        await using var owner = await OwnerAsync();
        await using var standby = await StandbyAsync();

        var live = await (await standby.Client.GetAsync("/health/live")).JsonAsync(HttpStatusCode.OK);
        var ready = await (await standby.Client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.ServiceUnavailable);

        Assert.Equal("live", live.Text("status"));
        Assert.Equal("standby", ready.Text("status"));
        Assert.Equal(owner.Address, ready.Text("owner"));
        var ownersReady = await (await owner.Client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal("ready", ownersReady.Text("status"));
    }

    [Fact]
    public async Task Every_route_of_a_host_that_stands_by_sends_callers_to_the_owner()
    {
        string[] routes =
        [
            "POST /api/jobs", "GET /api/jobs", "GET /api/jobs/{id}", "POST /api/jobs/{id}/confirm",
            "POST /api/jobs/{id}/cancel", "GET /api/jobs/{id}/logs", "GET /api/jobs/{id}/stream",
            "GET /api/jobs/{id}/events/stream", "GET /api/jobs/{id}/logs/stream", "GET /api/queue", "GET /api/usage",
            "GET /api/no-such-route",
        ];
        await using var owner = await OwnerAsync();
        string id = await owner.Client.SubmittedAsync();
        await using var standby = await StandbyAsync();

        foreach (var (route, user) in routes.SelectMany(route => new[] { (route, "u1"), (route, null) }))
        {
            using var client = standby.ClientOf(user);
            using var request = new HttpRequestMessage(
                new HttpMethod(route.Split(' ')[0]), route.Split(' ')[1].Replace("{id}", id, StringComparison.Ordinal));
            if (request.Method == HttpMethod.Post)
            {
                request.Content = new StringContent(
                    """{"project_id":"p1","goal":"x"}""", new MediaTypeHeaderValue("application/json"));
            }

            // Headers alone would do for a stream that hangs: the whole answer must come.
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseContentRead);

            var body = await response.JsonAsync(HttpStatusCode.ServiceUnavailable);
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
            Assert.Equal("urn:engine:problem:standby", body.Text("type"));
            Assert.Equal(owner.Address, body.Text("owner"));
            Assert.Contains(owner.Address, body.Detail(), StringComparison.Ordinal);
            Assert.Equal(Lease, response.Headers.RetryAfter?.Delta);
        }

        Assert.Equal("queued", (await owner.Client.JobAsync(id)).Text("state"));
        var queue = await (await owner.Client.GetAsync("/api/queue")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(1, queue.Number("queued"));
    }

    [Fact]
    public async Task A_paused_owner_is_replaced_when_its_lease_ends_not_before_and_not_a_second_after()
    {
        await using var owner = await OwnerAsync();
        string id = await owner.Client.SubmittedAsync();
        await using var standby = await StandbyAsync();
        while (_time.Now < TimeSpan.FromSeconds(1.25))
        {
            await _time.PassOneWaitAsync(standby.Hosted.Serving);
        }

        // The last renewal was at 1.0 s, so that its right lasts until 4.0 s. At most a second more is promised.
        owner.Journal.Pause();
        await _time.PassUntilAsync(standby.Hosted.Serving);

        Assert.Equal(TimeSpan.FromSeconds(1) + Lease, _time.Now);
        Assert.Equal("queued", (await standby.Client.JobAsync(id)).Text("state"));
        Assert.Equal(HttpStatusCode.OK, (await standby.Client.GetAsync("/health/ready")).StatusCode);
        await standby.Client.SubmittedAsync();
    }

    [Fact]
    public async Task A_paused_owner_that_wakes_shows_nothing_writes_nothing_and_ends_with_75()
    {
        await using var owner = await OwnerAsync();
        string id = await owner.Client.SubmittedAsync();
        await using var standby = await StandbyAsync();
        owner.Journal.Pause();
        await _time.PassUntilAsync(standby.Hosted.Serving);
        var cancelled = await standby.Client.PostAsync($"/api/jobs/{id}/cancel", null);
        Assert.Equal(HttpStatusCode.OK, cancelled.StatusCode);

        // Awake, and not told yet: what it knows is out of date, so it shows nothing of it.
        foreach (string path in new[] { $"/api/jobs/{id}", "/api/queue", $"/api/jobs/{id}/stream" })
        {
            using var response = await owner.Client.GetAsync(path);
            var body = await response.JsonAsync(HttpStatusCode.ServiceUnavailable);
            Assert.Equal("urn:engine:problem:ownership-in-doubt", body.Text("type"));
            Assert.NotNull(response.Headers.RetryAfter);
        }

        var ready = await (await owner.Client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("ownership_in_doubt", ready.Text("status"));
        var before = await FramesAsync();

        // Behind the gate it is fenced all the same.
        await Assert.ThrowsAsync<EngineStoppedException>(() => owner.Engine.CancelAsync(JobId.Parse(id, null)).AsTask());

        Assert.Equal(ExitCode.JournalLocked, await owner.Ended.WaitAsync(TestEngine.Guard));
        Assert.Equal(before, await FramesAsync());
        Assert.Equal("cancelled", (await standby.Client.JobAsync(id)).Text("state"));
    }

    [Fact]
    public async Task An_idle_owner_that_was_replaced_ends_with_75_without_being_asked()
    {
        await using var owner = await OwnerAsync();
        await using var standby = await StandbyAsync();
        owner.Journal.Pause();
        await _time.PassUntilAsync(standby.Hosted.Serving);

        owner.Journal.Wake();

        Assert.Equal(ExitCode.JournalLocked, await owner.Ended.WaitAsync(TestEngine.Guard));
    }

    [Fact]
    public async Task An_owner_that_was_cut_off_and_renews_in_time_goes_on()
    {
        await using var owner = await OwnerAsync();
        owner.Journal.Pause();
        _time.Advance(Lease);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await owner.Client.GetAsync("/api/queue")).StatusCode);

        owner.Journal.Wake();

        Assert.Equal(HttpStatusCode.OK, (await owner.Client.GetAsync("/api/queue")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await owner.Client.GetAsync("/health/ready")).StatusCode);
        await owner.Client.SubmittedAsync();
    }

    [Fact]
    public async Task A_clean_stop_hands_over_at_once_and_the_next_host_stands_by_for_the_new_owner()
    {
        var first = await OwnerAsync();
        string id = await first.Client.SubmittedAsync();
        await using var second = await StandbyAsync();
        var stopped = _time.Now;

        Assert.Equal(ExitCode.Success, await first.StopAsync());
        await _time.PassUntilAsync(second.Hosted.Serving);
        await using var third = await StandbyAsync();

        Assert.InRange(_time.Now - stopped, TimeSpan.Zero, TimeSpan.FromMilliseconds(250));
        Assert.Equal("queued", (await second.Client.JobAsync(id)).Text("state"));
        var ready = await (await third.Client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal(second.Address, ready.Text("owner"));
        await first.DisposeAsync();
    }

    [Fact]
    public async Task While_the_journal_is_read_nothing_is_accepted()
    {
        var reading = new TaskCompletionSource();
        var first = await OwnerAsync();
        string id = await first.Client.SubmittedAsync();
        await using var second = await StandbyAsync();
        _store.MayRead = reading.Task;

        await first.StopAsync();
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (second.Hosted.State == HostedEngineState.StandingBy)
        {
            guard.Token.ThrowIfCancellationRequested();
            _time.Advance(TimeSpan.FromMilliseconds(250));
            await Task.Yield();
        }

        var refused = await (await second.Client.SubmitAsync()).JsonAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("urn:engine:problem:starting", refused.Text("type"));
        var ready = await (await second.Client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("starting", ready.Text("status"));
        Assert.Null(ready["owner"]);

        reading.SetResult();
        await second.Hosted.Serving.WaitAsync(TestEngine.Guard);
        var jobs = await (await second.Client.GetAsync("/api/jobs")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal(id, Assert.Single(jobs["jobs"]!.AsArray())!.AsObject().Text("job_id"));
        await first.DisposeAsync();
    }

    [Fact]
    public async Task Of_two_that_stand_by_one_takes_over_and_the_other_stands_by_for_it()
    {
        var owner = await OwnerAsync();
        await using var one = await StandbyAsync();
        await using var other = await StandbyAsync();

        await owner.StopAsync();
        var first = Task.WhenAny(one.Hosted.Serving, other.Hosted.Serving);
        await _time.PassUntilAsync(first);

        var (serves, waits) = one.Hosted.State == HostedEngineState.Serving ? (one, other) : (other, one);
        Assert.Equal(HostedEngineState.StandingBy, waits.Hosted.State);
        while (waits.Hosted.Owner != serves.Address)
        {
            await _time.PassOneWaitAsync(waits.Hosted.Serving);
        }

        await serves.Client.SubmittedAsync();
        await owner.DisposeAsync();
    }

    [Fact]
    public async Task A_host_that_stands_by_stops_when_told_and_leaves_the_owner_alone()
    {
        await using var owner = await OwnerAsync();
        var standby = await StandbyAsync();

        Assert.Equal(ExitCode.Success, await standby.StopAsync());

        await owner.Client.SubmittedAsync();
        await standby.DisposeAsync();
    }

    [Fact]
    public async Task A_host_that_cannot_read_what_it_takes_over_ends_with_65()
    {
        var first = await OwnerAsync();
        await first.Client.SubmittedAsync();
        await using var second = await StandbyAsync();
        _store.Damage = new JournalDamagedException("A sector is gone.");

        await first.StopAsync();
        await _time.PassUntilAsync(second.Ended);

        Assert.Equal(ExitCode.JournalDamaged, await second.Ended);
        await first.DisposeAsync();
    }

    [Fact]
    public async Task Without_standby_a_second_host_ends_with_75()
    {
        await using var owner = await OwnerAsync();

        Assert.Equal(
            ExitCode.JournalLocked, await LeasedHost.EndOfAsync(_store, ("Standby", "false")).WaitAsync(TestEngine.Guard));
    }

    [Fact]
    public async Task An_advertised_address_is_what_others_are_told()
    {
        await using var owner = await OwnerAsync(("AdvertisedAddress", "https://engine-1.example.com/"));
        await using var standby = await StandbyAsync();

        var body = await (await standby.Client.SubmitAsync()).JsonAsync(HttpStatusCode.ServiceUnavailable);

        Assert.Equal("https://engine-1.example.com", body.Text("owner"));
    }

    [Fact]
    public async Task Settings_that_change_while_it_stands_by_hold_when_it_serves()
    {
        var file = new ConfigurationBuilder().AddInMemoryCollection([new("Engine:GlobalCap", "7")]).Build();
        var first = await OwnerAsync();
        await using var second = await LeasedHost.StartAsync(_store, file);
        await second.StandingByAsync();

        file["Engine:GlobalCap"] = "9";
        file.Reload();
        await first.StopAsync();
        await _time.PassUntilAsync(second.Hosted.Serving);

        using var guard = new CancellationTokenSource(TestEngine.Guard);
        JsonObject queue;
        do
        {
            queue = await (await second.Client.GetAsync("/api/queue", guard.Token)).JsonAsync(HttpStatusCode.OK);
        }
        while (queue.Number("global_cap") != 9);
        await first.DisposeAsync();
    }

    private async Task<LeasedHost> OwnerAsync(params (string Key, string Value)[] settings)
    {
        var host = await LeasedHost.StartAsync(_store, null, settings);
        await host.Hosted.Serving.WaitAsync(TestEngine.Guard);
        return host;
    }

    private async Task<LeasedHost> StandbyAsync()
    {
        var host = await LeasedHost.StartAsync(_store);
        await host.StandingByAsync();
        return host;
    }

    private async Task<List<(long Sequence, long Epoch)>> FramesAsync()
    {
        List<(long, long)> frames = [];
        await foreach (var frame in _store.Frames.ReadAsync(1))
        {
            frames.Add((frame.Sequence, frame.Epoch));
        }

        return frames;
    }
}
