using System.Runtime.CompilerServices;
using Engine.Host.Cli;
using Engine.Host.Run;
using Microsoft.Extensions.Configuration;

namespace Engine.Tests.Run;

/// <summary>The files in samples/ do what their README says.</summary>
public sealed class SampleTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("engine-samples-").FullName;

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task The_tour_queues_prefers_and_schedules()
    {
        var result = await RunAsync("tour.jsonl");

        Assert.Equal((0, ""), (result.Code, result.Errors));
        Assert.Equal([22, 20, 0, 2, 0], result.Totals);
        List<string> started = [.. result.Output.Split('\n').Where(line => line.EndsWith(" started", StringComparison.Ordinal))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4])];
        Assert.Equal(["bootstrapper/ada", "bootstrapper/ada"], started[..2]);
        Assert.True(
            started.LastIndexOf("cto_scale/linus") < started.LastIndexOf("partner/grace")
                && started.LastIndexOf("partner/grace") < started.LastIndexOf("bootstrapper/ada"),
            string.Join('\n', started));
    }

    [Fact]
    public async Task The_mistakes_are_told_one_by_one()
    {
        var result = await RunAsync("mistakes.jsonl");

        Assert.Equal(2, result.Code);
        Assert.Equal([4, 3, 1, 0, 0], result.Totals);
        Assert.Equal(
            ["2: field 'arguments'", "3: field 'tier'", "4: field 'user'", "5: field 'programm'", "6: refused",
                "8: field 'environment.LD_PRELOAD'", "9: field 'priority'", "10: field 'line'"],
            result.Problems.Select(problem => problem.Split(".jsonl:")[1])
                .Select(problem => problem[..(problem.Contains("refused", StringComparison.Ordinal)
                    ? problem.LastIndexOf("refused", StringComparison.Ordinal) + 7
                    : problem.IndexOf('\'', problem.IndexOf('\'', StringComparison.Ordinal) + 1) + 1)]));
    }

    private async Task<RunResult> RunAsync(string name, [CallerFilePath] string here = "")
    {
        string samples = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../samples"));
        var settings = RunSettings.Read(
            new ConfigurationBuilder().AddInMemoryCollection([new("Engine:Journal", "Memory")]).Build(), samples);
        settings.DataDirectory = _data;
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var printer = new Printer(output, errors);
        var time = ShiftedTime.AtNoon();
        await using var file = File.OpenRead(Path.Combine(samples, name));
        int code = await RunHost.RunAsync(
            file,
            new RunOptions { File = Path.Combine(samples, name), Batch = name },
            settings,
            new RunDisplay(printer, time),
            printer,
            time).WaitAsync(TimeSpan.FromMinutes(5));
        return new RunResult(code, output.ToString(), errors.ToString());
    }
}
