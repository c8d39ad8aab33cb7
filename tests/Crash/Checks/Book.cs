using System.Globalization;

namespace Engine.Tests.Crash.Checks;

/// <summary>One answer to a submission.</summary>
internal readonly record struct Answer(
    SubmitOutcome Outcome, JobId JobId, bool Repeated, long Position, long DueMs, string Reason, int Life)
{
    internal bool IsAccepted => Outcome is SubmitOutcome.Queued or SubmitOutcome.Scheduled;
}

/// <summary>What the parent heard, kept outside the processes that die: everything that was asked for and everything
/// that was answered or shown.</summary>
internal sealed class Book(ulong seed)
{
    /// <summary>Submissions by number: how often asked, and each answer.</summary>
    internal Dictionary<int, (int Asked, List<Answer> Answers)> Submissions { get; } = [];

    /// <summary>The number of the submission that a job's id belongs to.</summary>
    internal Dictionary<JobId, int> NumberOf { get; } = [];

    internal Dictionary<JobId, List<CancelOutcome>> Cancels { get; } = [];

    internal Dictionary<JobId, List<(ConfirmOutcome Outcome, int Granted)>> Confirmations { get; } = [];

    /// <summary>Ends that remote workers reported, and what they were answered.</summary>
    internal Dictionary<RunLease, LeaseAnswer?> Ends { get; } = [];

    /// <summary>Answers to workers that came too late or said the same again.</summary>
    internal List<(RunLease Lease, LeaseAnswer Answer)> Stale { get; } = [];

    /// <summary>Changes that were shown, by event.</summary>
    internal Dictionary<long, (JobId Job, JobState State)> Seen { get; } = [];

    /// <summary>Jobs whose end was shown to somebody.</summary>
    internal HashSet<JobId> KnownEnds { get; } = [];

    internal HashSet<RunLease> Ran { get; } = [];

    internal HashSet<RunLease> Did { get; } = [];

    /// <summary>How many processes have lived.</summary>
    internal int Lives { get; set; }

    internal int NextNumber { get; private set; }

    internal List<long> Epochs { get; } = [];

    /// <summary>Takes a line of a child in. A line that makes no sense is an error of the test.</summary>
    internal void Note(string line)
    {
        string[] words = line.Split(' ');
        switch (words[0])
        {
            case "try":
                Asked(Number(words[1]));
                break;
            case "got":
                Submissions[Number(words[1])].Answers.Add(new Answer(
                    Enum.Parse<SubmitOutcome>(words[2]),
                    words[3] == "-" ? default : JobId.Parse(words[3]),
                    words[4] == "1",
                    Long(words[5]),
                    Long(words[6]),
                    words[7],
                    Lives));
                break;
            case "tryCancel":
                Cancels.TryAdd(JobId.Parse(words[1]), []);
                break;
            case "cancel":
                Cancels[JobId.Parse(words[1])].Add(Enum.Parse<CancelOutcome>(words[2]));
                break;
            case "tryConfirm":
                Confirmations.TryAdd(JobId.Parse(words[1]), []);
                break;
            case "confirm":
                Confirmations[JobId.Parse(words[1])].Add((Enum.Parse<ConfirmOutcome>(words[2]), Number(words[3])));
                break;
            case "tryEnd":
                Ends[Lease(words)] = null;
                break;
            case "ended":
                Ends[Lease(words)] = Enum.Parse<LeaseAnswer>(words[4]);
                break;
            case "endedAgain" or "zombie":
                Stale.Add((Lease(words), Enum.Parse<LeaseAnswer>(words[4])));
                break;
            case "saw":
                See(Long(words[1]), JobId.Parse(words[2]), Enum.Parse<JobState>(words[3]));
                break;
            case "ran":
                Ran.Add(Lease(words));
                break;
            case "did":
                Did.Add(Lease(words));
                break;
            case "up":
                Epochs.Add(Long(words[1]));
                break;
            case "at" or "idle" or "latched" or "down" or "locked" or "failed" or "lagged":
                break;
            default:
                throw new InvalidDataException($"A child said: {line}");
        }
    }

    /// <summary>Runs that remote workers hold, as far as they know.</summary>
    internal IEnumerable<RunLease> Unfinished() => Ends.Where(end => end.Value is null).Select(end => end.Key);

    private void Asked(int n)
    {
        var (asked, answers) = Submissions.GetValueOrDefault(n, (0, []));
        Submissions[n] = (asked + 1, answers);
        NumberOf[Workload.Request(seed, n).Id!.Value] = n;
        NextNumber = Math.Max(NextNumber, n + 1);
    }

    private void See(long eventId, JobId job, JobState state)
    {
        // Seen by a process that then died, and seen otherwise by another: the first saw what did not last (D3).
        if (!Seen.TryAdd(eventId, (job, state)))
        {
            Finding.Unless(
                Seen[eventId] == (job, state),
                "D3", $"event {eventId} was seen as {Seen[eventId]} and then as {(job, state)}");
        }

        if (state.IsFinal)
        {
            KnownEnds.Add(job);
        }
    }

    private static RunLease Lease(string[] words) => new(JobId.Parse(words[1]), Number(words[2]), Long(words[3]));

    private static int Number(string word) => int.Parse(word, CultureInfo.InvariantCulture);

    private static long Long(string word) => long.Parse(word, CultureInfo.InvariantCulture);
}
