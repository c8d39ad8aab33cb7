using Engine.Host.Configuration;
using Engine.Host.Processes;

namespace Engine.Host.Run;

/// <summary>Turns the lines of a file into jobs. When the queue is full it waits for room instead of losing lines.</summary>
internal sealed class FileSubmitter(
    JobEngine engine,
    HostSettings settings,
    RunOptions options,
    IReadOnlyDictionary<string, bool> types,
    JobTracker tracker,
    RunDisplay display,
    TimeProvider time)
{
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(1);

    // So often nothing may happen at all, with nothing running, before a full queue counts as one that stays full.
    private const int MaxIdlePauses = 10;

    // What the engine calls the limits of a job whose tier is not known, when no tier is named for that.
    private const string UnnamedTier = "default";

    private readonly AllowedPrograms _programs = new(settings.Processes);
    private readonly LineKeys _keys = new(options.Batch);
    private readonly HashSet<string> _unknownTiers = [];

    internal async Task SubmitAsync(Stream file, RunTally tally, CancellationToken cancellationToken)
    {
        await foreach (var line in LineReader.ReadAsync(file).ConfigureAwait(false))
        {
            cancellationToken.ThrowIfCancellationRequested();
            await display.RoomAsync(cancellationToken).ConfigureAwait(false);
            if (Read(line, out var error) is not { } job)
            {
                tally.BadLines++;
                display.Problem($"{options.Shown}:{line.Number}: {error}.");
            }
            else if (job.Program is { } program && _programs.Problem(program.Program) is { } refused)
            {
                Refuse(line, refused);
            }
            else
            {
                await SubmitAsync(line, job).ConfigureAwait(false);
            }
        }

        void Refuse(TextLine line, string why)
        {
            tally.Refused++;
            display.Problem($"{options.Shown}:{line.Number}: refused: {why}");
        }

        async Task SubmitAsync(TextLine line, JobLine job)
        {
            NoteUnknownTier(line, job);
            var request = new JobRequest
            {
                Type = job.Type,
                UserId = job.User,
                ProjectId = job.Project,
                Tier = job.Tier,
                Priority = job.Priority,
                Payload = job.Payload,
                Resources = job.Resources,
                IdempotencyKey = job.Id ?? _keys.Next(line.Bytes.Span),
            };
            var result = await SubmitWhenThereIsRoomAsync(request, cancellationToken).ConfigureAwait(false);
            if (result.Outcome == SubmitOutcome.Refused)
            {
                Refuse(line, result.Refusal!.Message);
                return;
            }

            var view = result.Repeated
                ? await engine.GetAsync(result.JobId, null, cancellationToken).ConfigureAwait(false) : null;
            var state = view?.State
                ?? (result.Outcome == SubmitOutcome.Queued ? JobState.Queued : JobState.Scheduled);
            if (result.Repeated && view is null)
            {
                // Kept as a key only: it ended so long ago that the job itself is forgotten.
                state = JobState.Completed;
            }

            var tracked = new TrackedJob(result.JobId, line.Number, job.User, TierOf(job))
            {
                ScheduledFor = view is null ? result.ScheduledFor : view.ScheduledFor,
                EndedBefore = result.Repeated && state.IsFinal,
            };
            tracked.State = state;
            tracked.EventId = view?.LastEventId ?? 0;
            display.Submitted(tracked, result);
            tracker.Add(tracked);
        }
    }

    private JobLine? Read(TextLine line, out FieldError? error)
    {
        if (line.IsTooLong)
        {
            error = new FieldError("line", $"must have at most {LineReader.MaxLineBytes:N0} bytes");
            return null;
        }

        if (!JobLine.TryParse(line.Bytes, types, out var job, out error))
        {
            return null;
        }

        error = job.Program?.Environment.Keys
            .Select(name => ProcessEnvironment.Problem(name, settings.Processes)).FirstOrDefault(found => found is not null);
        return error is null ? job : null;
    }

    private async Task<SubmitResult> SubmitWhenThereIsRoomAsync(JobRequest request, CancellationToken cancellationToken)
    {
        for (int idle = 0; ;)
        {
            // Taken before the question: what changes after the answer ends the wait.
            var changed = tracker.Changed;
            var result = await engine.SubmitAsync(request, cancellationToken).ConfigureAwait(false);
            if (result.Refusal?.Reason != RefusalReason.GlobalCapReached || idle >= MaxIdlePauses)
            {
                return result;
            }

            display.QueueIsFull();
            using var pause = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(changed, Task.Delay(MaxPause, time, pause.Token)).ConfigureAwait(false);
            await pause.CancelAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            bool moves = changed.IsCompleted
                || (await engine.GetQueueAsync(cancellationToken).ConfigureAwait(false)).Running > 0;
            idle = moves ? 0 : idle + 1;
        }
    }

    private string TierOf(JobLine job) =>
        settings.Engine.Tiers.FirstOrDefault(tier => tier.Name == job.Tier)?.Name ?? settings.Engine.FallbackTier ?? UnnamedTier;

    private void NoteUnknownTier(TextLine line, JobLine job)
    {
        if (job.Tier is { } named && TierOf(job) is var applied && applied != named && _unknownTiers.Add(named))
        {
            display.Problem($"{options.Shown}:{line.Number}: field 'tier': '{named}' is not known, '{applied}' applies.");
        }
    }
}
