using System.Threading.Channels;

namespace Engine.Tests.Http;

/// <summary>A handler that does what the test says, when it says so: nothing ends by itself.</summary>
internal sealed class ScriptedHandler : IJobHandler
{
    private readonly Channel<ScriptedRun> _started = Channel.CreateUnbounded<ScriptedRun>();

    public async Task<JobOutcome> RunAsync(JobContext context, CancellationToken cancellationToken)
    {
        var run = new ScriptedRun(context, cancellationToken);
        _started.Writer.TryWrite(run);
        return await run.Outcome.WaitAsync(cancellationToken);
    }

    /// <summary>The next run that started, in the order of their starts.</summary>
    internal async Task<ScriptedRun> NextAsync() =>
        await _started.Reader.ReadAsync().AsTask().WaitAsync(TestEngine.Guard);

    /// <summary>Whether a run has started that the test has not taken.</summary>
    internal bool HasMore => _started.Reader.TryPeek(out _);
}

/// <summary>One run in the test's hands.</summary>
internal sealed class ScriptedRun(JobContext context, CancellationToken stop)
{
    private readonly TaskCompletionSource<JobOutcome> _outcome =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal JobContext Context { get; } = context;

    internal CancellationToken Stop { get; } = stop;

    internal Task<JobOutcome> Outcome => _outcome.Task;

    internal string JobId => Context.JobId.ToString();

    internal void Finish(JobOutcome outcome) => _outcome.TrySetResult(outcome);

    /// <summary>Moves through the stages of a build up to and including <paramref name="last"/>.</summary>
    internal async Task MoveToAsync(string last)
    {
        foreach (string stage in new[] { "scaffold", "code", "deps", "checks" })
        {
            await Context.MoveToAsync(stage);
            if (stage == last)
            {
                return;
            }
        }
    }

    internal async Task CompleteAsync()
    {
        await MoveToAsync("checks");
        Finish(JobOutcome.Done);
    }
}
