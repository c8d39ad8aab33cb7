using Engine.Storage;

namespace Engine.Tests.Run;

/// <summary>What <c>run</c> does with a good file.</summary>
public sealed class RunFileTests : IDisposable
{
    private readonly RunHarness _harness = new();

    public void Dispose() => _harness.Dispose();

    [Fact]
    public async Task Jobs_beyond_the_daily_limit_stay_for_tomorrow_and_the_command_ends()
    {
        var result = await _harness.RunAsync(Lines(7, """{"user":"ada","tier":"bootstrapper","program":"true"}"""));

        Assert.Equal(0, result.Code);
        Assert.Equal([7, 5, 0, 2, 0], result.Totals);
        Assert.Contains("Jobs scheduled for a later day", result.Output, StringComparison.Ordinal);
        Assert.Equal(2, result.Output.Split('\n').Count(line => line.Contains("ada scheduled for ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_failed_job_is_named_and_changes_the_exit_code()
    {
        var result = await _harness.RunAsync("""
            {"user":"ada","program":"sh","arguments":["-c","echo the reason >&2; exit 4"]}
            {"user":"ada","program":"true"}
            """);

        Assert.Equal(1, result.Code);
        Assert.Equal([2, 1, 1, 0, 0], result.Totals);
        Assert.Matches("line 1 failed, job [0-9a-f-]{36}, debug id [0-9a-f]+: the reason", result.Output);
    }

    [Fact]
    public async Task Jobs_of_a_journal_in_memory_leave_no_files_and_touch_none_of_other_jobs()
    {
        string runs = Path.Combine(_harness.Directory, "data", "runs");
        string ofAnother = Path.Combine(runs, $"{JobId.New(TimeProvider.System)}", "1");
        Directory.CreateDirectory(ofAnother);
        string ofACrash = Path.Combine(runs, ".memory", $"{JobId.New(TimeProvider.System)}", "1");
        Directory.CreateDirectory(ofACrash);
        string where = Path.Combine(_harness.Directory, "where");

        var result = await _harness.RunAsync(
            $$"""{"user":"ada","program":"sh","arguments":["-c","pwd > {{where}}; test ! -e {{ofACrash}} && echo x > file"]}""");

        Assert.Equal(0, result.Code);
        Assert.StartsWith(runs, await File.ReadAllTextAsync(where), StringComparison.Ordinal);
        Assert.True(Directory.Exists(ofAnother));
        Assert.Equal(
            [Path.GetDirectoryName(ofAnother)],
            Directory.GetDirectories(runs).Where(path => Path.GetFileName(path) is not (".active" or ".scratch")));
    }

    [Fact]
    public async Task A_full_queue_slows_reading_down_and_loses_no_line()
    {
        _harness.Settings["Engine:GlobalCap"] = "3";
        _harness.Settings["Engine:MaxConcurrentRuns"] = "2";

        var result = await _harness.RunAsync(Lines(40, """{"user":"ada","tier":"cto_scale","program":"true"}"""));

        Assert.Equal(0, result.Code);
        Assert.Equal([40, 40, 0, 0, 0], result.Totals);
        Assert.Contains("The queue is full", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_higher_tier_goes_first_whatever_the_order_of_lines()
    {
        _harness.Settings["Engine:MaxConcurrentRuns"] = "1";
        string gate = Path.Combine(_harness.Directory, "gate");

        // The first job holds the only worker until all lines are in the queue; its last line opens the gate.
        string lines = $$"""
            {"user":"first","tier":"bootstrapper","program":"sh","arguments":["-c","until [ -e {{gate}} ]; do sleep 0.02; done"]}
            {"user":"ada","tier":"bootstrapper","program":"true"}
            {"user":"grace","tier":"partner","program":"true"}
            {"user":"linus","tier":"cto_scale","priority":1,"program":"true"}
            {"user":"linus","tier":"cto_scale","priority":9,"program":"true"}

            """;
        using var content = new GateStream(lines, gate);
        var result = await _harness.RunAsync(content);

        string[] started = [.. result.Output.Split('\n').Where(line => line.EndsWith(" started", StringComparison.Ordinal))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3])];
        Assert.Equal(0, result.Code);
        Assert.Equal(["1", "5", "4", "3", "2"], started);
    }

    [Fact]
    public async Task The_file_may_be_run_again_after_lines_were_corrected_or_added()
    {
        _harness.Settings["Engine:Journal"] = "Faster";
        _harness.Settings["Engine:JournalSegmentBytes"] = "1048576";
        string mark = Path.Combine(_harness.Directory, "marks");
        string Line(string name) =>
            $$"""{"user":"ada","tier":"cto_scale","program":"sh","arguments":["-c","echo {{name}} >> {{mark}}"]}""";

        var first = await _harness.RunAsync($"{Line("one")}\n{{\"user\":\n{Line("two")}\n{Line("two")}\n");
        var second = await _harness.RunAsync($"{Line("zero")}\n{Line("one")}\n{Line("corrected")}\n{Line("two")}\n{Line("two")}\n");
        var third = await _harness.RunAsync($"{Line("two")}\n{Line("one")}\n", batch: "another");

        Assert.Equal((2, 0, 0), (first.Code, second.Code, third.Code));
        Assert.Contains("had ended before this start and did not run again: 3.", second.Output, StringComparison.Ordinal);
        Assert.Equal(
            ["corrected", "one", "one", "two", "two", "two", "zero"], (await File.ReadAllLinesAsync(mark)).Order());
    }

    [Fact]
    public async Task Inputs_are_taken_from_beside_the_file()
    {
        await File.WriteAllTextAsync(Path.Combine(_harness.Directory, "input.txt"), "content");

        var result = await _harness.RunAsync(
            """{"user":"ada","program":"sh","arguments":["-c","test $(cat input.txt) = content"],"input_files":["input.txt"]}""");

        Assert.Equal(0, result.Code);
    }

    [Fact]
    public async Task Settings_beside_the_file_allow_its_programs_and_the_usual_ones_win()
    {
        _harness.Settings.Remove("Engine:Processes:Allowed:sh");
        _harness.Settings["Engine:MaxConcurrentRuns"] = "3";
        await File.WriteAllTextAsync(
            Path.Combine(_harness.Directory, "appsettings.json"),
            """{"Engine":{"MaxConcurrentRuns":9,"Processes":{"Allowed":{"sh":"sh"}}}}""");

        var result = await _harness.RunAsync("""{"user":"ada","program":"sh","arguments":["-c","exit 0"]}""");

        Assert.Equal(0, result.Code);
        Assert.Contains("3 at a time", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Retries_are_waited_for()
    {
        _harness.Settings["Engine:JobTypes:process:Handler"] = "Process";
        _harness.Settings["Engine:JobTypes:process:MaxRetries"] = "2";
        _harness.Settings["Engine:JobTypes:process:RetryDelay"] = "00:00:00.2";
        string mark = Path.Combine(_harness.Directory, "marks");

        var result = await _harness.RunAsync(
            $$"""{"user":"ada","program":"sh","arguments":["-c","echo x >> {{mark}}; test $ENGINE_RUN = 3"]}""");

        Assert.Equal(0, result.Code);
        Assert.Equal(3, (await File.ReadAllLinesAsync(mark)).Length);
    }

    private static string Lines(int count, string line) => string.Join('\n', Enumerable.Repeat(line, count));

    /// <summary>Opens the gate when the last byte has been asked for and more is wanted: all lines are submitted then.</summary>
    private sealed class GateStream(string lines, string gate) : MemoryStream(System.Text.Encoding.UTF8.GetBytes(lines))
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await base.ReadAsync(buffer, cancellationToken);
            if (read == 0)
            {
                await File.WriteAllTextAsync(gate, "", cancellationToken);
            }

            return read;
        }
    }

    [Fact]
    public async Task F14_a_journal_of_the_future_is_told_of()
    {
        // Written by an engine whose clock was years ahead.
        var journal = new MemoryJournal();
        await using (var ahead = await TestEngine.StartAsync(
            time: new ManualTimeProvider(new DateTimeOffset(2090, 1, 1, 0, 0, 0, TimeSpan.Zero)), journal: journal))
        {
            await ahead.SubmitQueuedAsync();
        }

        using var content = new MemoryStream("""{"user":"ada","program":"true"}"""u8.ToArray());
        var result = await _harness.RunAsync(content, more: engine => engine.UseJournal(_ => journal));

        Assert.Equal(0, result.Code);
        Assert.StartsWith("The clock of this machine is ", Assert.Single(result.Problems), StringComparison.Ordinal);
    }
}
