using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Engine.Tests.Hosts;
using Engine.Tests.Load.Checks;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load.Targets;

/// <summary>A host behind HTTP: one of our own as a child, or one that runs already.</summary>
internal sealed class HttpTarget : Target
{
    private readonly Workload _workload;
    private readonly string? _directory;
    private readonly JournalPlace? _journal;
    private readonly int _snapshotBytes;
    private readonly int _heapLimitMiB;
    private readonly HttpClient _client;
    private HostChild? _child;
    private Uri? _address;

    private HttpTarget(
        Workload workload, string? directory, JournalPlace? journal, int snapshotBytes, int heapLimitMiB, Uri? url)
    {
        (_workload, _directory, _journal) = (workload, directory, journal);
        (_snapshotBytes, _heapLimitMiB, _address) = (snapshotBytes, heapLimitMiB, url);
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = HostProcess.Guard,
            UseCookies = false,
            UseProxy = false,
        };
        _client = new HttpClient(handler) { Timeout = HostProcess.Guard };
    }

    internal override string? Unchecked => Journal is not null
        ? null
        : "no journal to read: limits are sampled from the API, and refusals are not looked for in it";

    internal override string Printed => _child?.Printed ?? "";

    internal override JournalPlace? Journal => _journal is { IsStored: true } ? _journal : null;

    internal override long MemoryBytes => _child?.MemoryBytes ?? 0;

    internal override TimeSpan ProcessorTime => _child?.ProcessorTime ?? TimeSpan.Zero;

    /// <summary>Where it is.</summary>
    internal Uri Address => _address ?? throw new NoAnswerException("The host has ended.");

    /// <summary>Starts a host of our own.</summary>
    /// <param name="workload">What it is to serve.</param>
    /// <param name="directory">Where it works.</param>
    /// <param name="journal">Where its events go.</param>
    /// <param name="snapshotBytes">After how much of it snapshots are taken, or 0 for none.</param>
    /// <param name="heapLimitMiB">How much its heap may take, or 0.</param>
    internal static async Task<HttpTarget> StartAsync(
        Workload workload, string directory, JournalPlace journal, int snapshotBytes, int heapLimitMiB)
    {
        var target = new HttpTarget(workload, directory, journal, snapshotBytes, heapLimitMiB, null);
        await target.StartAgainAsync();
        return target;
    }

    /// <summary>Uses one that runs: with development authentication, and a type <c>build</c> that is served.</summary>
    internal static HttpTarget Existing(Workload workload, Uri url) => new(workload, null, null, 0, 0, url);

    internal override async ValueTask<SubmitAnswer> SubmitAsync(Ask ask)
    {
        try
        {
            using var request = Request(HttpMethod.Post, "/api/jobs", ask.User, ask.Tier);
            if (ask.Key is not null)
            {
                request.Headers.Add("Idempotency-Key", ask.Key);
            }

            string body = string.Create(
                CultureInfo.InvariantCulture,
                $"{{\"project_id\":\"{ask.Project}\",\"goal\":\"{_workload.Goal(ask)}\",\"type\":\"{ask.Type}\"," +
                $"\"priority\":{ask.Priority},\"payload\":{{{Workload.Fields(ask)[1..]}}}}}");
            request.Content = new StringContent(body, Encoding.ASCII, "application/json");
            request.Content.Headers.ContentType!.CharSet = "utf-8";
            using var response = await _client.SendAsync(request).ConfigureAwait(false);
            using var answer = await JsonAsync(response).ConfigureAwait(false);
            return response.StatusCode == HttpStatusCode.Created
                ? new(
                    answer.RootElement.GetProperty("state").ValueEquals("scheduled") ? Answer.Scheduled : Answer.Queued,
                    JobId.Parse(answer.RootElement.GetProperty("job_id").GetString()!),
                    response.Headers.Contains("Idempotency-Replayed"))
                : new(
                    Answer.Refused,
                    Reason: ReasonIn(response, answer.RootElement),
                    RetryAfter: response.Headers.RetryAfter?.Delta);
        }
        catch (Exception gone) when (IsGone(gone))
        {
            return new(Answer.None, Reason: gone.Message);
        }
    }

    internal override async ValueTask<JobLook?> LookAsync(Acknowledged job)
    {
        var (status, body) = await AskAsync(HttpMethod.Get, $"/api/jobs/{job.Id}", job.User, job.Tier);
        using var owned = body;
        if (status == HttpStatusCode.NotFound)
        {
            return null;
        }

        var root = Expect(HttpStatusCode.OK, status, body);
        var waits = root.GetProperty("waiting_for");
        var due = root.GetProperty("scheduled_for");
        return new JobLook(
            StateNames.Parse(root.GetProperty("state").GetString()),
            root.GetProperty("position").GetInt64(),
            waits.ValueKind == JsonValueKind.Null ? null : waits.GetProperty("kind").GetString(),
            due.ValueKind == JsonValueKind.Null ? null : due.GetDateTimeOffset());
    }

    internal override async ValueTask<bool> CancelAsync(Acknowledged job)
    {
        var (status, body) = await AskAsync(HttpMethod.Post, $"/api/jobs/{job.Id}/cancel", job.User, job.Tier);
        using var owned = body;
        return status is not (HttpStatusCode.Conflict or HttpStatusCode.NotFound)
            && Expect(status == HttpStatusCode.Accepted ? status : HttpStatusCode.OK, status, body).ValueKind
                == JsonValueKind.Object;
    }

    internal override async ValueTask<bool> ConfirmAsync(Acknowledged job)
    {
        var (status, body) = await AskAsync(HttpMethod.Post, $"/api/jobs/{job.Id}/confirm", job.User, job.Tier);
        using var owned = body;
        return status is not (HttpStatusCode.BadRequest or HttpStatusCode.NotFound)
            && Expect(HttpStatusCode.OK, status, body).ValueKind == JsonValueKind.Object;
    }

    internal override async ValueTask<QueueLook> QueueAsync()
    {
        var (status, body) = await AskAsync(HttpMethod.Get, "/api/queue", "operator", Limits.Scale);
        using var owned = body;
        var root = Expect(HttpStatusCode.OK, status, body);
        long ended = root.GetProperty("tiers").EnumerateArray().Sum(tier =>
            Count(tier, "completed") + Count(tier, "failed") + Count(tier, "cancelled"));
        return new QueueLook(Count(root, "queued"), Count(root, "running"), Count(root, "global_cap"), ended);

        static long Count(JsonElement from, string name) => from.GetProperty(name).GetInt64();
    }

    internal override async IAsyncEnumerable<Change> WatchAsync(
        Acknowledged job, Action opened, [EnumeratorCancellation] CancellationToken stop)
    {
        // Both kinds of stream are used; both say all that is looked at here.
        string path = $"/api/jobs/{job.Id}/{(job.Number % 2 == 0 ? "stream" : "events/stream")}";
        using var request = Request(HttpMethod.Get, path, job.User, job.Tier);
        using var stream = await SseStream.OpenAsync(_client, request, stop);
        if (stream is null)
        {
            yield break;
        }

        opened();
        while (await stream.NextAsync(stop) is { } change)
        {
            yield return change;
        }
    }

    internal override async Task EndAsync(bool kill)
    {
        if (_child is { } child)
        {
            _child = null;
            _address = null;
            await using (child)
            {
                await child.EndAsync(kill);
            }
        }
    }

    internal override async Task StartAgainAsync()
    {
        _child = await HostChild.StartAsync(
            _directory!, HostSettings.For(_workload.Limits, _journal!, _snapshotBytes), _heapLimitMiB);
        _address = _child.Address;
    }

    public override async ValueTask DisposeAsync()
    {
        _client.Dispose();
        if (_child is not null)
        {
            await _child.DisposeAsync();
        }
    }

    internal static bool IsGone(Exception e) =>
        e is HttpRequestException or IOException or OperationCanceledException or NoAnswerException;

    private HttpRequestMessage Request(HttpMethod method, string path, string user, string tier)
    {
        var request = new HttpRequestMessage(method, new Uri(Address, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", $"dev:{user}:{tier}");
        return request;
    }

    private async ValueTask<(HttpStatusCode Status, JsonDocument Body)> AskAsync(
        HttpMethod method, string path, string user, string tier)
    {
        try
        {
            using var request = Request(method, path, user, tier);
            using var response = await _client.SendAsync(request).ConfigureAwait(false);
            return (response.StatusCode, await JsonAsync(response).ConfigureAwait(false));
        }
        catch (Exception gone) when (IsGone(gone) && gone is not NoAnswerException)
        {
            throw new NoAnswerException(gone.Message, gone);
        }
    }

    private static async Task<JsonDocument> JsonAsync(HttpResponseMessage response)
    {
        await using var body = await response.Content.ReadAsStreamAsync().ConfigureAwait(false);
        return await JsonDocument.ParseAsync(body).ConfigureAwait(false);
    }

    private static JsonElement Expect(HttpStatusCode expected, HttpStatusCode status, JsonDocument body) =>
        status == expected ? body.RootElement
            : status == HttpStatusCode.ServiceUnavailable ? throw new NoAnswerException($"503: {body.RootElement}")
            : throw new InvalidDataException($"Expected {(int)expected}, got {(int)status}: {body.RootElement}");

    private static string ReasonIn(HttpResponseMessage response, JsonElement body) =>
        body.TryGetProperty("type", out var type) && type.GetString() is { } text
            ? text[(text.LastIndexOf(':') + 1)..]
            : $"status {(int)response.StatusCode}";
}
