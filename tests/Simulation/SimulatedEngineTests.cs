using System.Runtime.CompilerServices;
using Engine.Simulation;

namespace Engine.Tests;

public sealed class SimulatedEngineTests
{
    [Fact]
    public void The_example_of_the_documentation_does_what_it_says()
    {
        var said = new StringWriter();
        string code = File.ReadAllText(Path.Combine(Root(), "docs/simulation.md"));
        string example = code.Split("```csharp\n")[1].Split("```")[0];
        string here = File.ReadAllText(Path.Combine(Root(), "tests/Simulation/SimulatedEngineTests.cs"));
        Assert.Contains(Squeezed(example).Replace("Console.", "said."), Squeezed(here), StringComparison.Ordinal);

        var options = new JobEngineOptions
        {
            Types = [new JobType { Name = "report", MaxRetries = 2, RetryDelay = TimeSpan.FromMinutes(1) }],
        };
        using var engine = new SimulatedEngine(options, seed: 7);
        engine.AddWorker(["report"], capacity: 2, run => run.Lease.Run == 1
            ? SimulatedRun.Fails(after: TimeSpan.FromMinutes(5))
            : SimulatedRun.Completes(after: TimeSpan.FromMinutes(20)));

        var job = engine.Submit(new JobRequest { Type = "report", UserId = "u1" }).JobId;
        engine.RunFor(TimeSpan.FromMinutes(10));
        engine.Crash(losesPower: true);
        engine.RunFor(TimeSpan.FromHours(1));

        said.WriteLine($"{engine.Get(job)!.State} after {engine.Get(job)!.Runs} runs");

        Assert.Contains($"It prints `{said.ToString().Trim()}`", code, StringComparison.Ordinal);
        Assert.Equal(2, engine.Starts);
    }

    [Fact]
    public void A_worker_that_vanishes_costs_a_lease_and_a_cancelled_job_stops()
    {
        var options = new JobEngineOptions { Types = [new JobType { Name = "build", Pipeline = Pipeline.Build }] };
        using var engine = new SimulatedEngine(options);
        engine.AddWorker(["build"], 1, run => run.Lease.Run == 1
            ? SimulatedRun.Vanishes(after: TimeSpan.FromSeconds(5))
            : SimulatedRun.Completes(after: TimeSpan.FromMinutes(30)));

        var first = engine.Submit(new JobRequest { Type = "build", UserId = "u1" }).JobId;
        engine.RunFor(TimeSpan.FromMinutes(40));
        Assert.Equal(JobState.Completed, engine.Get(first)!.State);
        Assert.Equal(2, engine.Get(first)!.Runs);

        var second = engine.Submit(new JobRequest { Type = "build", UserId = "u1" }).JobId;
        engine.RunFor(TimeSpan.FromMinutes(5));
        Assert.Equal(CancelOutcome.Requested, engine.Cancel(second));
        engine.RunFor(TimeSpan.FromMinutes(2));
        Assert.Equal(JobState.Cancelled, engine.Get(second)!.State);
    }

    [Fact]
    public void A_day_passes_in_no_time_and_the_allowance_with_it()
    {
        using var engine = EngineAtNoon();
        var tomorrow = SubmitOneMoreThanToday(engine);

        engine.RunFor(TimeSpan.FromHours(11));
        Assert.Equal(JobState.Scheduled, engine.Get(tomorrow)!.State);
        engine.RunFor(TimeSpan.FromHours(3));
        Assert.Equal(JobState.Completed, engine.Get(tomorrow)!.State);
    }

    [Fact]
    public void F14_A_wall_clock_that_is_set_forward_while_the_engine_sleeps_is_noticed_within_minutes()
    {
        using var engine = EngineAtNoon();
        var tomorrow = SubmitOneMoreThanToday(engine);
        engine.RunFor(TimeSpan.FromHours(1));

        // As when a machine was suspended for a day: the timer of the loop knows nothing of it, and nobody asks.
        engine.JumpWallClock(TimeSpan.FromDays(1));
        engine.RunFor(TimeSpan.FromMinutes(7));

        Assert.Equal(JobState.Completed, engine.Get(tomorrow)!.State);
    }

    private static SimulatedEngine EngineAtNoon()
    {
        var options = new JobEngineOptions { Types = [new JobType { Name = "report" }] };
        var engine = new SimulatedEngine(options, start: new DateTimeOffset(2030, 5, 1, 12, 0, 0, TimeSpan.Zero));
        engine.AddWorker(["report"], 6, _ => SimulatedRun.Completes(TimeSpan.FromMinutes(1)));
        return engine;
    }

    /// <summary>The job that must wait for the next day.</summary>
    private static JobId SubmitOneMoreThanToday(SimulatedEngine engine)
    {
        var results = Enumerable.Range(0, 6)
            .Select(_ => engine.Submit(new JobRequest { Type = "report", UserId = "u1" }))
            .ToList();
        Assert.Equal(SubmitOutcome.Scheduled, results[5].Outcome);
        return results[5].JobId;
    }

    private static string Squeezed(string text) => string.Join(' ', text.Split([' ', '\n', '\r'],
        StringSplitOptions.RemoveEmptyEntries));

    private static string Root([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../.."));
}
