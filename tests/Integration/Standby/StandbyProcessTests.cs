using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Engine.Host.Cli;
using Engine.Storage.Redis;
using Engine.Tests.Hosts;
using Engine.Tests.Http;
using Engine.Tests.Redis;
using Xunit.Abstractions;

namespace Engine.Tests.Standby;

/// <summary>Two hosts as processes on one journal, killed, paused and stopped: what was acknowledged stays.</summary>
[Collection("alone")]
public sealed class StandbyProcessTests(ITestOutputHelper output)
{
    [Fact]
    public Task A_killed_owner_of_a_directory_is_replaced_and_nothing_acknowledged_is_lost() =>
        KillAsync(inRedis: false);

    [RedisFact]
    public Task A_killed_owner_of_a_Redis_is_replaced_and_nothing_acknowledged_is_lost() => KillAsync(inRedis: true);

    [Fact]
    public Task A_directorys_owner_that_is_told_to_stop_hands_over() => StopAsync(inRedis: false);

    [RedisFact]
    public Task A_Rediss_owner_that_is_told_to_stop_hands_over() => StopAsync(inRedis: true);

    [RedisFact]
    public async Task An_owner_that_is_paused_is_replaced_in_time_and_writes_nothing_when_it_wakes()
    {
        await using var pair = await HostPair.CreateAsync(inRedis: true);
        var (owner, standby, submitters) = await UnderLoadAsync(pair);

        owner.Process.Pause();
        long paused = Stopwatch.GetTimestamp();
        await ReplacedAsync(pair, standby, paused);

        // One more, which the paused host finds when it wakes.
        using var late = owner.ClientOf("late");
        var lateAnswer = PairedHost.TrySubmitAsync(late, "late", "late");
        using var current = standby.ClientOf("current");
        string id = await current.SubmittedAsync();
        var before = await FramesAsync(pair.Redis);
        owner.Process.Resume();

        var (code, text) = await owner.Process.EndedAsync();
        // 75, or 74 when it cannot tell what became of what was under way.
        Assert.True(code is ExitCode.JournalLocked or ExitCode.StorageFailed, $"Exit code {code}: {text}");
        Assert.Contains($"epoch 1 is over, the owner's ({standby.Address}) is 2", text, StringComparison.Ordinal);
        Assert.Null(await lateAnswer);
        await submitters.StopAsync();
        Assert.Equal(before, await FramesAsync(pair.Redis));
        output.WriteLine($"{await submitters.CheckAsync(standby)} acknowledged before the pause, none lost.");
        Assert.Equal("queued", (await current.JobAsync(id)).Text("state"));
        Assert.All(
            (await FramesAsync(pair.Redis)).Zip((await FramesAsync(pair.Redis)).Skip(1)),
            two => Assert.True(two.First.Epoch <= two.Second.Epoch));
    }

    [Fact]
    public async Task A_program_that_a_killed_owner_left_running_is_killed_and_its_job_runs_again()
    {
        await using var pair = await HostPair.CreateAsync(inRedis: false);
        var owner = await pair.StartAsync();
        await owner.UntilAsync("ready");
        var standby = await pair.StartAsync();
        await standby.UntilAsync("standby");
        using var client = owner.ClientOf("u");
        var job = new JsonObject
        {
            ["type"] = "shell",
            ["project_id"] = "p",
            ["goal"] = "sleep",
            ["payload"] = new JsonObject
            {
                ["program"] = "sh",
                ["arguments"] = new JsonArray("-c", "echo here; exec sleep 600"),
            },
        };
        var accepted = await (await client.PostJsonAsync("/api/jobs", job)).JsonAsync(HttpStatusCode.Created);
        string id = accepted.Text("job_id");
        await UntilItSpeaksAsync(client, id, times: 1);

        owner.Process.KillNow();
        await standby.UntilAsync("ready");

        using var next = standby.ClientOf("u");
        await UntilItSpeaksAsync(next, id, times: 2);
        Assert.Equal(2, (await next.JobAsync(id)).Number("runs"));
        await (await next.PostAsync($"/api/jobs/{id}/cancel", null)).JsonAsync(HttpStatusCode.OK);
        standby.Process.Terminate();
        var (code, text) = await standby.Process.EndedAsync();
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("processes were left by a host that crashed", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_is_not_run_on_a_journal_that_a_host_owns()
    {
        await using var pair = await HostPair.CreateAsync(inRedis: false);
        var owner = await pair.StartAsync();
        await owner.UntilAsync("ready");
        string directory = Directory.CreateTempSubdirectory("engine-file-").FullName;
        try
        {
            string file = Path.Combine(directory, "jobs.jsonl");
            await File.WriteAllTextAsync(file, """{"program":"sleep","arguments":["0"]}""" + "\n");
            await using var run = HostProcess.Start(
                "Development", directory, "run", file, "--data", pair.Data, "--Engine:Standby=true",
                "--Engine:Processes:Allowed:sleep=sleep");

            var (code, text) = await run.EndedAsync();

            Assert.True(code == ExitCode.JournalLocked, $"Exit code {code}: {text}");
            Assert.Contains("is owned by another process", text, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private async Task KillAsync(bool inRedis)
    {
        await using var pair = await HostPair.CreateAsync(inRedis);
        var (owner, standby, submitters) = await UnderLoadAsync(pair);

        owner.Process.KillNow();
        long killed = Stopwatch.GetTimestamp();
        await ReplacedAsync(pair, standby, killed);
        await submitters.StopAsync();

        int acknowledged = await submitters.CheckAsync(standby);
        output.WriteLine($"{acknowledged} acknowledged before the kill, none lost.");
        Assert.InRange(acknowledged, 50, int.MaxValue);

        // Restarted by its supervisor, the first one stands by for the second.
        var again = await pair.StartAsync("--Engine:MaxConcurrentRuns=0");
        Assert.Equal(standby.Address, (await again.UntilAsync("standby")).Text("owner"));
    }

    /// <summary>An owner that has acknowledged some of what is submitted to it all the time, and who stands by for
    /// it.</summary>
    private static async Task<(PairedHost Owner, PairedHost Standby, Submitters Submitters)> UnderLoadAsync(HostPair pair)
    {
        var owner = await pair.StartAsync("--Engine:MaxConcurrentRuns=0");
        await owner.UntilAsync("ready");
        var standby = await pair.StartAsync("--Engine:MaxConcurrentRuns=0");
        Assert.Equal(owner.Address, (await standby.UntilAsync("standby")).Text("owner"));
        var submitters = new Submitters(owner, users: 4);
        submitters.Start();
        await submitters.AcknowledgedAsync(50);
        return (owner, standby, submitters);
    }

    /// <summary>Waits until the next owner has the journal, and until it has read it.</summary>
    private async Task ReplacedAsync(HostPair pair, PairedHost next, long since)
    {
        if (pair.IsInRedis)
        {
            using var guard = new CancellationTokenSource(TestEngine.Guard);
            while (await pair.Redis.CommandAsync(
                "EVAL", "return tonumber(redis.call('HGET', KEYS[1], 'epoch'))", "1", "{engine}:meta") != ":2")
            {
                guard.Token.ThrowIfCancellationRequested();
            }

            // How soon it asks is asserted where the clock is the test's; a busy machine lets it ask late.
            output.WriteLine($"Has the journal after {Elapsed(since)} ms; the lease is {pair.Lease}.");
        }

        await next.UntilAsync("ready");
        output.WriteLine($"Ready after {Elapsed(since)} ms.");
    }

    private async Task StopAsync(bool inRedis)
    {
        // Whoever waited for the end of this lease would not serve before the test gives up.
        await using var pair = await HostPair.CreateAsync(inRedis, leaseSeconds: 300);
        var (owner, standby, submitters) = await UnderLoadAsync(pair);

        owner.Process.Terminate();
        Assert.Equal(ExitCode.Success, (await owner.Process.EndedAsync()).Code);
        long ended = Stopwatch.GetTimestamp();
        await standby.UntilAsync("ready");
        output.WriteLine($"Took over {Elapsed(ended)} ms after the end.");
        await submitters.StopAsync();
        output.WriteLine($"{await submitters.CheckAsync(standby)} acknowledged before the stop, none lost.");
    }

    private static long Elapsed(long since) => (long)Stopwatch.GetElapsedTime(since).TotalMilliseconds;

    /// <summary>Waits until the program runs: a run begins a moment before its process.</summary>
    private static async Task UntilItSpeaksAsync(HttpClient client, string id, int times)
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        JsonObject page;
        do
        {
            guard.Token.ThrowIfCancellationRequested();
            page = await (await client.GetAsync($"/api/jobs/{id}/logs")).JsonAsync(HttpStatusCode.OK);
        }
        while (page["lines"]!.AsArray().Count(line => line!.AsObject().Text("text") == "here") != times);
    }

    private static async Task<List<(long Sequence, long Epoch)>> FramesAsync(RedisServer redis)
    {
        var options = new RedisJournalOptions { Connection = redis.Address };
        await using var journal = new RedisJournal(options, TimeProvider.System);
        List<(long, long)> frames = [];
        await foreach (var frame in journal.ReadAsync(1))
        {
            frames.Add((frame.Sequence, frame.Epoch));
        }

        return frames;
    }
}

/// <summary>Tests that measure time or memory: nothing else runs beside them.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class RunAlone;
