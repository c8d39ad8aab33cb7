using System.Text;
using Engine.Host.Cli;
using Engine.Host.Run;
using Engine.Hosting;
using Microsoft.Extensions.Configuration;

namespace Engine.Tests.Run;

/// <summary>Runs files of jobs in this process.</summary>
internal sealed class RunHarness : IDisposable
{
    internal static readonly TimeSpan Guard = TimeSpan.FromMinutes(2);

    internal RunHarness() => Directory = System.IO.Directory.CreateTempSubdirectory("engine-file-").FullName;

    internal string Directory { get; }

    internal Dictionary<string, string?> Settings { get; } = new()
    {
        ["Engine:Journal"] = "Memory",
        ["Engine:Processes:Allowed:sh"] = "/bin/sh",
        ["Engine:Processes:Allowed:true"] = "true",
        ["Engine:Processes:Allowed:false"] = "false",
    };

    internal Task<RunResult> RunAsync(string content, string batch = "test") =>
        RunAsync(new MemoryStream(Encoding.UTF8.GetBytes(content)), batch);

    internal async Task<RunResult> RunAsync(
        Stream content,
        string batch = "test",
        StringWriter? shown = null,
        StringWriter? told = null,
        Action<EngineBuilder>? more = null)
    {
        var settings = RunSettings.Read(new ConfigurationBuilder().AddInMemoryCollection(Settings).Build(), Directory);
        settings.DataDirectory = Path.Combine(Directory, "data");
        using var output = shown ?? new StringWriter();
        using var errors = told ?? new StringWriter();
        var printer = new Printer(output, errors);
        var time = ShiftedTime.AtNoon();
        int code = await RunHost.RunAsync(
            content,
            new RunOptions { File = "file.jsonl", Batch = batch },
            settings,
            new RunDisplay(printer, time),
            printer,
            time,
            more).WaitAsync(Guard);
        return new RunResult(code, output.ToString(), errors.ToString());
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);
}

/// <summary>What a run answered.</summary>
internal sealed record RunResult(int Code, string Output, string Errors)
{
    /// <summary>The numbers of the last row of the table: jobs, done, failed, later, open.</summary>
    internal int[] Totals =>
    [
        .. Output.Split('\n').Single(line => line.StartsWith("all ", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(5).Select(int.Parse),
    ];

    internal string[] Problems => Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
