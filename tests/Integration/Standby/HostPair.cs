using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using Engine.Tests.Hosts;
using Engine.Tests.Http;
using Engine.Tests.Redis;

namespace Engine.Tests.Standby;

/// <summary>Two hosts as processes on one journal: on a directory that both have, or in a Redis of their own.</summary>
internal sealed class HostPair : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("engine-pair-").FullName;
    private readonly RedisServer? _redis;
    private readonly List<HostProcess> _processes = [];
    private readonly List<PairedHost> _hosts = [];

    private HostPair(RedisServer? redis, TimeSpan lease) => (_redis, Lease) = (redis, lease);

    /// <summary>How long an owner's right lasts without a sign of life, in Redis.</summary>
    internal TimeSpan Lease { get; }

    internal bool IsInRedis => _redis is not null;

    /// <summary>Where the journal is, when it is in Redis.</summary>
    internal RedisServer Redis => _redis ?? throw new InvalidOperationException("The journal is on disk.");

    /// <summary>The data directory that both share, when the journal is on disk.</summary>
    internal string Data => Path.Combine(_directory, "data");

    internal static async Task<HostPair> CreateAsync(bool inRedis, int leaseSeconds = 4) =>
        new(inRedis ? await RedisServer.StartAsync() : null, TimeSpan.FromSeconds(leaseSeconds));

    /// <summary>Starts a host; returns when it listens, and does not wait for what it will be.</summary>
    internal async Task<PairedHost> StartAsync(params string[] settings)
    {
        string data = Path.Combine(_directory, _redis is null ? Data : $"data{_processes.Count}");
        string[] journal = _redis is null
            ? ["--Engine:Journal=Faster", "--Engine:JournalSegmentBytes=65536"]
            :
            [
                "--Engine:Journal=Redis",
                $"--Engine:Redis:Connection={_redis.Address}",
                $"--Engine:Redis:LeaseDuration={Lease:c}",
            ];
        var process = HostProcess.Start(
            "Development",
            _directory,
            [
                "serve",
                "--Engine:Standby=true",
                "--Engine:Listen=http://127.0.0.1:0",
                $"--Engine:DataDirectory={data}",
                "--Engine:GlobalCap=100000",
                "--Engine:JobTypes:shell:Handler=Process",
                "--Engine:Processes:Allowed:sh=/bin/sh",
                .. journal,
                .. settings,
            ]);
        _processes.Add(process);
        var host = new PairedHost(process, await process.ListensAsync());
        _hosts.Add(host);
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        _hosts.ForEach(host => host.Dispose());
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }

        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }

        Directory.Delete(_directory, recursive: true);
    }
}

/// <summary>One of the two.</summary>
internal sealed class PairedHost(HostProcess process, Uri address) : IDisposable
{
    private readonly HttpClient _client = new() { BaseAddress = address, Timeout = TestEngine.Guard };

    internal HostProcess Process { get; } = process;

    internal string Address { get; } = address.ToString().TrimEnd('/');

    /// <summary>Waits until it says so; <c>ready</c> with 200, anything else with 503.</summary>
    internal async Task<JsonObject> UntilAsync(string status)
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (true)
        {
            using var response = await _client.GetAsync("/health/ready", guard.Token);
            var body = Assert.IsType<JsonObject>(JsonNode.Parse(await response.Content.ReadAsStringAsync(guard.Token)));
            if (body.Text("status") == status)
            {
                Assert.Equal(status == "ready", response.StatusCode == HttpStatusCode.OK);
                return body;
            }
        }
    }

    public void Dispose() => _client.Dispose();

    internal HttpClient ClientOf(string user)
    {
        var client = new HttpClient { BaseAddress = _client.BaseAddress, Timeout = TestEngine.Guard };
        client.DefaultRequestHeaders.Authorization = new("Bearer", $"dev:{user}:cto_scale");
        return client;
    }

    /// <summary>Submits under a key; null when it was not accepted, or nobody knows.</summary>
    internal static async Task<string?> TrySubmitAsync(HttpClient client, string project, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/jobs")
        {
            Content = new StringContent(
                $$"""{"project_id":"{{project}}","goal":"g"}""",
                new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
        };
        request.Headers.Add("Idempotency-Key", key);
        try
        {
            using var response = await client.SendAsync(request);
            return response.StatusCode == HttpStatusCode.Created
                ? (await response.JsonAsync(HttpStatusCode.Created)).Text("job_id")
                : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}

/// <summary>Users who submit one job after another, and a book of what was acknowledged.</summary>
internal sealed class Submitters(PairedHost host, int users)
{
    private readonly ConcurrentDictionary<(string User, string Key), string?> _book = new();
    private volatile bool _isStopping;
    private Task _working = Task.CompletedTask;
    private int _acknowledged;

    /// <summary>Begins; each goes on until it is told to stop or is not answered.</summary>
    internal void Start() => _working = Task.WhenAll(Enumerable.Range(0, users).Select(SubmitAsync));

    /// <summary>Waits until so many were acknowledged.</summary>
    internal async Task AcknowledgedAsync(int count)
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (Volatile.Read(ref _acknowledged) < count)
        {
            guard.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    internal Task StopAsync()
    {
        _isStopping = true;
        return _working.WaitAsync(TestEngine.Guard);
    }

    /// <summary>Everything acknowledged is there; everything that nobody knows about is submitted again, and is then there
    /// once.</summary>
    /// <returns>How many were acknowledged before.</returns>
    internal async Task<int> CheckAsync(PairedHost next)
    {
        int acknowledged = _book.Count(pair => pair.Value is not null);
        foreach (var jobs in _book.GroupBy(pair => pair.Key.User))
        {
            using var client = next.ClientOf(jobs.Key);
            var ids = new HashSet<string>();
            foreach (var ((_, key), known) in jobs)
            {
                string? id = await PairedHost.TrySubmitAsync(client, jobs.Key, key);
                Assert.True(known is null || known == id, $"{key} was acknowledged as {known} and is {id} now");
                Assert.True(ids.Add(id!));
            }

            var page = await (await client.GetAsync("/api/jobs?limit=200")).JsonAsync(HttpStatusCode.OK);
            Assert.Equal(ids, page["jobs"]!.AsArray().Select(job => job!.AsObject().Text("job_id")).ToHashSet());
        }

        return acknowledged;
    }

    private async Task SubmitAsync(int number)
    {
        string user = $"u{number}";
        using var client = host.ClientOf(user);

        // More would be for another day, and no longer fit one page.
        for (int i = 0; i < 100 && !_isStopping; i++)
        {
            string key = $"{user}-{i}";
            _book[(user, key)] = null;
            if (await PairedHost.TrySubmitAsync(client, user, key) is not { } id)
            {
                return;
            }

            _book[(user, key)] = id;
            Interlocked.Increment(ref _acknowledged);
        }
    }
}
