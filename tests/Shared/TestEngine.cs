using Engine.Storage;
using Microsoft.Extensions.Logging;

namespace Engine.Tests;

/// <summary>A started engine with a manual clock and a memory journal, and short words for what tests do with it.</summary>
internal sealed class TestEngine : IAsyncDisposable
{
    internal static readonly TimeSpan Guard = TimeSpan.FromSeconds(30);

    private readonly Action<JobEngineOptions>? _configure;

    private TestEngine(
        JobEngine engine, ManualTimeProvider time, IJournal journal, Action<JobEngineOptions>? configure) =>
        (Engine, Time, Journal, _configure) = (engine, time, journal, configure);

    internal JobEngine Engine { get; }

    internal ManualTimeProvider Time { get; }

    internal IJournal Journal { get; }

    internal static async Task<TestEngine> StartAsync(
        Action<JobEngineOptions>? configure = null,
        ManualTimeProvider? time = null,
        IJournal? journal = null,
        ILogger<JobEngine>? logger = null)
    {
        var options = new JobEngineOptions { Types = [new JobType { Name = "work" }, BuildType] };
        configure?.Invoke(options);
        time ??= new ManualTimeProvider();
        journal ??= new MemoryJournal();
        var engine = new JobEngine(options, journal, time, logger: logger);
        await engine.StartAsync();
        return new TestEngine(engine, time, journal, configure);
    }

    /// <summary>Stops this engine and starts another on what it left, with the same settings unless others are given.</summary>
    internal async Task<TestEngine> RestartAsync(Action<JobEngineOptions>? configure = null)
    {
        await Engine.StopAsync();
        return await StartAsync(configure ?? _configure, Time, Journal);
    }

    internal static JobType BuildType { get; } = new() { Name = "build", Pipeline = Pipeline.Build };

    internal ValueTask<SubmitResult> SubmitAsync(
        string user = "u", string tier = "bootstrapper", string? project = null, string type = "work", int priority = 0) =>
        Engine.SubmitAsync(new JobRequest
        {
            Type = type,
            UserId = user,
            Tier = tier,
            ProjectId = project,
            Priority = priority,
            Payload = "{}"u8.ToArray(),
        });

    /// <summary>Claims what can run now, at most <paramref name="max"/>; empty when nothing can.</summary>
    internal async Task<IReadOnlyList<ClaimedRun>> ClaimNowAsync(int max = 1, params string[] types)
    {
        var claim = Engine.TryClaimAsync(new ClaimRequest { Types = types is [] ? ["work", "build"] : types, MaxRuns = max });
        return await claim.AsTask().WaitAsync(Guard);
    }

    internal async Task<ClaimedRun> ClaimOneAsync(params string[] types) => Assert.Single(await ClaimNowAsync(1, types));

    internal async Task<JobId> SubmitQueuedAsync(
        string user = "u", string tier = "bootstrapper", string? project = null, string type = "work", int priority = 0)
    {
        var result = await SubmitAsync(user, tier, project, type, priority);
        Assert.Equal(SubmitOutcome.Queued, result.Outcome);
        return result.JobId;
    }

    internal ValueTask<LeaseAnswer> CompleteAsync(ClaimedRun run) =>
        Engine.EndRunAsync(run.Lease, new RunOutcome.Completed());

    internal ValueTask<LeaseAnswer> FailAsync(ClaimedRun run, bool retryable = true) =>
        Engine.EndRunAsync(run.Lease, new RunOutcome.Failed("It broke.", "d1", retryable));

    /// <summary>Lets time pass, and the engine do all that is due by then.</summary>
    internal async Task PassAsync(TimeSpan time)
    {
        Time.Advance(time);

        // The question's own batch does what is due; the answer leaves after it.
        await Engine.GetQueueAsync();
        await Engine.GetQueueAsync();
    }

    internal async Task<JobView> ViewAsync(JobId id) =>
        await Engine.GetAsync(id) ?? throw new InvalidOperationException($"No job {id}.");

    // Guarded: after a failed assertion the journal may still be held up, and the engine would wait for it.
    public async ValueTask DisposeAsync() => await Engine.DisposeAsync().AsTask().WaitAsync(Guard);
}
