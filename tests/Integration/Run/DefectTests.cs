using Engine.Host.Cli;
using Engine.Host.Configuration;
using Engine.Host.Run;

namespace Engine.Tests.Run;

/// <summary>What is said when the host itself is at fault, and what is left behind.</summary>
public sealed class DefectTests : IDisposable
{
    private readonly RunHarness _harness = new();

    public void Dispose() => _harness.Dispose();

    [Fact]
    public void A_defect_is_one_line_with_an_id_and_a_file_with_the_rest()
    {
        string line = Defect.Describe(Thrown("first\nsecond"), _harness.Directory);

        string file = Assert.Single(Directory.GetFiles(_harness.Directory));
        string id = Path.GetFileNameWithoutExtension(file)["engine-defect-".Length..];
        Assert.Equal(
            $"A defect in the program has ended it, debug id {id}: InvalidOperationException: first / second "
            + $"(Please report it with '{file}'.)",
            line);
        Assert.Contains($"at {typeof(DefectTests)}.", File.ReadAllText(file), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_no_file_can_be_made_the_line_says_where_it_was_thrown()
    {
        string line = Defect.Describe(Thrown("first"), Path.Combine(_harness.Directory, "nowhere"));

        Assert.DoesNotContain('\n', line);
        Assert.Contains($"Please report it: thrown at {typeof(DefectTests)}.", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_with_a_defect_ends_with_70()
    {
        Assert.Equal(ExitCode.Internal, await EngineCommand.EndAsync(() => throw new InvalidOperationException("defect")));
        Assert.Equal(ExitCode.JobsFailed, await EngineCommand.EndAsync(() => Task.FromResult(ExitCode.JobsFailed)));
    }

    [Fact]
    public async Task A_defect_while_jobs_run_leaves_no_program_behind_and_shows_what_was_said()
    {
        string mark = Path.Combine(_harness.Directory, "mark");
        var settings = RunSettings.Read(
            new Microsoft.Extensions.Configuration.ConfigurationManager { ["Engine:Processes:Allowed:sh"] = "/bin/sh" },
            _harness.Directory);
        settings.DataDirectory = Path.Combine(_harness.Directory, "data");
        settings.Journal = JournalKind.Memory;
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var printer = new Printer(output, errors);
        using var jobs = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(
            $$"""{"user":"ada","program":"sh","arguments":["-c","echo $$ > {{mark}}.new; mv {{mark}}.new {{mark}}; exec sleep 600"]}"""));

        var defect = await Assert.ThrowsAsync<InvalidOperationException>(() => RunHost.RunAsync(
            jobs,
            new RunOptions { File = "file.jsonl", Batch = "test" },
            settings,
            new BrokenDisplay(printer, mark),
            printer,
            TimeProvider.System).WaitAsync(RunHarness.Guard));

        Assert.Equal("The display is broken.", defect.Message);
        Assert.False(Processes.ProcessHarness.IsAlive(int.Parse(File.ReadAllText(mark))));
        Assert.Contains("file.jsonl: ", output.ToString(), StringComparison.Ordinal);
    }

    private static InvalidOperationException Thrown(string message)
    {
        try
        {
            throw new InvalidOperationException(message);
        }
        catch (InvalidOperationException e)
        {
            return e;
        }
    }

    /// <summary>Fails once the program runs.</summary>
    private sealed class BrokenDisplay(Printer printer, string mark) : RunDisplay(printer, TimeProvider.System)
    {
        internal override void Update(IReadOnlyList<TierCounts> tiers)
        {
            if (File.Exists(mark))
            {
                throw new InvalidOperationException("The display is broken.");
            }

            base.Update([]);
        }
    }
}
