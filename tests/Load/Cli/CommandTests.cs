using System.Globalization;
using System.Text.RegularExpressions;
using Engine.Tests.Load.Targets;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load.Cli;

/// <summary>The program, as people call it.</summary>
public sealed partial class CommandTests
{
    [Theory]
    [InlineData("--callers: must be 1 to 10000", "closed", "--callers", "0")]
    [InlineData("--seconds: must be 0.1 to 86400", "closed", "--seconds", "soon")]
    [InlineData("--rate: must be 0.1 to 1000000", "open", "--rate", "-1")]
    [InlineData("--places: must be 1 to 100000", "open", "--places", "0")]
    [InlineData("--url: must be an http or https URL", "closed", "--target", "http", "--url", "host")]
    [InlineData("--url: needs --target http", "closed", "--url", "http://127.0.0.1:5080")]
    [InlineData("--journal: cannot", "closed", "--target", "http", "--url", "http://a", "--journal", "faster")]
    [InlineData("--snapshots: are taken of a journal", "closed", "--snapshots", "1")]
    [InlineData("--end: a host that runs already", "closed", "--target", "http", "--url", "http://a", "--end", "stop")]
    [InlineData("--end: kill needs --target http", "closed", "--end", "kill")]
    [InlineData("--end: nothing is left", "open", "--target", "http", "--end", "stop")]
    [InlineData("--retention: must be 4000 more than --cap", "closed", "--retention", "100")]
    [InlineData("--heap-limit: needs a host of our own", "closed", "--heap-limit", "64")]
    [InlineData("'htp'", "closed", "--target", "htp")]
    [InlineData("'--nonsense'", "closed", "--nonsense")]
    [InlineData("'--callers'", "open", "--callers", "3")]
    [InlineData("Required command", "")]
    public async Task A_command_line_that_cannot_be_is_refused_by_name(string objection, params string[] arguments)
    {
        var (code, output, errors) = await RunAsync([.. arguments.Where(argument => argument.Length > 0)]);

        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(objection, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("findings", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_is_not_there_is_no_result()
    {
        var (code, output, errors) = await RunAsync("closed", "--target", "http", "--url", "http://127.0.0.1:1");

        Assert.Equal(ExitCode.NotRun, code);
        Assert.StartsWith("Could not be run: ", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("findings", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_figure_is_a_line_of_name_value_and_unit()
    {
        var (code, output, errors) = await RunAsync(
            "closed", "--operations", "2000", "--callers", "8", "--streams", "2", "--idle-streams", "20",
            "--daily", "2", "--end", "stop");

        Assert.Equal("", errors);
        Assert.Equal(ExitCode.Success, code);
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, line => Assert.Matches(Figure(), line));
        Assert.Contains("operations 2000 count", lines);
        Assert.Contains("findings 0 count", lines);
        Assert.Single(lines, line => line.StartsWith("submit_p99.9 ", StringComparison.Ordinal));
        Assert.Single(lines, line => line.StartsWith("restart_time ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_found_ends_a_run_with_1_and_is_named()
    {
        var (code, output, errors) = await RunAsync(
            "open", "--rate", "1000", "--operations", "200", "--max-memory", "1");

        Assert.Equal(ExitCode.Broken, code);
        Assert.Contains("\nfindings 1 count\n", output, StringComparison.Ordinal);
        Assert.StartsWith("F21: the engine took ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_runs_already_is_loaded_and_left_running()
    {
        string directory = Directory.CreateTempSubdirectory("engine-load-url-").FullName;
        await using var journal = await JournalPlace.CreateAsync(
            JournalKind.Faster, Path.Combine(directory, "data"), snapshotBytes: 0);
        await using var host = await HostChild.StartAsync(directory, HostSettings.For(new Limits(), journal), 0);
        string url = host.Address.ToString();

        var (code, output, errors) = await RunAsync(
            "open", "--target", "http", "--url", url, "--rate", "200", "--operations", "200", "--streams", "2");

        Assert.Equal("", errors);
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("# not checked: no journal to read", output, StringComparison.Ordinal);
        Assert.Contains("\noperations 200 count\n", output, StringComparison.Ordinal);
        await host.EndAsync(kill: false);
        Directory.Delete(directory, recursive: true);
    }

    private static async Task<(int Code, string Output, string Errors)> RunAsync(params string[] arguments)
    {
        await using var output = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        await using var errors = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        int code = await LoadCommand.RunAsync(arguments, output, errors);
        return (code, output.ToString(), errors.ToString());
    }

    [GeneratedRegex(@"^(# .+|[a-z_0-9.]+ -?[0-9.]+(E-\d+)? (count|ops/s|us|ms|jobs|events|MiB))$")]
    private static partial Regex Figure();
}
