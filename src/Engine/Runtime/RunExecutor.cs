using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Engine.Diagnostics;
using Engine.RunLogs;
using Microsoft.Extensions.Logging;

namespace Engine.Runtime;

/// <summary>Works on one run: start, time limit, perform, contain, normalise, report.</summary>
internal sealed class RunExecutor(JobEngine engine, IRunLogStore logs, ILogger logger)
{
    private const int MaxErrorLength = 2000;
    private readonly TimeProvider _time = engine.Time;

    /// <param name="run">The run.</param>
    /// <param name="handler">Does the work.</param>
    /// <param name="stop">Set when the run should stop: cancelled, lost, or the engine is going down.</param>
    internal async Task ExecuteAsync(ClaimedRun run, IJobHandler handler, CancellationToken stop)
    {
        using var activity = EngineTracing.BeginRun(run);
        try
        {
            await ExecuteAsync(run, handler, activity, stop).ConfigureAwait(false);
        }
        catch (Exception exception) when (activity is not null)
        {
            EngineTracing.BreakRun(activity, exception);
            throw;
        }
    }

    private async Task ExecuteAsync(ClaimedRun run, IJobHandler handler, Activity? activity, CancellationToken stop)
    {
        var log = logs.Open(run.Lease.JobId, run.Lease.Run);
        await using (log.ConfigureAwait(false))
        {
            using var timeLimit = new CancellationTokenSource(run.Timeout, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, timeLimit.Token);
            var context = new JobContext(run, engine, log);

            // A token of its own: what a handler registers there may block or throw, and must not hold up ours. Nothing
            // to dispose, and an abandoned handler may look at it for as long as it likes.
            var handlersStop = new CancellationTokenSource();

            // On its own: a handler that blocks before its first await must not block the pool.
            var work = Task.Run(() => handler.RunAsync(context, handlersStop.Token), CancellationToken.None);
            bool ended = await EndsAsync(run, work, handlersStop, either.Token).ConfigureAwait(false);
            if (timeLimit.IsCancellationRequested && !stop.IsCancellationRequested)
            {
                logger.RunTimedOut(run.Lease.JobId, run.Lease.Run, run.Timeout);
            }

            if (!ended)
            {
                logger.RunAbandoned(run.Lease.JobId, run.Lease.Run, engine.Options.CancelGrace);
                log.Write("engine", "The handler did not stop in time and was abandoned.");
                Observe(work);
            }

            var outcome = Normalise(run, work, ended, stop.IsCancellationRequested, timeLimit.IsCancellationRequested);
            (outcome, var answer) = await ReportAsync(run, outcome, log).ConfigureAwait(false);
            if (activity is not null)
            {
                string? errorType = !ended || timeLimit.IsCancellationRequested
                    ? "timeout" : work.Exception?.InnerException?.GetType().FullName;
                EngineTracing.EndRun(activity, outcome, answer, errorType);
            }
        }
    }

    /// <summary>Waits for the work, and after it was told to stop for the grace it is given. Returns whether it ended.</summary>
    private async Task<bool> EndsAsync(
        ClaimedRun run, Task work, CancellationTokenSource handlersStop, CancellationToken stop)
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (stop.UnsafeRegister(static told => ((TaskCompletionSource)told!).TrySetResult(), told))
        {
            if (await Task.WhenAny(work, told.Task).ConfigureAwait(false) == work)
            {
                return true;
            }
        }

        _ = TellAsync(run, handlersStop);
        using var enough = new CancellationTokenSource();
        var grace = Task.Delay(engine.Options.CancelGrace, _time, enough.Token);
        bool ended = await Task.WhenAny(work, grace).ConfigureAwait(false) == work;
        await enough.CancelAsync().ConfigureAwait(false);
        return ended;
    }

    private async Task TellAsync(ClaimedRun run, CancellationTokenSource handlersStop)
    {
        try
        {
            await handlersStop.CancelAsync().ConfigureAwait(false);
        }
        catch (AggregateException exception)
        {
            logger.CancellationCallbackFailed(exception, run.Lease.JobId, run.Lease.Run);
        }
    }

    private RunOutcome Normalise(ClaimedRun run, Task<JobOutcome> work, bool ended, bool stopped, bool timedOut)
    {
        if (ended && work.IsCompletedSuccessfully)
        {
            return work.Result switch
            {
                JobOutcome.Completed completed when completed.Result.Length > engine.Options.MaxPayloadBytes =>
                    Failed(run, null, TooLarge("result", completed.Result.Length), retryable: false),
                JobOutcome.Suspended suspended when suspended.Checkpoint.Length > engine.Options.MaxPayloadBytes =>
                    Failed(run, null, TooLarge("checkpoint", suspended.Checkpoint.Length), retryable: false),
                JobOutcome.Completed completed => new RunOutcome.Completed(completed.Result),
                JobOutcome.Suspended suspended => new RunOutcome.Suspended(suspended.Checkpoint),

                // A handler that noticed that its time is up says so in its own words.
                JobOutcome.Failed failed when !stopped =>
                    Failed(run, null, failed.Error ?? "The handler gave no reason.", failed.Retryable),
                JobOutcome.Failed => new RunOutcome.Stopped(),
                _ => Failed(run, null, "The handler gave no outcome.", retryable: false),
            };
        }

        if (stopped)
        {
            return new RunOutcome.Stopped();
        }

        if (timedOut)
        {
            return Failed(run, null, string.Create(CultureInfo.InvariantCulture, $"Timed out after {run.Timeout:c}."), true);
        }

        var exception = work.Exception?.InnerException;
        return Failed(run, exception, exception?.Message ?? "The handler gave up.", retryable: true);
    }

    /// <summary>Ends a run that could not be worked on, through no fault of its handler.</summary>
    internal async Task FailAsync(ClaimedRun run, Exception exception) => await engine.EndRunAsync(
        run.Lease, Failed(run, exception, "The run could not be carried out.", retryable: true)).ConfigureAwait(false);

    /// <summary>Tells the engine how a run ended. Returns what it was told at last, and its answer to that.</summary>
    private async Task<(RunOutcome Outcome, LeaseAnswer Answer)> ReportAsync(
        ClaimedRun run, RunOutcome outcome, IRunLog log)
    {
        // Before the end: whoever follows the log is told that there is no more as soon as the job has ended.
        Note(outcome, log);
        var answer = await engine.EndRunAsync(run.Lease, outcome).ConfigureAwait(false);
        if (answer == LeaseAnswer.IllegalMove)
        {
            // Completed before the last stage, or suspended with iterations left: the handler's mistake.
            string error = outcome is RunOutcome.Suspended
                ? "The handler suspended although iterations were left."
                : "The handler completed before the last stage of the pipeline.";
            outcome = Failed(run, null, error, retryable: false);
            Note(outcome, log);
            answer = await engine.EndRunAsync(run.Lease, outcome).ConfigureAwait(false);
        }

        return (outcome, answer);
    }

    private static void Note(RunOutcome outcome, IRunLog log)
    {
        if (outcome is RunOutcome.Failed failed)
        {
            log.Write("engine", $"Failed, debug id {failed.DebugId}: {failed.Error}");
        }
    }

    private RunOutcome.Failed Failed(ClaimedRun run, Exception? exception, string error, bool retryable)
    {
        string debugId = RandomNumberGenerator.GetHexString(12, lowercase: true);
        logger.RunFailed(exception, run.Lease.JobId, run.Lease.Run, debugId);
        return new RunOutcome.Failed(RequestRules.Cut(LogLines.Redact(error), MaxErrorLength), debugId, retryable);
    }

    private static string TooLarge(string what, int size) =>
        string.Create(CultureInfo.InvariantCulture, $"The {what} of {size} bytes is larger than allowed.");

    // An abandoned handler may still throw; nobody else will look.
    private static void Observe(Task work) => work.ContinueWith(
        static task => _ = task.Exception,
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);
}
