using Engine.Core;

namespace Engine.Simulation.Audit;

/// <content>How facts become knowledge.</content>
internal sealed partial class Model
{
    /// <summary>Takes a fact in. Whether it was allowed is somebody else's question.</summary>
    /// <param name="e">The fact.</param>
    /// <param name="number">Which of all facts it is, from 1.</param>
    /// <param name="asked">The request that it comes from, when it comes from one.</param>
    internal void Apply(in JobEvent e, long number, JobRequest? asked)
    {
        switch (e.Kind)
        {
            case EventKind.JobSubmitted:
                Submit(e);
                return;
            case EventKind.JobsPurged:
                for (int i = 0; i < e.Count && Ended.First is { } oldest; i++)
                {
                    Ended.RemoveFirst();
                    EndedBytes -= oldest.Value.Bytes;
                    Purge(oldest.Value);
                }

                return;
            case EventKind.OrderingChanged:
                (Ordering, HeadStartMs) = (e.Ordering, e.HeadStartMs);
                foreach (var waiting in Queued)
                {
                    waiting.Overtaken = 0;
                }

                return;
            default:
                break;
        }

        if (Find(e.JobId) is { } job)
        {
            Apply(job, e, number, asked);
        }
    }

    private void Apply(ModelJob job, in JobEvent e, long number, JobRequest? asked)
    {
        switch (e.Kind)
        {
            case EventKind.AnswerKept:
                var outcome = job.State == JobState.Scheduled ? SubmitOutcome.Scheduled : SubmitOutcome.Queued;
                Answers[(job.User, e.Answer!.Key)] = new ModelAnswer(job.Id, asked!, e.Answer.ExpiresMs, outcome);
                break;
            case EventKind.JobReleased:
                if (job.Why == WaitKind.RetryDelay)
                {
                    job.Entry = ++_entries;
                    job.EnteredMs = NowMs;
                    (job.WasBlocked, job.Overtaken) = (false, 0);
                }

                MoveCharge(job, e.Day);
                MoveTo(job, JobState.Queued);
                break;
            case EventKind.JobDeferred:
                MoveCharge(job, e.Day);
                job.DueMs = e.DueMs;
                break;
            case EventKind.RunStarted:
                (job.Runs, job.Epoch, job.Stage, job.RunEvent) = (e.Run, e.Epoch, e.Stage, number);
                (job.LeaseEndsMs, job.KeptUntilMs) = (long.MaxValue, 0);
                MoveTo(job, JobState.Running);
                break;
            case EventKind.StageEntered:
                job.Stage = e.Stage;
                break;
            case EventKind.IterationStarted:
                job.Used++;
                break;
            case EventKind.RunEnded:
                job.Retries += e.End == RunEnd.Failed ? 1 : 0;
                job.Lost += e.End == RunEnd.Lost ? 1 : 0;
                job.Result = e.End == RunEnd.Completed ? e.Payload : default;
                job.Checkpoint = e.End == RunEnd.Suspended ? e.Payload : job.Checkpoint;
                MoveOn(job, e);
                break;
            case EventKind.CancelRequested:
                job.CancelRequested = true;
                break;
            case EventKind.JobEnded:
                if (e.State == JobState.Cancelled && job.Runs == 0)
                {
                    GiveBack(job);
                }

                MoveTo(job, e.State);
                break;
            case EventKind.JobConfirmed:
                job.Granted += e.Count;
                job.LastGrant = e.Count;
                MoveOn(job, e);
                break;
            default:
                break;
        }
    }

    private void Submit(in JobEvent e)
    {
        var job = new ModelJob
        {
            Id = e.JobId,
            User = e.User!,
            Project = e.Project,
            Tier = e.Tier!,
            Type = e.Type!,
            Resources = e.Resources ?? [],
            Payload = e.Payload,
            Priority = e.Priority,
            Boost = e.Boost,
            Entry = ++_entries,
            EnteredMs = NowMs,
            DueMs = e.DueMs,
            Why = e.Why,
            ChargedDay = e.Day,
            Granted = e.Count,
            Stage = -1,
        };
        Jobs[job.Id] = job;
        Count(_charged, (job.User, e.Day), 1);
        if (e.Day != Today)
        {
            job.DeferredOn = Today;
            Count(_deferred, (job.User, Today), 1);
        }

        if (job.Project is { } project)
        {
            _projects[project] = (OwnerOf(project) ?? job.User, _projects.GetValueOrDefault(project).Jobs + 1);
        }

        Enter(job, e.State);
    }

    private void MoveOn(ModelJob job, in JobEvent e)
    {
        if (e.State is JobState.Scheduled or JobState.AwaitingConfirmation)
        {
            (job.DueMs, job.Why) = (e.DueMs, e.Why);
        }

        MoveTo(job, e.State);
    }

    private void MoveCharge(ModelJob job, int day)
    {
        if (day != job.ChargedDay)
        {
            Count(_charged, (job.User, job.ChargedDay), -1);
            Count(_charged, (job.User, day), 1);
            job.ChargedDay = day;
        }
    }

    private void GiveBack(ModelJob job)
    {
        Count(_charged, (job.User, job.ChargedDay), -1);
        if (job.DeferredOn is { } day)
        {
            Count(_deferred, (job.User, day), -1);
        }
    }

    private void Purge(ModelJob job)
    {
        Purged.Add(job.Id);
        Jobs.Remove(job.Id);
        Leave(job);
        if (job.Project is { } project)
        {
            var (owner, jobs) = _projects[project];
            _projects[project] = (owner, jobs - 1);
        }
    }

    private void MoveTo(ModelJob job, JobState to)
    {
        Leave(job);
        Enter(job, to);
        if (to.IsFinal)
        {
            job.FinishedMs = NowMs;
            Ended.AddLast(job);
            EndedBytes += job.Bytes;
        }
    }

    private void Leave(ModelJob job)
    {
        var list = _byState[(int)job.State];
        var last = list[^1];
        list[job.ListIndex] = last;
        last.ListIndex = job.ListIndex;
        list.RemoveAt(list.Count - 1);
        if (job.State == JobState.Running)
        {
            CountSlots(job, -1);
        }
    }

    private void Enter(ModelJob job, JobState state)
    {
        job.State = state;
        job.ListIndex = _byState[(int)state].Count;
        _byState[(int)state].Add(job);
        if (state == JobState.Running)
        {
            CountSlots(job, 1);
        }
    }

    private void CountSlots(ModelJob job, int by)
    {
        Count(_runningOfUser, job.User, by);
        if (job.Project is not null)
        {
            Count(_runningOfProject, job.Project, by);
        }

        foreach (string resource in job.Resources)
        {
            Count(_runningOfResource, resource, by);
        }
    }

    private static void Count<TKey>(Dictionary<TKey, int> counts, TKey key, int by)
        where TKey : notnull => counts[key] = counts.GetValueOrDefault(key) + by;
}
