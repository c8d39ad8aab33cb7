namespace Engine.Core.Rules;

/// <summary>Lets scheduled jobs into the queue: not before their instant, in the order of the queue, as long as there
/// is room under the cap (DA-5, DA-6).</summary>
internal static class Releasing
{
    /// <summary>When a job may run on a day: its start plus a jitter that depends on nothing but the job (LA-16,
    /// A6).</summary>
    internal static Instant DueOn(int day, JobId id, EngineSettings settings) =>
        new(Instant.StartOf(Planted.Is(PlantedBug.ReleasedADayEarly) ? day - 1 : day).Ms
            + (long)(id.Seed % (ulong)(settings.ReleaseJitterMs + 1)));

    /// <summary>Does all that is due now. Safe to call at any time, any number of times.</summary>
    internal static void Decide(EngineCore core)
    {
        var state = core.State;
        while (state.Due.Count > 0 && state.Due.First.DueAt <= state.Now && !core.Sink.IsFull)
        {
            var job = state.Due.First;
            if (job.State == JobState.AwaitingConfirmation)
            {
                Iterating.Expire(core, job);
            }
            else
            {
                JobMoves.MarkOverdue(state, job);
            }
        }

        while (state.Overdue.Count > 0 && state.Queued < core.Settings.GlobalCap && !core.Sink.IsFull)
        {
            Release(core, state.Overdue.First);
        }
    }

    internal static Job ApplyReleased(EngineCore core, in JobEvent e)
    {
        var state = core.State;
        var job = core.JobOf(e);
        if (job.ScheduledWhy == WaitKind.RetryDelay)
        {
            // A failed job goes to the end of its level, so that it cannot hold up the others for ever.
            job.EntrySequence = ++state.LastSequence;
            job.EnteredAt = state.Now;
        }

        MoveCharge(state, job, e.Day);
        SetMessage(job, e.Message);
        JobMoves.Move(state, job, JobState.Queued);
        return job;
    }

    internal static Job ApplyDeferred(EngineCore core, in JobEvent e)
    {
        var job = core.JobOf(e);
        MoveCharge(core.State, job, e.Day);
        SetMessage(job, e.Message);
        JobMoves.Reschedule(core.State, job, new Instant(e.DueMs));
        return job;
    }

    internal static void SetMessage(Job job, string? message)
    {
        if (message is not null)
        {
            (job.Details ??= new JobDetails()).Message = message;
        }
    }

    private static void Release(EngineCore core, Job job)
    {
        var state = core.State;
        int today = state.Today;
        int day = job.ChargedDay;
        if (job.ScheduledWhy == WaitKind.DailyAllowance && day < today)
        {
            // It missed its day (the queue was full, or nobody ran the engine): it runs on today's allowance, or the
            // days missed would add up to more than a day allows.
            ref readonly var allowance = ref job.User.Allowance;
            int limit = job.Tier.Policy.DailyLimit;
            if (allowance.ChargedTo(today) >= limit)
            {
                int later = allowance.FirstDayWithRoom(today, limit, int.MaxValue - today - 1)!.Value;
                core.Emit(new JobEvent
                {
                    Kind = EventKind.JobDeferred,
                    JobId = job.Id,
                    Day = later,
                    DueMs = DueOn(later, job.Id, core.Settings).Ms,
                    Message = "Daily limit reached, scheduled for a later day",
                });
                return;
            }

            day = today;
        }

        core.Emit(new JobEvent
        {
            Kind = EventKind.JobReleased,
            JobId = job.Id,
            Day = day,
            Message = job.ScheduledWhy == WaitKind.DailyAllowance ? "Daily limit reset, queued" : null,
        });
    }

    private static void MoveCharge(EngineState state, Job job, int day)
    {
        if (day != job.ChargedDay)
        {
            job.User.Allowance.Refund(job.ChargedDay);
            job.User.Allowance.Charge(day, state.Today);
            job.ChargedDay = day;
        }
        else if (job.ScheduledWhy == WaitKind.DailyAllowance && Planted.Is(PlantedBug.DoubleCountAtMidnight))
        {
            job.User.Allowance.Charge(day, state.Today);
        }
    }
}
