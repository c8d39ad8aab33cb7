namespace Engine.Host.Run;

/// <summary>A job of the file.</summary>
internal sealed class TrackedJob(JobId id, long line, string user, string tier)
{
    internal JobId Id => id;

    internal long Line => line;

    internal string User => user;

    internal string Tier => tier;

    internal JobState State { get; set; }

    /// <summary>The event after which <see cref="State"/> was true: news and answers may overtake each other.</summary>
    internal long EventId { get; set; }

    /// <summary>The instant a scheduled job waits for, when it has been asked for.</summary>
    internal DateTimeOffset? ScheduledFor { get; set; }

    /// <summary>It had ended when this process started.</summary>
    internal bool EndedBefore { get; set; }
}

/// <summary>Knows the state of every job of the file from the engine's live feed. Thread-safe.</summary>
internal sealed class JobTracker(JobEngine engine, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<JobId, TrackedJob> _jobs = [];

    // News of a job may come before the answer to its submission does.
    private readonly Dictionary<JobId, (JobState State, long EventId)> _early = [];
    private TaskCompletionSource _changed = New();

    /// <summary>Told of each change of a job of the file.</summary>
    internal event Action<TrackedJob, JobState>? Moved;

    /// <summary>Completes at the next change of any job.</summary>
    internal Task Changed
    {
        get
        {
            lock (_lock)
            {
                return _changed.Task;
            }
        }
    }

    internal IReadOnlyList<TrackedJob> Jobs
    {
        get
        {
            lock (_lock)
            {
                return [.. _jobs.Values];
            }
        }
    }

    /// <summary>Takes a job in whose submission was accepted.</summary>
    internal void Add(TrackedJob job)
    {
        bool moved = false;
        lock (_lock)
        {
            // Two lines with one id of their own are one job.
            if (_jobs.TryAdd(job.Id, job) && _early.Remove(job.Id, out var news) && news.EventId > job.EventId)
            {
                moved = news.State != job.State;
                (job.State, job.EventId) = news;
            }
        }

        if (moved)
        {
            Moved?.Invoke(job, job.State);
        }
    }

    /// <summary>Follows the feed until it ends.</summary>
    internal async Task FollowAsync(UpdateFeed feed)
    {
        await foreach (var update in feed.ReadAllAsync().ConfigureAwait(false))
        {
            if (update.Kind == JobUpdateKind.Resync)
            {
                await RefreshAsync(static job => !job.State.IsFinal).ConfigureAwait(false);
            }
            else if (update.Kind == JobUpdateKind.Status)
            {
                Move(update.JobId, update.State, update.EventId, null);
            }
        }
    }

    /// <summary>Whether nothing of the file can run any more today: every job has ended, or waits for a later day or for
    /// its owner.</summary>
    internal async ValueTask<bool> IsSettledAsync()
    {
        // A pause before a retry is a matter of seconds, a scheduled day is not: only the job knows which it is.
        await RefreshAsync(static job => job is { State: JobState.Scheduled, ScheduledFor: null }).ConfigureAwait(false);
        var tomorrow = time.GetUtcNow().UtcDateTime.Date.AddDays(1);
        lock (_lock)
        {
            return _jobs.Values.All(job => job.State.IsFinal || job.State == JobState.AwaitingConfirmation
                || (job.State == JobState.Scheduled && job.ScheduledFor?.UtcDateTime >= tomorrow));
        }
    }

    /// <summary>Asks for every job that has not ended.</summary>
    internal ValueTask RefreshAsync() => RefreshAsync(static job => !job.State.IsFinal);

    private async ValueTask RefreshAsync(Func<TrackedJob, bool> which)
    {
        foreach (var job in Jobs.Where(which))
        {
            if (await engine.GetAsync(job.Id).ConfigureAwait(false) is { } view)
            {
                Move(job.Id, view.State, view.LastEventId, view.ScheduledFor);
            }
        }
    }

    private void Move(JobId id, JobState state, long eventId, DateTimeOffset? scheduledFor)
    {
        TrackedJob? job;
        bool moved = false;
        TaskCompletionSource changed;
        lock (_lock)
        {
            if (!_jobs.TryGetValue(id, out job))
            {
                _early[id] = (state, eventId);
            }
            else if (eventId >= job.EventId)
            {
                moved = job.State != state;
                job.ScheduledFor = scheduledFor ?? (moved ? null : job.ScheduledFor);
                job.State = state;
                job.EventId = eventId;
            }

            changed = _changed;
            _changed = New();
        }

        changed.TrySetResult();
        if (moved)
        {
            Moved?.Invoke(job!, state);
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
