using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Engine.Host.Cli;
using Engine.Tests.Hosts;

namespace Engine.Tests.Http;

/// <summary>The host as a process: start, stop, restart, and what its exit code says.</summary>
public sealed class HostProcessTests : IDisposable
{
    private const string Listen = "--Engine:Listen=http://127.0.0.1:0";

    private readonly string _directory = Directory.CreateTempSubdirectory("engine-host-").FullName;

    [Fact]
    public async Task What_was_accepted_is_there_after_a_stop_and_after_a_kill()
    {
        List<(string Id, string Day)> accepted = [];
        foreach (bool kill in new[] { false, true })
        {
            await using var host = StartOnDisk();
            using var client = await host.ReadyAsync();
            var body = await (await client.SubmitAsync()).JsonAsync(HttpStatusCode.Created);
            accepted.Add((body.Text("job_id"), DayOf(body)));
            if (kill)
            {
                host.KillNow();
                await host.EndedAsync();
            }
            else
            {
                host.Terminate();
                Assert.Equal(ExitCode.Success, (await host.EndedAsync()).Code);
            }
        }

        await using var last = StartOnDisk();
        using var reader = await last.ReadyAsync();
        foreach (var (id, _) in accepted)
        {
            Assert.Equal("queued", (await reader.JobAsync(id)).Text("state"));
        }

        var usage = await (await reader.GetAsync("/api/usage")).JsonAsync(HttpStatusCode.OK);

        // The host's clock is the real one: of what was accepted, that counts which was accepted on the same day.
        Assert.Equal(
            accepted.Count(job => job.Day == DayOf(usage)), usage["usage"]!.AsObject().Number("jobs_used"));

        static string DayOf(JsonObject body) => body["usage"]!.AsObject().Text("daily_limit_resets_at");
    }

    [Fact]
    public async Task A_second_host_on_the_same_directory_ends_with_75()
    {
        await using var first = StartOnDisk();
        using var client = await first.ReadyAsync();

        await using var second = HostProcess.Start("Development", _directory, Listen);

        Assert.Equal(ExitCode.JournalLocked, (await second.EndedAsync()).Code);
    }

    [Fact]
    public async Task A_run_on_the_directory_of_a_host_says_so_in_a_sentence_and_ends_with_75()
    {
        await using var host = StartOnDisk();
        using var client = await host.ReadyAsync();
        string file = Path.Combine(_directory, "jobs.jsonl");
        await File.WriteAllTextAsync(file, "");

        await using var run = HostProcess.Start("Development", _directory, "run", file, "--plain");

        var (code, text) = await run.EndedAsync();
        Assert.Equal(ExitCode.JournalLocked, code);
        Assert.StartsWith("Cannot start: ", Assert.Single(text.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public async Task An_address_in_use_ends_the_start_with_69()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();

        await using var host = HostProcess.Start(
            "Development", _directory, $"--Engine:Listen=http://{taken.LocalEndpoint}", "--Engine:Journal=Memory");

        var (code, text) = await host.EndedAsync();
        Assert.Equal(ExitCode.CannotListen, code);
        Assert.Contains("address already in use. Stop what listens there, or choose another address (Engine:Listen).", text);
    }

    /// <summary>192.0.2.1 is nobody's, by agreement.</summary>
    [Fact]
    public async Task An_address_of_another_machine_is_named_and_ends_the_start_with_69()
    {
        await using var host = HostProcess.Start(
            "Production",
            _directory,
            "--Engine:Listen=http://192.0.2.1:5080",
            "--Engine:Journal=Memory",
            "--Engine:Authentication:Mode=Jwt",
            "--Engine:Authentication:SigningKey=" + new string('k', 32),
            "--Engine:Authentication:Issuer=i",
            "--Engine:Authentication:Audience=a");

        var (code, text) = await host.EndedAsync();
        Assert.True(code == ExitCode.CannotListen, $"{code}: {text}");
        Assert.Contains(
            "Cannot listen on http://192.0.2.1:5080: Cannot assign requested address. Choose an address that this machine has "
            + "(Engine:Listen).",
            text,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Development", "--Engine:GlobalCap=0", ExitCode.Configuration, "Engine:GlobalCap: must be")]
    [InlineData("Development", "--Engine:Nonsense=1", ExitCode.Configuration, "Engine:Nonsense: is not a known "
        + "setting")]
    [InlineData("Development", "--Engine:Listen=http://0.0.0.0:0", ExitCode.Configuration, "must be a loopback "
        + "address")]
    [InlineData("Production", "serve", ExitCode.Configuration, "Engine:Authentication:Mode: must be set")]
    [InlineData("Development", "--config=missing.json", ExitCode.Configuration, "--config: there is no file")]
    [InlineData("Development", "sevre", ExitCode.Usage, "'sevre' is not understood")]
    [InlineData("Development", "--Engine:GlobalCap", ExitCode.Usage, "has no value")]
    [InlineData("Development", "--Tiers:partner:UserSlots=4", ExitCode.Usage, "'--Tiers:partner:UserSlots=4' is not understood")]
    [InlineData("Development", "--Enigne:GlobalCap=4", ExitCode.Usage, "written --Engine:KEY=VALUE")]
    public async Task A_start_that_cannot_be_ends_with_its_code_and_says_why(
        string environment, string argument, int code, string text)
    {
        await using var host = HostProcess.Start(environment, _directory, argument);

        var (actual, printed) = await host.EndedAsync();

        Assert.True(actual == code, $"Expected {code}, got {actual}: {printed}");
        Assert.Contains(text, printed, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", printed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ExitCode.Success, "--help")]
    [InlineData(ExitCode.Success, "serve", "--help")]
    [InlineData(ExitCode.Success, "run", "--help")]
    [InlineData(ExitCode.Usage, "run")]
    public async Task Help_says_how_settings_are_given_and_promises_nothing_else(int code, params string[] arguments)
    {
        await using var host = HostProcess.Start("Production", _directory, arguments);

        var (actual, text) = await host.EndedAsync();

        Assert.Equal(code, actual);
        Assert.Contains("[--Engine:KEY=VALUE...]", text, StringComparison.Ordinal);
        Assert.Contains("docs/configuration.md lists them", text, StringComparison.Ordinal);
        Assert.DoesNotContain("dditional arguments", text, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Development_authentication_is_announced_and_a_settings_file_is_read()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_directory, "appsettings.json"), """{"Engine":{"Journal":"Memory","GlobalCap":7}}""");
        await using var host = HostProcess.Start("Development", _directory, "serve", Listen);
        using var client = await host.ReadyAsync();

        var queue = await (await client.GetAsync("/api/queue")).JsonAsync(HttpStatusCode.OK);
        host.Terminate();
        var (code, printed) = await host.EndedAsync();

        Assert.Equal(7, queue.Number("global_cap"));
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("anybody on this machine is believed", printed, StringComparison.Ordinal);
    }

    /// <summary>Under a directory that holds much, or everything: a service of the system starts in its root.</summary>
    [Fact]
    public async Task Settings_files_are_not_watched_by_watching_all_that_lies_beside_them()
    {
        for (int i = 0; i < 40; i++)
        {
            Directory.CreateDirectory(Path.Combine(_directory, "others", $"{i}"));
        }

        await File.WriteAllTextAsync(
            Path.Combine(_directory, ".engine.json"), """{"Engine":{"Journal":"Memory","GlobalCap":7}}""");
        await using var host = HostProcess.Start(
            "Development", _directory, "serve", Listen, "--config", ".engine.json");
        using var client = await host.ReadyAsync();

        var queue = await (await client.GetAsync("/api/queue")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(7, queue.Number("global_cap"));
        Assert.InRange(WatchesOf(host.Process.Id), 0, 8);

        static int WatchesOf(int process) => !OperatingSystem.IsLinux() ? 0 : Directory.GetFiles($"/proc/{process}/fdinfo")
            .Sum(path => Lines(path).Count(line => line.StartsWith("inotify ", StringComparison.Ordinal)));

        static string[] Lines(string path)
        {
            try
            {
                return File.ReadAllLines(path);
            }
            catch (IOException)
            {
                // Closed while we looked.
                return [];
            }
        }
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private HostProcess StartOnDisk() => HostProcess.Start(
        "Development",
        _directory,
        Listen,
        "--Engine:MaxConcurrentRuns=0",
        "--Engine:JournalSegmentBytes=1048576");
}
