using System.CommandLine;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Engine.Bench.Micro;

/// <summary>Runs the micro-benchmarks of this assembly.</summary>
/// <remarks>In this process: the usual toolchain restores and builds a project per run, which needs a package source.</remarks>
internal static class MicroCommand
{
    internal static Command Create()
    {
        var filter = new Option<string>("--filter")
        {
            Description = "Which benchmarks, by name; * stands for anything.",
            DefaultValueFactory = _ => "*",
        };
        var smoke = new Option<bool>("--smoke")
        {
            Description = "Runs each benchmark once, so that none rots. The figures mean nothing.",
        };
        var precise = new Option<bool>("--precise")
        {
            Description = "Runs each benchmark as long as it takes to be sure, instead of briefly.",
        };
        var command = new Command("micro", "Runs the micro-benchmarks.") { filter, smoke, precise };
        command.SetAction(parsed =>
            Run(parsed.GetValue(filter)!, parsed.GetValue(smoke), parsed.GetValue(precise)));
        return command;
    }

    private static int Run(string filter, bool smoke, bool precise)
    {
        Job job = smoke ? Job.Dry : precise ? Job.Default : Job.ShortRun;
        IConfig config = ManualConfig.CreateEmpty()
            .AddJob(job.WithToolchain(InProcessEmitToolchain.Instance))
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddLogger(smoke ? NullLogger.Instance : ConsoleLogger.Default)
            .WithArtifactsPath(Path.Combine(AppContext.BaseDirectory, "micro"))
            .WithOptions(ConfigOptions.DisableLogFile);
        Summary[] summaries = [.. BenchmarkSwitcher
            .FromAssembly(typeof(MicroCommand).Assembly)
            .Run(["--filter", filter], config)];

        int run = 0;
        int failed = 0;
        foreach (BenchmarkReport report in summaries.SelectMany(summary => summary.Reports))
        {
            run++;
            if (!report.Success)
            {
                failed++;
                Console.Error.WriteLine($"Failed: {report.BenchmarkCase.DisplayInfo}");
            }
        }

        bool invalid = summaries.Any(summary => summary.HasCriticalValidationErrors);
        Console.WriteLine($"benchmarks_run {run} count");
        Console.WriteLine($"benchmarks_failed {failed} count");
        return run > 0 && failed == 0 && !invalid ? 0 : 1;
    }
}
