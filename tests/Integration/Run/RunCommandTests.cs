using Engine.Tests.Hosts;

namespace Engine.Tests.Run;

/// <summary><c>run</c> as a process of its own: signals, kill -9, and what it says when it cannot start.</summary>
public sealed class RunCommandTests : IAsyncLifetime
{
    private const string SmallJournal = "--Engine:JournalSegmentBytes=1048576";

    private readonly string _directory = Directory.CreateTempSubdirectory("engine-run-").FullName;
    private readonly List<HostProcess> _children = [];

    private string FilePath => Path.Combine(_directory, "jobs.jsonl");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var child in _children)
        {
            await child.DisposeAsync();
        }

        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_file_is_run_to_its_end()
    {
        await WriteJobsAsync(6, "echo end");

        var child = Start();

        Assert.Equal(0, (await child.EndedAsync()).Code);
        Assert.Contains(child.Lines, line => line.StartsWith("all ", StringComparison.Ordinal)
            && line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..3] is ["6", "6"]);
    }

    [Fact]
    public async Task Standard_input_is_a_file_too()
    {
        var child = Start("-", ["--journal", "memory"]);
        await child.Process.StandardInput.WriteAsync("""{"user":"ada","program":"sh","arguments":["-c","exit 0"]}""");
        child.Process.StandardInput.Close();

        Assert.Equal(0, (await child.EndedAsync()).Code);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Killed_again_and_again_it_goes_on_and_runs_nothing_twice_that_was_done(int seed)
    {
        // A job marks its start and its end; the file has more of them than one start survives to do.
        const int Jobs = 60;
        await WriteJobsAsync(Jobs, $"echo s >> {_directory}/$0.start; sleep 0.1; echo e >> {_directory}/$0.end");
        Dictionary<string, int> startsWhenRecorded = [];
        for (int kill = 0; kill < 4; kill++)
        {
            var child = Start(options: ["--concurrency", "3"]);
            await SeenAsync(child, "completed", 2 + ((seed + kill) % 3));
            child.KillNow();
            await child.EndedAsync();
            foreach (string job in Completed(child))
            {
                startsWhenRecorded.TryAdd(job, MarksOf($"{job}.start"));
            }
        }

        var last = Start(options: ["--concurrency", "3"]);

        Assert.Equal(0, (await last.EndedAsync()).Code);
        Assert.InRange(startsWhenRecorded.Count, 8, Jobs);
        int repeated = 0;
        for (int job = 1; job <= Jobs; job++)
        {
            int ends = MarksOf($"{job}.end");
            int starts = MarksOf($"{job}.start");
            Assert.InRange(ends, 1, starts);

            // Done, and recorded as such before a kill: never again. It may have been cut off before that.
            Assert.Equal(startsWhenRecorded.GetValueOrDefault($"{job}", starts), starts);

            repeated += starts - 1;
        }

        // Each kill interrupts at most the three that were running.
        Assert.InRange(repeated, 0, 4 * 3);
        Assert.Empty(ProcessesOf(_directory));
    }

    [Fact]
    public async Task What_a_killed_host_left_running_is_ended_by_the_next_start()
    {
        await WriteJobsAsync(1, $"echo $$ >> {_directory}/pids; test $(wc -l < {_directory}/pids) = 2 || exec sleep 600");
        var first = Start();
        await SeenAsync(first, "started", 1);
        await WaitForAsync(() => MarksOf("pids") == 1);
        first.KillNow();
        await first.EndedAsync();
        int left = int.Parse((await File.ReadAllLinesAsync(Path.Combine(_directory, "pids")))[0]);
        Assert.True(Processes.ProcessHarness.IsAlive(left));

        var second = Start();

        Assert.Equal(0, (await second.EndedAsync()).Code);
        Assert.False(Processes.ProcessHarness.IsAlive(left));
    }

    [Theory]
    [InlineData(Signals.Interrupt)]
    [InlineData(Signals.Terminate)]
    public async Task A_signal_stops_in_good_order_and_the_next_start_goes_on(int signal)
    {
        await WriteJobsAsync(12, $"echo s >> {_directory}/$0.start; sleep 0.2; echo e >> {_directory}/$0.end");
        var first = Start(options: ["--concurrency", "2"]);
        await SeenAsync(first, "completed", 2);

        Signals.Send(first.Process.Id, signal);

        Assert.Equal(130, (await first.EndedAsync()).Code);
        Assert.Empty(ProcessesOf(_directory));

        var second = Start(options: ["--concurrency", "2"]);
        Assert.Equal(0, (await second.EndedAsync()).Code);
        Assert.All(Enumerable.Range(1, 12), job =>
        {
            // What was running was let to its end, and recorded.
            Assert.Equal(1, MarksOf($"{job}.start"));
            Assert.Equal(1, MarksOf($"{job}.end"));
        });
    }

    [Fact]
    public async Task A_second_signal_ends_running_programs_at_once()
    {
        await WriteJobsAsync(1, $"trap '' TERM; echo $$ > {_directory}/pid; while :; do sleep 0.1; done");
        var child = Start(options: ["--Engine:Processes:KillGrace=00:00:00.2"]);
        await WaitForAsync(() => MarksOf("pid") == 1);

        Signals.Send(child.Process.Id, Signals.Interrupt);
        await SeenAsync(child, "Stopping", 1);
        Signals.Send(child.Process.Id, Signals.Interrupt);

        Assert.Equal(130, (await child.EndedAsync()).Code);
        Assert.Empty(ProcessesOf(_directory));
    }

    [Fact]
    public async Task A_second_host_on_the_same_journal_is_sent_away()
    {
        await WriteJobsAsync(1, $"until [ -e {_directory}/go ]; do sleep 0.05; done");
        var first = Start();
        await SeenAsync(first, "started", 1);

        var second = Start();

        Assert.Equal(75, (await second.EndedAsync()).Code);
        await File.WriteAllTextAsync(Path.Combine(_directory, "go"), "");
        Assert.Equal(0, (await first.EndedAsync()).Code);
    }

    [Fact]
    public async Task A_damaged_journal_is_refused_and_left_alone()
    {
        await WriteJobsAsync(3, "exit 0");
        Assert.Equal(0, (await Start().EndedAsync()).Code);
        string segment = Directory.GetFiles(Path.Combine(_directory, "data", "journal"), "segment-*").Order().First();
        byte[] bytes = await File.ReadAllBytesAsync(segment);
        int place = Array.FindIndex(bytes, b => b != 0) + 200;
        bytes[place] ^= 0x40;
        await File.WriteAllBytesAsync(segment, bytes);

        var child = Start();

        Assert.Equal(65, (await child.EndedAsync()).Code);
        Assert.Contains(child.Lines, line => line.StartsWith("Cannot start: ", StringComparison.Ordinal));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(segment));
    }

    [Theory]
    [InlineData("missing.jsonl", 66)]
    [InlineData(".", 66)]
    [InlineData("missing/jobs.jsonl", 66)]
    [InlineData("/dev/null", 0)]
    public async Task What_is_no_file_of_jobs_is_told_by_name(string name, int expected)
    {
        var child = Start(Path.Combine(_directory, name), ["--journal", "memory"]);

        Assert.Equal(expected, (await child.EndedAsync()).Code);
        Assert.Equal(expected != 0, child.Lines.Any(line => line.StartsWith(_directory, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(64)]
    [InlineData(64, "jobs.jsonl", "--concurrency", "0")]
    [InlineData(64, "jobs.jsonl", "--concurrency", "many")]
    [InlineData(64, "jobs.jsonl", "--allow", "sh=./sh")]
    [InlineData(64, "jobs.jsonl", "--data", "")]
    [InlineData(64, "jobs.jsonl", "--journal", "paper")]
    [InlineData(64, "jobs.jsonl", "--journal", "1")]
    [InlineData(64, "")]
    [InlineData(78, "jobs.jsonl", "--data", "jobs.jsonl")]
    [InlineData(78, "jobs.jsonl", "--data", "/proc/nowhere")]
    [InlineData(78, "jobs.jsonl", "--config", ".")]
    [InlineData(64, "jobs.jsonl", "--no-such-option")]
    [InlineData(78, "jobs.jsonl", "--Engine:NoSuchKey=1")]
    [InlineData(78, "jobs.jsonl", "--Engine:MaxConcurrentRuns=0")]
    public async Task A_wrong_command_line_is_refused(int expected, params string[] arguments)
    {
        await WriteJobsAsync(1, "exit 0");
        var child = StartRaw(["run", .. arguments]);

        Assert.Equal(expected, (await child.EndedAsync()).Code);
        Assert.DoesNotContain(child.Lines, line => line.StartsWith("   at ", StringComparison.Ordinal));
        Assert.Equal(["jobs.jsonl"], Directory.GetFileSystemEntries(_directory).Select(Path.GetFileName));
    }

    private static IEnumerable<string> Completed(HostProcess child) => child.Lines
        .Where(line => line.EndsWith(" completed", StringComparison.Ordinal))
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3]);

    private static List<int> ProcessesOf(string directory) =>
    [
        .. Engine.Host.Processes.ProcessTable.Snapshot().Where(process => !process.IsDead && Has(process.Pid, directory))
            .Select(process => process.Pid),
    ];

    private static bool Has(int pid, string directory)
    {
        try
        {
            string command = File.ReadAllText($"/proc/{pid}/cmdline");
            return command.StartsWith("/bin/sh", StringComparison.Ordinal) && command.Contains(directory, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    // Lines of the display, and lines of what it says beside it.
    private static Task SeenAsync(HostProcess child, string word, int count) => child.SeenAsync(
        line => line.StartsWith(word, StringComparison.Ordinal) || line.EndsWith($" {word}", StringComparison.Ordinal),
        count);

    private static async Task WaitForAsync(Func<bool> condition)
    {
        using var guard = new CancellationTokenSource(HostProcess.Guard);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!condition())
        {
            await timer.WaitForNextTickAsync(guard.Token);
        }
    }

    private int MarksOf(string name)
    {
        string path = Path.Combine(_directory, name);
        return File.Exists(path) ? File.ReadAllLines(path).Length : 0;
    }

    // The number of the line is the script's $0, and makes every line another.
    private Task WriteJobsAsync(int count, string script) => File.WriteAllLinesAsync(
        FilePath,
        Enumerable.Range(1, count).Select(i =>
            $$"""{"user":"ada","tier":"cto_scale","program":"sh","arguments":["-c","{{script}}","{{i}}"]}"""));

    private HostProcess Start(string? file = null, string[]? options = null) =>
        StartRaw(["run", file ?? FilePath, "--data", Path.Combine(_directory, "data"), "--allow", "sh=/bin/sh", SmallJournal, .. options ?? []]);

    private HostProcess StartRaw(string[] arguments)
    {
        var child = HostProcess.Start(_directory, arguments);
        _children.Add(child);
        return child;
    }
}
