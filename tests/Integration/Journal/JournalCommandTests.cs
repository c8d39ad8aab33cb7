using System.Text.Json.Nodes;
using Engine.Host.Cli;
using Engine.Storage.Faster;
using Engine.Tests.Hosts;

namespace Engine.Tests.Journal;

/// <summary><c>journal verify</c>, <c>inspect</c>, <c>backup</c> and <c>repair</c> as users run them, on a journal that
/// real jobs have made.</summary>
public sealed class JournalCommandTests : IClassFixture<JournalCommandTests.FinishedJobs>, IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("engine-tools-").FullName;

    public JournalCommandTests(FinishedJobs jobs)
    {
        foreach (string path in Directory.GetFiles(jobs.Root, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(_directory, Path.GetRelativePath(jobs.Root, path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(path, copy);
        }
    }

    private string Data => Path.Combine(_directory, "data");

    private string Journal => Path.Combine(Data, "journal");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task D6_verify_and_inspect_read_everything_and_change_nothing()
    {
        var before = Contents();

        var (code, text) = await RunAsync("verify", Data, "--replay");
        Assert.True(code == ExitCode.Success, text);
        Assert.Contains($"{Journal}: sound", text, StringComparison.Ordinal);
        Assert.Contains("3 jobs, state ", text, StringComparison.Ordinal);

        var frames = await InspectAsync();
        var events = frames.SelectMany(frame => frame["events"]!.AsArray()).ToList();
        Assert.Equal(Enumerable.Range(1, frames.Count), frames.Select(frame => (int)frame["sequence"]!));
        Assert.Equal(3, events.Count(e => (string?)e!["kind"] == "job_submitted"));
        Assert.Equal(["failed"], events.Select(e => (string?)e!["end"]).Where(end => end == "failed"));
        Assert.Equal(
            [.. Enumerable.Repeat("segment-0000000000.log", frames.Count)],
            frames.Select(frame => (string)frame["file"]!));
        Assert.Equal(before, Contents());
    }

    [Fact]
    public async Task Inspect_shows_a_range_or_one_job_and_payloads_only_when_asked()
    {
        var all = await InspectAsync();
        var submitted = all.SelectMany(frame => frame["events"]!.AsArray())
            .Single(e => (string?)e!["kind"] == "job_submitted" && (string?)e["user"] == "bob");
        string job = (string)submitted!["job_id"]!;

        var ofJob = await InspectAsync("--job", job);
        Assert.InRange(ofJob.Count, 2, all.Count - 1);
        Assert.All(ofJob, frame => Assert.NotEmpty(frame["events"]!.AsArray()));
        Assert.All(
            ofJob.SelectMany(frame => frame["events"]!.AsArray()), e => Assert.Equal(job, (string?)e!["job_id"]));

        Assert.Equal([2, 3], (await InspectAsync("--from", "2", "--to", "3")).Select(frame => (int)frame["sequence"]!));

        Assert.DoesNotContain("s3cret", (await RunAsync("inspect", Data)).Text, StringComparison.Ordinal);
        Assert.Contains("s3cret", (await RunAsync("inspect", Data, "--payloads")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damage_is_named_refused_and_cut_only_when_somebody_says_where()
    {
        int last = (await InspectAsync()).Count;
        var third = FasterJournalTools.Read(Journal).First(entry => entry.Frame.Sequence == 3);
        Poke(third.Path, third.Offset + 60);
        var damaged = Contents();

        var (code, text) = await RunAsync("verify", Journal);
        Assert.Equal(ExitCode.JournalDamaged, code);
        Assert.Contains($"{third.Path} at offset {third.Offset}: frame 3 is not whole", text, StringComparison.Ordinal);
        Assert.Contains("journal repair --at 2 --dry-run", text, StringComparison.Ordinal);
        Assert.Equal(ExitCode.JournalDamaged, (await RunAsync("inspect", Data)).Code);
        Assert.Equal(
            ExitCode.JournalDamaged, (await RunAsync("backup", Data, "--to", Path.Combine(_directory, "copy"))).Code);
        Assert.Equal(ExitCode.JournalDamaged, (await RunJobsAsync()).Code);

        (code, text) = await RunAsync("repair", "--at", "2", "--dry-run", Data);
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("Nothing was changed", text, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, (await RunAsync("repair", Data)).Code);
        (code, text) = await RunAsync("repair", "--at", "3", Data);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("Frames 1 to 2 can be read", text, StringComparison.Ordinal);
        Assert.Equal(damaged, Contents());

        (code, text) = await RunAsync("repair", "--at", "2", Data);
        Assert.True(code == ExitCode.Success, text);
        Assert.Contains($"{Journal}.cut-at-2", text, StringComparison.Ordinal);
        Assert.Equal(
            damaged["segment-0000000000.log"],
            Convert.ToHexString(await File.ReadAllBytesAsync(Journal + ".cut-at-2/segment-0000000000.log")));

        // What was cut off is run again: the journal has forgotten it.
        Assert.Equal(ExitCode.JobsFailed, (await RunJobsAsync()).Code);
        Assert.Equal(ExitCode.Success, (await RunAsync("verify", Data, "--replay")).Code);
        var frames = await InspectAsync();
        Assert.InRange(frames.Count, last, 100);
        Assert.Equal(2, (int)frames[^1]["epoch"]!);
    }

    [Fact]
    public async Task A_data_directory_whose_journal_lost_its_superblock_holds_a_damaged_journal_and_not_none()
    {
        File.Delete(Path.Combine(Journal, "superblock"));
        var damaged = Contents();

        foreach (string[] words in new[] { ["verify", Data], new[] { "repair", "--at", "1", Data } })
        {
            var (code, text) = await RunAsync(words);

            Assert.True(code == ExitCode.JournalDamaged, text);
            Assert.Contains($"{Journal} holds {Journal}/segment-", text, StringComparison.Ordinal);
            Assert.Contains("no superblock", text, StringComparison.Ordinal);
            Assert.DoesNotContain("by the superblock", text, StringComparison.Ordinal);
        }

        Assert.Equal(damaged, Contents());
    }

    [Fact]
    public async Task A_backup_is_started_on_like_any_journal()
    {
        string restored = Path.Combine(_directory, "restored");
        int last = (await InspectAsync()).Count;

        var (code, text) = await RunAsync("backup", Data, "--to", Path.Combine(restored, "journal"));

        Assert.True(code == ExitCode.Success, text);
        Assert.EndsWith($"sequence {last}\n", text, StringComparison.Ordinal);
        string state = StateIn((await RunAsync("verify", Data, "--replay")).Text);
        Assert.Equal(state, StateIn((await RunAsync("verify", restored, "--replay")).Text));

        // All three lines are known there: nothing is run again.
        var again = await RunJobsAsync(restored);
        Assert.Equal(ExitCode.JobsFailed, again.Code);
        Assert.Equal(
            3,
            FasterJournalTools.Read(Path.Combine(restored, "journal"))
                .SelectMany(entry => Storage.JournalEventView.ReadAll(entry.Frame))
                .Count(e => e.Kind == "run_started"));
    }

    [Theory]
    [InlineData(ExitCode.NoInput, "holds no journal", "verify", ".")]
    [InlineData(ExitCode.NoInput, "holds no journal", "verify", "nowhere")]
    [InlineData(ExitCode.NoInput, "holds no journal", "repair", "nowhere", "--at", "1")]
    [InlineData(ExitCode.Usage, "cannot end with frame 9000", "backup", "data", "--to", "copy", "--at", "9000")]
    [InlineData(ExitCode.Usage, "own directory", "backup", "data", "--to", "data/journal/copy")]
    [InlineData(ExitCode.Usage, "--job must be", "inspect", "data", "--job", "nonsense")]
    [InlineData(ExitCode.Usage, "--from must be", "inspect", "data", "--from", "0")]
    [InlineData(ExitCode.Usage, "--to must be --from or more; found 2", "inspect", "data", "--from", "3", "--to", "2")]
    [InlineData(ExitCode.Usage, "--at must be", "repair", "data", "--at", "-1")]
    public async Task What_cannot_be_done_ends_with_its_code_and_says_why(int code, string part, params string[] words)
    {
        var (actual, text) = await RunAsync(words);

        Assert.True(actual == code, $"Expected {code}, got {actual}: {text}");
        Assert.Contains(part, text, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
    }

    private static string StateIn(string text) => text[text.IndexOf("state ", StringComparison.Ordinal)..];

    private static void Poke(string path, long offset)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        byte[] one = new byte[1];
        RandomAccess.Read(file, one, offset);
        RandomAccess.Write(file, [(byte)(one[0] ^ 0x20)], offset);
    }

    private Dictionary<string, string> Contents() => Directory.GetFiles(Journal)
        .ToDictionary(path => Path.GetFileName(path), path => Convert.ToHexString(File.ReadAllBytes(path)));

    private async Task<List<JsonObject>> InspectAsync(params string[] more)
    {
        var (code, text) = await RunAsync(["inspect", Data, .. more]);
        Assert.True(code == ExitCode.Success, text);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!.AsObject())];
    }

    private Task<(int Code, string Text)> RunJobsAsync(string? data = null) => RunJobsAsync(_directory, data ?? Data);

    private static async Task<(int Code, string Text)> RunJobsAsync(string directory, string data)
    {
        await using var host = HostProcess.Start(
            "Development", directory, "run", "jobs.jsonl", "--data", data, "--allow", "true", "--allow", "false",
            "--Engine:JournalSegmentBytes=65536", "--plain");
        return await host.EndedAsync();
    }

    private async Task<(int Code, string Text)> RunAsync(params string[] words)
    {
        await using var host = HostProcess.Start("Production", _directory, ["journal", .. words]);
        return await host.EndedAsync();
    }

    /// <summary>A file of jobs that was run once; every test works on a copy of what is left.</summary>
    public sealed class FinishedJobs : IAsyncLifetime
    {
        internal string Root { get; } = Directory.CreateTempSubdirectory("engine-tools-jobs-").FullName;

        public async Task InitializeAsync()
        {
            await File.WriteAllLinesAsync(Path.Combine(Root, "jobs.jsonl"),
            [
                """{"id":"one","user":"ada","program":"true"}""",
                """{"id":"two","user":"ada","program":"false","environment":{"TOKEN":"s3cret"}}""",
                """{"id":"three","user":"bob","program":"true"}""",
            ]);
            var (code, text) = await RunJobsAsync(Root, Path.Combine(Root, "data"));
            Assert.True(code == ExitCode.JobsFailed, text);
        }

        public Task DisposeAsync()
        {
            Directory.Delete(Root, recursive: true);
            return Task.CompletedTask;
        }
    }
}
