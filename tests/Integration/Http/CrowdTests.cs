using System.Globalization;
using System.Net;
using Engine.Core;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;

namespace Engine.Tests.Http;

/// <summary>Many callers at once: no limit is ever exceeded. What happened is read from the journal afterwards: the
/// counts are checked after every single event, and not sampled now and then.</summary>
public class CrowdTests
{
    private const int Users = 60;
    private const int JobsPerUser = 7;

    /// <summary>Runs that end at once, and runs that never do: then more comes than there is room for.</summary>
    [Theory]
    [InlineData("00:00:00", 40, 1, 1)]
    [InlineData("01:00:00", 2 * Users, 100, 2)]
    public async Task DA_1_and_DA_3_sixty_submitters_at_once_exceed_no_limit(
        string stageDuration, int runs, int leastQueued, int leastRunningPerUser)
    {
        await using var server = await EngineServer.StartAsync(
            null,
            [
                ("MaxConcurrentRuns", runs.ToString(CultureInfo.InvariantCulture)),
                ("GlobalCap", "100"),
                ("environment", "Development"),
                ("Engine:Rehearsal:StageDuration", stageDuration),
            ]);
        var answers = await Task.WhenAll(Enumerable.Range(0, Users).Select(user => SubmitAllAsync(server, user)));
        var statuses = answers.SelectMany(codes => codes).ToList();

        // Everything is either accepted or refused for the one reason that refuses.
        Assert.All(statuses, status => Assert.True((int)status is 201 or 503, $"{status}"));
        int accepted = statuses.Count(status => status == HttpStatusCode.Created);
        var queue = await server.Engine.GetQueueAsync();
        long ended = queue.Tiers.Sum(tier => tier.Completed + tier.Failed);
        Assert.Equal(accepted, queue.Queued + queue.Running + queue.Scheduled + ended);

        // Each user's allowance is five: what is beyond waits for another day.
        for (int user = 0; user < Users; user++)
        {
            var usage = await server.Engine.GetUsageAsync($"u{user}", "bootstrapper");
            Assert.Equal(answers[user].Count(status => status == HttpStatusCode.Created), usage.JobsUsed);
        }

        var peaks = await PeaksAsync(server);
        Assert.InRange(peaks.Queued, leastQueued, 100);
        Assert.InRange(peaks.RunningPerUser, leastRunningPerUser, 2);
        Assert.InRange(peaks.RunningPerProject, 1, 2);
        Assert.InRange(peaks.ChargedPerUserAndDay, 1, 5);
        Assert.InRange(peaks.Running, leastRunningPerUser, runs);
    }

    [Fact]
    public async Task DA_1_the_cap_holds_when_nothing_leaves_the_queue()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(user => SubmitAllAsync(server, user)));

        // 50 users may have five a day each, 250 in all: exactly a hundred get in.
        var queue = await server.Engine.GetQueueAsync();
        Assert.Equal(100, queue.Queued);
        Assert.Equal(100 + queue.Scheduled, answers.Sum(codes => codes.Count(code => code == HttpStatusCode.Created)));
    }

    [Fact]
    public async Task F19_requests_sent_again_with_their_key_change_nothing()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client("u", "cto_scale");

        // Each of twenty submissions arrives up to four times, all of them at once.
        var sent = Enumerable.Range(0, 20).SelectMany(key => Enumerable.Repeat(key, 1 + (key % 4)));
        var answers = await Task.WhenAll(sent.Select(key => SubmitAsync(client, $"key-{key}", $"goal {key}")));

        Assert.Equal(20, (await server.Engine.GetQueueAsync()).Queued);
        Assert.All(
            answers.GroupBy(answer => answer.Key),
            group => Assert.Single(group.Select(answer => answer.Body).Distinct(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task F19_a_key_used_for_something_else_is_refused_and_belongs_to_its_user_alone()
    {
        await using var server = await EngineServer.StartAsync(("MaxConcurrentRuns", "0"));
        var client = server.Client();
        await SubmitAsync(client, "key", "goal");

        using var other = await SendAsync(client, "key", "another goal");
        var body = await other.JsonAsync(HttpStatusCode.UnprocessableEntity);
        using var again = await SendAsync(client, "key", "goal");
        using var somebody = await SendAsync(server.Client("u2"), "key", "another goal", "p2");

        Assert.Equal("Idempotency-Key", body.Text("field"));
        Assert.Equal("true", again.Headers.GetValues("Idempotency-Replayed").Single());
        Assert.Equal(HttpStatusCode.Created, somebody.StatusCode);
    }

    private static async Task<List<HttpStatusCode>> SubmitAllAsync(EngineServer server, int user)
    {
        var client = server.Client($"u{user}");
        List<HttpStatusCode> codes = [];
        for (int i = 0; i < JobsPerUser; i++)
        {
            using var response = await client.SubmitAsync($"p{user}-{i % 2}");
            codes.Add(response.StatusCode);
        }

        return codes;
    }

    private static async Task<(string Key, string Body)> SubmitAsync(HttpClient client, string key, string goal)
    {
        using var response = await SendAsync(client, key, goal);
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        return (key, await response.Content.ReadAsStringAsync());
    }

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient client, string key, string goal, string project = "p1")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/jobs");
        request.Headers.Add("Idempotency-Key", key);
        request.Content = new StringContent(
            $$"""{"project_id":"{{project}}","goal":"{{goal}}"}""", null, "application/json");
        return await client.SendAsync(request);
    }

    /// <summary>Replays the journal event by event and counts, from the states of the jobs alone, what has
    /// limits.</summary>
    private static async Task<Peaks> PeaksAsync(EngineServer server)
    {
        var core = new EngineCore(
            EngineSettings.From(server.Engine.Options), new MovingAverageEstimator(), new BatchWriter());
        var peaks = new Peaks();
        await foreach (var frame in server.Journal.ReadAsync(1))
        {
            core.AdvanceTo(new Instant(frame.InstantMs), 0);
            var payload = frame.Payload;
            int offset = 0;
            for (int i = 0; i < frame.EventCount; i++)
            {
                core.Apply(Read(payload.Span, ref offset));
                peaks.Count(core.State.Jobs.Values);
            }
        }

        return peaks;
    }

    private static JobEvent Read(ReadOnlySpan<byte> payload, ref int offset)
    {
        var reader = new ByteReader(payload[offset..]);
        EventCodec.Read(ref reader, out var e);
        offset = payload.Length - reader.Rest.Length;
        return e;
    }

    /// <summary>The highest that each count has ever been.</summary>
    private sealed class Peaks
    {
        internal int Queued { get; private set; }

        internal int Running { get; private set; }

        internal int RunningPerUser { get; private set; }

        internal int RunningPerProject { get; private set; }

        internal int ChargedPerUserAndDay { get; private set; }

        internal void Count(IEnumerable<Job> jobs)
        {
            var all = jobs.ToList();
            var running = all.Where(job => job.State == JobState.Running).ToList();
            Queued = Math.Max(Queued, all.Count(job => job.State == JobState.Queued));
            Running = Math.Max(Running, running.Count);
            RunningPerUser = Math.Max(RunningPerUser, Largest(running.GroupBy(job => job.User.Id)));
            RunningPerProject = Math.Max(RunningPerProject, Largest(running.GroupBy(job => job.Project!.Id)));
            ChargedPerUserAndDay = Math.Max(
                ChargedPerUserAndDay, Largest(all.GroupBy(job => (job.User.Id, job.ChargedDay))));
        }

        private static int Largest<TKey>(IEnumerable<IGrouping<TKey, Job>> groups) =>
            groups.Select(group => group.Count()).DefaultIfEmpty().Max();
    }
}
