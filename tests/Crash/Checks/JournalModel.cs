using Engine.Core;
using Engine.Storage;
using static Engine.Tests.Crash.Checks.Finding;

namespace Engine.Tests.Crash.Checks;

/// <summary>Folds the journal with nothing of the engine but its codec, and holds every event against the rules: an
/// opinion of its own on what the events mean.</summary>
internal sealed class JournalModel
{
    private readonly Dictionary<string, int> _runningOf = new(StringComparer.Ordinal);
    private readonly Dictionary<(string User, int Day), int> _charged = [];
    private readonly Dictionary<long, int> _openRuns = [];
    private readonly List<(JobId Job, JobState State)> _events = [];
    private readonly List<uint> _checksums = [];
    private long _instantMs = long.MinValue;
    private JournalFrame _frame;

    internal Dictionary<JobId, JobFacts> Jobs { get; } = [];

    /// <summary>The last frame.</summary>
    internal long LastSequence => _checksums.Count;

    internal long LastEpoch { get; private set; }

    /// <summary>Jobs in the queue.</summary>
    internal int Queued { get; private set; }

    internal int LostRuns { get; private set; }

    internal int LostTooOften { get; private set; }

    /// <summary>Runs that hold slots.</summary>
    internal int Running => _openRuns.Values.Sum();

    internal int RunningOf(string holder) => _runningOf.GetValueOrDefault(holder);

    internal int ChargedTo(string user, int day) => _charged.GetValueOrDefault((user, day));

    /// <summary>What event number <paramref name="id"/> (from 1) did, or null when there is none.</summary>
    internal (JobId Job, JobState State)? EventOf(long id) => id <= _events.Count ? _events[(int)id - 1] : null;

    internal uint ChecksumOf(long sequence) => _checksums[(int)sequence - 1];

    /// <summary>Reads the whole journal of a process that is dead, changing nothing.</summary>
    internal static async Task<JournalModel> ReadAsync(IJournal journal, Action<JournalFrame>? also = null)
    {
        var model = new JournalModel();
        await foreach (var frame in journal.ReadAsync(1))
        {
            model.Fold(frame);
            also?.Invoke(frame);
        }

        return model;
    }

    internal void Fold(in JournalFrame frame)
    {
        long expected = LastSequence + 1;
        Unless(frame.Sequence == expected, "D2", $"frame {frame.Sequence} is read where {expected} follows");
        Unless(frame.Epoch >= LastEpoch, "D7", $"frame {frame.Sequence} of epoch {frame.Epoch} follows epoch {LastEpoch}");
        Unless(frame.InstantMs >= _instantMs, "A7", $"frame {frame.Sequence} is older than the one before it");
        (LastEpoch, _instantMs, _frame) = (frame.Epoch, frame.InstantMs, frame);
        _checksums.Add(frame.Checksum);

        var reader = new ByteReader(frame.Payload.Span);
        var pending = default(JobFacts);
        for (int i = 0; i < frame.EventCount; i++)
        {
            EventCodec.Read(ref reader, out var e);

            // A submission and the answer that its key stands for are one command: they are in one frame (D8).
            Unless(
                pending is null || (e.Kind == EventKind.AnswerKept && e.JobId == pending.Id),
                "D8", $"the submission of {pending?.Id} in frame {frame.Sequence} is not followed by its kept answer");
            Apply(e);
            pending = e.Kind == EventKind.JobSubmitted && ExpectsKey?.Invoke(e.JobId) == true ? Jobs[e.JobId] : null;
            var state = e.Kind is EventKind.JobsPurged or EventKind.OrderingChanged ? JobState.None : Jobs[e.JobId].State;
            _events.Add((e.JobId, state));
        }

        Unless(pending is null, "D8", $"frame {frame.Sequence} ends between the submission of {pending?.Id} and its kept answer");
    }

    /// <summary>Whether a job was submitted with an idempotency key, for whoever knows.</summary>
    internal Func<JobId, bool>? ExpectsKey { get; init; }

    private void Apply(in JobEvent e)
    {
        switch (e.Kind)
        {
            case EventKind.JobSubmitted:
                Submit(e);
                break;
            case EventKind.AnswerKept:
                JobOf(e).Key = e.Answer!.Key;
                break;
            case EventKind.JobReleased:
                var released = JobOf(e);
                Recharge(released, e.Day);
                Move(released, JobState.Queued);
                break;
            case EventKind.JobDeferred:
                Recharge(JobOf(e), e.Day);
                break;
            case EventKind.RunStarted:
                Start(JobOf(e), e);
                break;
            case EventKind.RunEnded:
                End(JobOf(e), e);
                break;
            case EventKind.StageEntered or EventKind.ProgressReported:
                Unless(JobOf(e).State == JobState.Running, "L3", $"{e.Kind} for {e.JobId}, which does not run");
                break;
            case EventKind.IterationStarted:
                var job = JobOf(e);
                job.IterationsUsed++;
                Unless(
                    job.State == JobState.Running && job.IterationsUsed <= job.IterationsGranted,
                    "A8", $"{e.JobId} began iteration {job.IterationsUsed} of {job.IterationsGranted}, {job.State}");
                break;
            case EventKind.JobConfirmed:
                var confirmed = JobOf(e);
                confirmed.Confirmations++;
                confirmed.IterationsGranted += e.Count;
                Move(confirmed, e.State);
                break;
            case EventKind.CancelRequested:
                JobOf(e).CancelRequested = true;
                break;
            case EventKind.JobEnded:
                var ended = JobOf(e);
                if (e.State == JobState.Cancelled && ended.Runs.Count == 0)
                {
                    _charged[(ended.User, ended.ChargedDay)]--;
                }

                Move(ended, e.State);
                break;
            case EventKind.OrderingChanged:
                break;
            case EventKind.JobsPurged or EventKind.None:
            default:
                throw new FindingException("D2", $"an event of kind {e.Kind} in frame {_frame.Sequence}");
        }
    }

    private void Submit(in JobEvent e)
    {
        var job = new JobFacts(e.JobId)
        {
            User = e.User!,
            Project = e.Project,
            Tier = e.Tier!,
            Type = e.Type!,
            Priority = e.Priority,
            Payload = e.Payload.ToArray(),
            Resources = e.Resources ?? [],
            Admitted = e.State,
            AdmittedDueMs = e.DueMs,
            Epoch = _frame.Epoch,
            ChargedDay = e.Day,
            IterationsGranted = e.Count,
        };
        Unless(Jobs.TryAdd(e.JobId, job), "D8", $"{e.JobId} was submitted twice");
        Charge(job, e.Day);
        Move(job, e.State);
    }

    private void Start(JobFacts job, in JobEvent e)
    {
        Unless(e.Run == job.Runs.Count + 1, "L4", $"run {e.Run} of {job.Id} follows run {job.Runs.Count}");
        Unless(e.Epoch == _frame.Epoch, "D7", $"run {e.Run} of {job.Id} carries epoch {e.Epoch} in a frame of {_frame.Epoch}");
        Unless(!job.CancelRequested, "L7", $"{job.Id} was told to stop and began run {e.Run}");

        // Whoever died took its workers along: before anything new runs, its runs are over (F1, V3).
        foreach (var (epoch, open) in _openRuns)
        {
            Unless(
                epoch == e.Epoch || open == 0,
                "V3", $"{open} runs of epoch {epoch} are still open when epoch {e.Epoch} starts run {e.Run} of {job.Id}");
        }

        job.Runs.Add((e.Epoch, RunEnd.None));
        Move(job, JobState.Running);
    }

    private void End(JobFacts job, in JobEvent e)
    {
        Unless(job.State == JobState.Running, "L3", $"a run of {job.Id} ended ({e.End}), and none was open: it is {job.State}");
        Unless(
            !job.CancelRequested || e.State == JobState.Cancelled,
            "L7", $"{job.Id} was told to stop and ended {e.State}");
        job.Runs[^1] = (job.Runs[^1].Epoch, e.End);
        job.Retries += e.End == RunEnd.Failed ? 1 : 0;
        if (e.End == RunEnd.Lost)
        {
            job.LostRuns++;
            LostRuns++;
            LostTooOften += e.State == JobState.Failed ? 1 : 0;
        }

        Move(job, e.State);
    }

    private void Move(JobFacts job, JobState to)
    {
        var from = job.State;
        Unless(!from.IsFinal, "L2", $"{job.Id} is {from}, which is final, and becomes {to}");
        Unless(JobTransitions.Allows(from, to), "L1", $"{job.Id} goes from {from} to {to}");
        Queued += (to == JobState.Queued ? 1 : 0) - (from == JobState.Queued ? 1 : 0);
        Unless(Queued <= Workload.GlobalCap, "A1", $"{Queued} jobs are queued, {Workload.GlobalCap} may be");
        if (to == JobState.Running)
        {
            Hold(job, 1);
        }
        else if (from == JobState.Running)
        {
            Hold(job, -1);
        }

        job.State = to;
        job.Terminals += to.IsFinal ? 1 : 0;
    }

    private void Hold(JobFacts job, int by)
    {
        var tier = Workload.Tiers.Single(tier => tier.Name == job.Tier);
        _openRuns[job.Runs[^1].Epoch] = _openRuns.GetValueOrDefault(job.Runs[^1].Epoch) + by;
        Count(job.User, tier.UserSlots);
        if (job.Project is not null)
        {
            Count(job.Project, tier.ProjectSlots);
        }

        foreach (string resource in job.Resources)
        {
            Count(resource, Workload.Gpus);
        }

        void Count(string holder, int capacity)
        {
            int count = _runningOf[holder] = _runningOf.GetValueOrDefault(holder) + by;
            Unless(count >= 0 && count <= capacity, "A3", $"{count} runs of {holder} are open, {capacity} may be");
        }
    }

    private void Charge(JobFacts job, int day)
    {
        int count = _charged[(job.User, day)] = ChargedTo(job.User, day) + 1;
        int limit = Workload.TierOf(job.User).DailyLimit;
        Unless(count <= limit, "A5", $"{count} jobs of {job.User} are charged to day {day}, {limit} may be ({job.Id})");
    }

    private void Recharge(JobFacts job, int day)
    {
        if (day != job.ChargedDay)
        {
            _charged[(job.User, job.ChargedDay)]--;
            job.ChargedDay = day;
            Charge(job, day);
        }
    }

    private JobFacts JobOf(in JobEvent e) => Jobs.TryGetValue(e.JobId, out var job)
        ? job
        : throw new FindingException("D8", $"{e.Kind} in frame {_frame.Sequence} is about {e.JobId}, which was never submitted");
}
