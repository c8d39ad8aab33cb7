using Engine.RunLogs;
using Engine.Runtime;

namespace Engine;

/// <summary>One run, as its handler sees it. Everything it says is checked against the run's lease: after the run is
/// lost or cancelled nothing more is recorded.</summary>
public sealed class JobContext
{
    private readonly IRunReporter _reporter;
    private readonly ClaimedRun _run;

    internal JobContext(ClaimedRun run, IRunReporter reporter, IRunLog log)
    {
        _run = run;
        _reporter = reporter;
        IterationsUsed = run.IterationsUsed;
        Log = log;
    }

    /// <summary>Which job.</summary>
    public JobId JobId => _run.Lease.JobId;

    /// <summary>Which attempt, from 1. With <see cref="JobId"/> a fencing token for what the handler changes elsewhere.</summary>
    public int Run => _run.Lease.Run;

    /// <summary>The job's type.</summary>
    public string Type => _run.Type;

    /// <summary>Whose job it is.</summary>
    public string UserId => _run.UserId;

    /// <summary>The project it belongs to, if any.</summary>
    public string? ProjectId => _run.ProjectId;

    /// <summary>The plan it runs under.</summary>
    public string Tier => _run.Tier;

    /// <summary>What the job was submitted with: JSON in UTF-8.</summary>
    public ReadOnlyMemory<byte> Payload => _run.Payload;

    /// <summary>What the run before left when it was suspended; empty on a first run.</summary>
    public ReadOnlyMemory<byte> Checkpoint => _run.Checkpoint;

    /// <summary>Iterations that the job has used so far, over all its runs.</summary>
    public int IterationsUsed { get; private set; }

    /// <summary>The run's log, kept as long as the job.</summary>
    public IRunLog Log { get; }

    /// <summary>Moves to a stage of the type's pipeline. A run starts in the first one.</summary>
    /// <exception cref="InvalidOperationException">The pipeline has no such move from here.</exception>
    /// <exception cref="OperationCanceledException">The run is over or should stop.</exception>
    public async ValueTask MoveToAsync(string stage, string? message = null)
    {
        var answer = await _reporter.MoveToStageAsync(_run.Lease, stage, message).ConfigureAwait(false);
        if (answer == LeaseAnswer.IllegalMove)
        {
            throw new InvalidOperationException(
                $"The pipeline of '{Type}' has no move to stage '{stage}' from the one the run is in.");
        }

        ThrowIfOver(answer);
    }

    /// <summary>Says how far the work is.</summary>
    /// <param name="percent">0 to 100.</param>
    /// <param name="message">For people; up to 500 characters are kept.</param>
    /// <exception cref="OperationCanceledException">The run is over or should stop.</exception>
    public async ValueTask ReportProgressAsync(int percent, string? message = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(percent);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percent, 100);
        ThrowIfOver(await _reporter.ReportProgressAsync(_run.Lease, percent, message).ConfigureAwait(false));
    }

    /// <summary>Asks for one more iteration. On <see cref="IterationAnswer.Suspend"/> the handler returns
    /// <see cref="JobOutcome.Suspended"/>; on <see cref="IterationAnswer.CapReached"/> it ends with what it has.</summary>
    /// <exception cref="OperationCanceledException">The run is over or should stop.</exception>
    public async ValueTask<IterationAnswer> BeginIterationAsync()
    {
        var answer = await _reporter.BeginIterationAsync(_run.Lease).ConfigureAwait(false);
        if (answer is IterationAnswer.LeaseLost or IterationAnswer.CancelRequested)
        {
            throw new OperationCanceledException("The run is over or should stop.");
        }

        IterationsUsed += answer == IterationAnswer.Granted ? 1 : 0;
        return answer;
    }

    /// <summary>Renews the lease. The worker pool does so by itself; a handler calls this to learn whether it should go on.</summary>
    /// <exception cref="OperationCanceledException">The run is over or should stop.</exception>
    public async ValueTask HeartbeatAsync() =>
        ThrowIfOver(await _reporter.HeartbeatAsync(_run.Lease).ConfigureAwait(false));

    private static void ThrowIfOver(LeaseAnswer answer)
    {
        if (answer is LeaseAnswer.LeaseLost or LeaseAnswer.CancelRequested)
        {
            throw new OperationCanceledException("The run is over or should stop.");
        }
    }
}
