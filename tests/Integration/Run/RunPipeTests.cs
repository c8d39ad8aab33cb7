using System.Diagnostics;
using Engine.Host.Cli;
using Engine.Storage;
using Engine.Storage.Faster;

namespace Engine.Tests.Run;

/// <summary>The host as a process whose output goes to a full disk, or to a reader that is gone or does not read.</summary>
public sealed class RunPipeTests : IDisposable
{
    private const string Full = "/dev/full";

    private static readonly TimeSpan Guard = TimeSpan.FromMinutes(2);

    private readonly string _directory = Directory.CreateTempSubdirectory("engine-pipe-").FullName;
    private readonly List<Process> _processes = [];

    private string Mark => Path.Combine(_directory, "mark");

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit();
            }

            process.Dispose();
        }

        Directory.Delete(_directory, recursive: true);
    }

    [FullDeviceFact]
    public async Task A_full_disk_under_the_output_stops_no_job_and_spoils_no_journal()
    {
        var (code, errors) = await EndAsync(Start($"> {Full}", Run(Jobs($"echo done >> {Mark}", 3))));

        Assert.Equal(ExitCode.OutputFailed, code);
        Assert.Equal(3, File.ReadAllLines(Mark).Length);
        Assert.Equal(
            "Standard output cannot be written: No space left on device. What runs goes on; no more of it is shown.",
            errors.TrimEnd());
        Assert.Equal(0, (await EndAsync(Start("> /dev/null", "journal", "verify", "--replay", Data))).Code);

        // Run again it shows what became of them, and repeats nothing.
        Assert.Equal(0, (await EndAsync(Start("> /dev/null", Run(Jobs($"echo done >> {Mark}", 3))))).Code);
        Assert.Equal(3, File.ReadAllLines(Mark).Length);
    }

    [FullDeviceFact]
    public async Task One_signal_ends_a_run_whose_outputs_are_both_full()
    {
        // The program does not listen, so that it has the ten seconds that are documented.
        var process = Start($"> {Full} 2> {Full}", Run(Jobs($"echo $$ > {Mark}; exec sleep 600", 1)));
        await MarkedAsync(1);

        Signals.Send(process.Id, Signals.Terminate);

        Assert.Equal(ExitCode.Interrupted, (await EndAsync(process)).Code);
        Assert.False(Processes.ProcessHarness.IsAlive(int.Parse(File.ReadAllLines(Mark)[0])));
        Assert.Equal(0, (await EndAsync(Start("> /dev/null", "journal", "verify", Data))).Code);
    }

    [FullDeviceTheory]
    [InlineData(ExitCode.OutputFailed, "--help")]
    [InlineData(ExitCode.OutputFailed, "journal", "inspect", "DATA")]
    [InlineData(ExitCode.OutputFailed, "journal", "verify", "DATA")]
    [InlineData(ExitCode.Usage, "journal", "inspect", "DATA", "--from", "x")]
    public async Task Commands_that_print_say_that_they_cannot(int expected, params string[] words)
    {
        Assert.Equal(0, (await EndAsync(Start("> /dev/null", Run(Jobs("exit 0", 1))))).Code);

        var (code, errors) = await EndAsync(Start(
            $"> {Full}", [.. words.Select(word => word == "DATA" ? Data : word)]));

        Assert.Equal(expected, code);
        Assert.Contains("Standard output cannot be written: No space left on device.\n", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_that_has_seen_enough_ends_nothing_and_is_not_complained_about()
    {
        // As in: run jobs.jsonl | head -1
        var process = Start("", Run(Jobs($"until [ -e {_directory}/go ]; do sleep 0.02; done; echo done >> {Mark}", 3)));
        Assert.NotNull(await process.StandardOutput.ReadLineAsync());
        process.StandardOutput.Close();
        await File.WriteAllTextAsync(Path.Combine(_directory, "go"), "");

        var (code, errors) = await EndAsync(process);

        Assert.Equal((0, ""), (code, errors));
        Assert.Equal(3, File.ReadAllLines(Mark).Length);
    }

    [Fact]
    public async Task Inspecting_ends_when_its_reader_has_seen_enough()
    {
        // More than a pipe holds, and damage behind it: whoever reads on meets that.
        await using (var engine = await TestEngine.StartAsync(
            options => options.GlobalCap = 10_000,
            journal: new FasterJournal(new FasterJournalOptions
            {
                Directory = Path.Combine(Data, "journal"),
                SegmentSizeBytes = 64 * 1024,
                Durability = Durability.Logged,
            })))
        {
            for (int job = 0; job < 600; job++)
            {
                await engine.SubmitAsync($"user-{job}");
            }
        }

        var last = FasterJournalTools.Read(Path.Combine(Data, "journal")).Last();
        using (var file = File.OpenHandle(last.Path, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.Write(file, [0xFF, 0xFF], last.Offset + 50);
        }

        // As in: inspect DIR | head -1
        var process = Start("", "journal", "inspect", Data);
        Assert.NotNull(await process.StandardOutput.ReadLineAsync());
        process.StandardOutput.Close();

        Assert.Equal((ExitCode.Success, ""), await EndAsync(process));
        Assert.Equal(ExitCode.JournalDamaged, (await EndAsync(Start("> /dev/null", "journal", "inspect", Data))).Code);
        if (FullDeviceFactAttribute.Missing is null)
        {
            // What is damaged weighs more than that it cannot be shown.
            var (code, errors) = await EndAsync(Start($"> {Full}", "journal", "inspect", Data, "--from", $"{last.Frame.Sequence - 3}"));
            Assert.Equal(ExitCode.JournalDamaged, code);
            Assert.Contains("Standard output cannot be written", errors, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(">&-")]
    [InlineData(">&- 2>&-")]
    public async Task An_output_that_was_never_open_stops_no_job(string redirection)
    {
        var (code, _) = await EndAsync(Start(redirection, Run(Jobs($"echo done >> {Mark}", 3))));

        Assert.Equal(ExitCode.OutputFailed, code);
        Assert.Equal(3, File.ReadAllLines(Mark).Length);
    }

    [Fact]
    public async Task One_signal_ends_a_run_whose_output_nobody_reads()
    {
        // So many problems fill any pipe; they are on the way before the job runs, and nobody takes them out.
        string file = Jobs($"echo $$ > {Mark}; until [ -e {_directory}/go ]; do sleep 0.02; done", 1);
        await File.AppendAllLinesAsync(file, Enumerable.Repeat(new string('x', 200), 20_000));
        var process = Start("", Run(file));
        await MarkedAsync(1);

        Signals.Send(process.Id, Signals.Terminate);
        await File.WriteAllTextAsync(Path.Combine(_directory, "go"), "");
        await process.WaitForExitAsync().WaitAsync(Guard);

        Assert.Equal(ExitCode.Interrupted, process.ExitCode);
        Assert.False(Processes.ProcessHarness.IsAlive(int.Parse(File.ReadAllLines(Mark)[0])));
        Assert.Equal(0, (await EndAsync(Start("> /dev/null", "journal", "verify", Data))).Code);
    }

    private string Data => Path.Combine(_directory, "data");

    private static async Task<(int Code, string Errors)> EndAsync(Process process)
    {
        string errors = await process.StandardError.ReadToEndAsync().WaitAsync(Guard);
        await process.WaitForExitAsync().WaitAsync(Guard);
        return (process.ExitCode, errors);
    }

    private async Task MarkedAsync(int lines)
    {
        using var guard = new CancellationTokenSource(Guard);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!File.Exists(Mark) || File.ReadAllLines(Mark).Length < lines)
        {
            await timer.WaitForNextTickAsync(guard.Token);
        }
    }

    private string[] Run(string file) =>
        ["run", file, "--data", Data, "--allow", "sh=/bin/sh", "--Engine:JournalSegmentBytes=1048576"];

    private string Jobs(string script, int count)
    {
        string path = Path.Combine(_directory, "jobs.jsonl");
        File.WriteAllLines(path, Enumerable.Range(1, count).Select(i =>
            $$"""{"user":"ada","tier":"cto_scale","program":"sh","arguments":["-c","{{script}}","{{i}}"]}"""));
        return path;
    }

    /// <summary>Starts the host in a shell's place, so that its id is the process's own.</summary>
    private Process Start(string redirection, params string[] arguments)
    {
        string host = Path.Combine(AppContext.BaseDirectory, "Engine.Host.dll");
        var process = Process.Start(new ProcessStartInfo(
            "/bin/sh", ["-c", $"exec dotnet \"$0\" \"$@\" {redirection}", host, .. arguments])
        {
            WorkingDirectory = _directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        _processes.Add(process);
        return process;
    }

    private sealed class FullDeviceFactAttribute : FactAttribute
    {
        public FullDeviceFactAttribute() => Skip = Missing;

        internal static string? Missing => File.Exists(Full) ? null : $"There is no {Full} here.";
    }

    private sealed class FullDeviceTheoryAttribute : TheoryAttribute
    {
        public FullDeviceTheoryAttribute() => Skip = FullDeviceFactAttribute.Missing;
    }
}
