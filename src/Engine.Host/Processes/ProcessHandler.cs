using System.Security.Cryptography;
using Engine.RunLogs;

namespace Engine.Host.Processes;

/// <summary>Runs an allowed program as a job: the payload names it (<see cref="ProcessPayload"/>), its output becomes the
/// run's log, exit code 0 is success and the result lists the files it left (seed-semantics 2.6).</summary>
internal sealed partial class ProcessHandler(
    ProcessSettings settings, RunDirectories directories, TimeProvider time, ILogger<ProcessHandler> logger)
    : IJobHandler
{
    private const int MaxErrorLength = 2_000;

    private readonly AllowedPrograms _programs = new(settings);
    private readonly ProcessRun _run = new(time, settings.KillGrace);

    public async Task<JobOutcome> RunAsync(JobContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (!ProcessPayload.TryParse(context.Payload, out var payload, out var error))
        {
            return Refuse(error);
        }

        if (!_programs.TryResolve(payload.Program, out string? program, out string? problem))
        {
            return new JobOutcome.Failed(problem, Retryable: false);
        }

        foreach (string name in payload.Environment.Keys)
        {
            if (ProcessEnvironment.Problem(name, settings) is { } denied)
            {
                return Refuse(denied);
            }
        }

        var directory = directories.Create(
            context.JobId, context.Run, RandomNumberGenerator.GetHexString(32, lowercase: true));
        var end = new ProcessEnd(-1, null, false, 0, 0);
        try
        {
            var inputs = InputFiles.Copy(settings.InputDirectory, payload.InputFiles, directory.Work, cancellationToken);
            var bound = new DiskBound(settings, directory, time);
            cancellationToken.ThrowIfCancellationRequested();
            if (bound.Look() is not null)
            {
                return TakesTooMuch(bound, directory);
            }

            var last = new LastLines();
            end = await RunAsync(context, payload, program, directory, bound, last, cancellationToken).ConfigureAwait(false);
            Report(context, end);

            // Looked at once more: what it wrote since the last look counts, too.
            if (bound.Look() is not null)
            {
                return TakesTooMuch(bound, directory);
            }

            if (end.WasStopped)
            {
                // Whatever it answered to the request to end: it did not do its work.
                cancellationToken.ThrowIfCancellationRequested();
            }

            return Outcome(payload.Program, end, last, () => Artifacts.Find(directory.Work, inputs));
        }
        catch (FieldException e)
        {
            return Refuse(e.Error);
        }
        finally
        {
            // With survivors the note stays, so that the next start tries again.
            if (end.Survivors == 0)
            {
                directory.Close();
            }
        }
    }

    /// <summary>Runs the program to its end, which comes early when it takes too much of the disk.</summary>
    private async Task<ProcessEnd> RunAsync(
        JobContext context,
        ProcessPayload payload,
        string program,
        RunDirectory directory,
        DiskBound bound,
        LastLines last,
        CancellationToken cancellationToken)
    {
        using var exceeded = new CancellationTokenSource();
        using var ended = new CancellationTokenSource();
        var watching = Task.Run(() => bound.WatchAsync(exceeded, ended.Token), CancellationToken.None);
        try
        {
            return await _run.RunAsync(
                program,
                payload.Arguments,
                ProcessEnvironment.Create(settings, payload, directory.Scratch, context, directory.Token),
                directory,
                (stream, line) =>
                {
                    context.Log.Write(stream, line);
                    last.Add(line);
                },
                exceeded.Token,
                cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
            await watching.ConfigureAwait(false);
        }
    }

    private static JobOutcome.Failed TakesTooMuch(DiskBound bound, RunDirectory directory)
    {
        directory.Empty();
        return new JobOutcome.Failed(bound.Problem!, Retryable: false);
    }

    private static JobOutcome.Failed Refuse(FieldError error) =>
        new($"The payload cannot be used: {error}.", Retryable: false);

    private static JobOutcome Outcome(
        string name, ProcessEnd end, LastLines last, Func<List<(string Path, long Size)>> artifacts)
    {
        if (end.StartError is not null)
        {
            return new JobOutcome.Failed(
                LogLines.Redact($"The program '{name}' cannot be started (exit code -1): {end.StartError}"));
        }

        if (end.ExitCode == 0)
        {
            return new JobOutcome.Completed(Artifacts.Result(0, artifacts()));
        }

        string error = last.Summary();
        if (error.Length == 0)
        {
            error = $"Process exited with code {end.ExitCode}";
        }

        // Not between the two halves of a character.
        int length = error.Length <= MaxErrorLength ? error.Length
            : char.IsHighSurrogate(error[MaxErrorLength - 1]) ? MaxErrorLength - 1 : MaxErrorLength;
        return new JobOutcome.Failed(error[..length]);
    }

    private void Report(JobContext context, ProcessEnd end)
    {
        if (end.Leftovers > 0)
        {
            context.Log.Write("engine", $"[{end.Leftovers} processes were still running when the program ended: killed]");
        }

        if (end.Survivors > 0)
        {
            Survived(logger, end.Survivors, context.JobId, context.Run);
        }
    }

    [LoggerMessage(Level = LogLevel.Error,
        Message = "{Count} processes of run {Run} of job {JobId} could not be killed; the next start tries again.")]
    private static partial void Survived(ILogger logger, int count, JobId jobId, int run);
}
