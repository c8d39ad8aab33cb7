using Engine.Storage;
using Engine.Tests.Load.Targets;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load.Checks;

/// <summary>A job as the journal tells it.</summary>
internal sealed class AuditedJob(JobId id, int number)
{
    internal JobId Id => id;

    /// <summary>The number of the submission it came from.</summary>
    internal int Number => number;

    internal JobState State { get; set; }

    internal DateOnly Day { get; set; }

    internal int Runs { get; set; }

    /// <summary>The engine has forgotten it since: it had ended.</summary>
    internal bool IsForgotten { get; set; }

    internal required string User { get; init; }

    internal required string Tier { get; init; }

    internal required string? Project { get; init; }

    internal required IReadOnlyList<string> Resources { get; init; }
}

/// <summary>Counts what has limits from the journal alone, event by event: no moment is left out. It shares nothing
/// with the engine but the reading of frames.</summary>
internal sealed class JournalAudit(Limits limits, Findings findings)
{
    internal const string QueuedCount = "queued";
    internal const string RunningCount = "running";
    internal const string UserCount = "running_per_user";
    internal const string ProjectCount = "running_per_project";
    internal const string ResourceCount = "running_per_resource";
    internal const string DayCount = "charged_per_day";

    private readonly Dictionary<string, int> _runningOf = new(StringComparer.Ordinal);
    private readonly Dictionary<(string User, DateOnly Day), int> _charged = [];
    private readonly Dictionary<string, long> _peaks = new(StringComparer.Ordinal);
    private readonly Queue<AuditedJob> _ended = new();
    private readonly Dictionary<string, Tier> _tiers =
        limits.Tiers.ToDictionary(tier => tier.Name, StringComparer.Ordinal);

    /// <summary>What is counted, and held against its limit.</summary>
    internal static IReadOnlyList<string> Limited { get; } =
    [
        QueuedCount, RunningCount, UserCount, ProjectCount, ResourceCount, DayCount,
    ];

    internal Dictionary<JobId, AuditedJob> Jobs { get; } = [];

    /// <summary>The last frame.</summary>
    internal long Sequence { get; private set; }

    internal long Events { get; private set; }

    internal int Queued { get; private set; }

    internal int Running { get; private set; }

    /// <summary>Jobs that have ended, forgotten ones included.</summary>
    internal long Ended { get; private set; }

    /// <summary>Nothing waits for a worker, and none is at work.</summary>
    internal bool IsIdle => Queued == 0 && Running == 0;

    /// <summary>The highest that each count ever was: a limit that is never met proves nothing.</summary>
    internal long Peak(string name) => _peaks.GetValueOrDefault(name);

    /// <summary>Adds a frame.</summary>
    internal void Fold(in JournalFrame frame)
    {
        findings.Unless(
            frame.Sequence == Sequence + 1, "D2", $"frame {frame.Sequence} is read where {Sequence + 1} follows");
        Sequence = frame.Sequence;
        foreach (var e in JournalEventView.ReadAll(frame))
        {
            Events++;
            Apply(e);
        }
    }

    private void Apply(JournalEventView e)
    {
        if (e.Kind == "job_submitted")
        {
            Submit(e);
            return;
        }

        if (e.JobId is not { } id)
        {
            if (e.Kind == "jobs_purged")
            {
                Forget(e.Count ?? 0);
            }

            return;
        }

        if (!Jobs.TryGetValue(id, out var job))
        {
            findings.Unless(false, "D8", $"{e.Kind} is about {id}, which was never submitted");
            return;
        }

        switch (e.Kind)
        {
            case "job_released":
                Charge(job, e.Day);
                Move(job, JobState.Queued);
                break;
            case "job_deferred":
                Charge(job, e.Day);
                break;
            case "run_started":
                job.Runs++;
                Move(job, JobState.Running);
                break;
            case "run_ended" or "job_ended" or "job_confirmed":
                var to = StateNames.Parse(e.State);
                if (to == JobState.Cancelled && job.Runs == 0)
                {
                    Count(_charged, (job.User, job.Day), -1);
                }

                Move(job, to);
                break;
            default:
                // Stages, progress, iterations, kept answers: nothing that has a limit here.
                break;
        }
    }

    private void Submit(JournalEventView e)
    {
        var job = new AuditedJob(e.JobId!.Value, Workload.NumberIn(e.Payload.Span))
        {
            User = e.User!,
            Tier = e.Tier!,
            Project = e.Project,
            Resources = e.Resources ?? [],
        };
        findings.Unless(Jobs.TryAdd(job.Id, job), "D8", $"{job.Id} was submitted twice");
        Charge(job, e.Day);
        Move(job, StateNames.Parse(e.State));
    }

    private void Move(AuditedJob job, JobState to)
    {
        findings.Unless(!job.State.IsFinal, "L2", $"{job.Id} is {job.State}, which is final, and becomes {to}");
        Queued += (to == JobState.Queued ? 1 : 0) - (job.State == JobState.Queued ? 1 : 0);
        int run = (to == JobState.Running ? 1 : 0) - (job.State == JobState.Running ? 1 : 0);
        Running += run;
        job.State = to;
        Hold(QueuedCount, Queued, limits.GlobalCap, "A1");
        Hold(RunningCount, Running, limits.Runs, "A3");
        if (run != 0)
        {
            var tier = _tiers[job.Tier];
            Hold(UserCount, Count(_runningOf, "user " + job.User, run), tier.UserSlots, "A3");
            if (job.Project is not null)
            {
                Hold(ProjectCount, Count(_runningOf, "project " + job.Project, run), tier.ProjectSlots, "A3");
            }

            foreach (string resource in job.Resources)
            {
                Hold(ResourceCount, Count(_runningOf, "resource " + resource, run), limits.Gpus, "A3");
            }
        }

        if (to.IsFinal)
        {
            Ended++;
            _ended.Enqueue(job);
        }
    }

    private void Charge(AuditedJob job, DateOnly? day)
    {
        if (day is not { } charged || charged == job.Day)
        {
            return;
        }

        if (job.Day != default)
        {
            Count(_charged, (job.User, job.Day), -1);
        }

        job.Day = charged;
        int count = Count(_charged, (job.User, charged), 1);
        Hold(DayCount, count, _tiers[job.Tier].DailyLimit, "A5");
    }

    private void Forget(int count)
    {
        for (; count > 0 && _ended.TryDequeue(out var job); count--)
        {
            job.IsForgotten = true;
        }

        findings.Unless(count == 0, "D8", $"{count} more jobs were forgotten than had ended");
    }

    private void Hold(string name, int count, int capacity, string promise)
    {
        findings.Unless(
            count >= 0 && count <= capacity, promise, $"{name} is {count}, {capacity} may be, in frame {Sequence}");
        if (count > _peaks.GetValueOrDefault(name))
        {
            _peaks[name] = count;
        }
    }

    private static int Count<TKey>(Dictionary<TKey, int> counts, TKey key, int by)
        where TKey : notnull
    {
        int count = counts.GetValueOrDefault(key) + by;
        if (count == 0)
        {
            counts.Remove(key);
        }
        else
        {
            counts[key] = count;
        }

        return count;
    }
}
