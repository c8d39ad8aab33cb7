using System.Collections.Concurrent;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load.Checks;

/// <summary>A job that was acknowledged.</summary>
/// <param name="Ask">What was asked for.</param>
/// <param name="Id">The job.</param>
internal sealed record Acknowledged(Ask Ask, JobId Id)
{
    internal int Number => Ask.Number;

    internal string User => Ask.User;

    internal string Tier => Ask.Tier;
}

/// <summary>What was asked and answered, as callers know it: the engine has no part in it.</summary>
internal sealed class Ledger
{
    private const int RecentCount = 1_024;

    private readonly ConcurrentDictionary<int, Acknowledged> _acknowledged = new();
    private readonly ConcurrentDictionary<int, byte> _refused = new();
    private readonly ConcurrentDictionary<int, byte> _unanswered = new();
    private readonly ConcurrentDictionary<JobId, JobState> _seenEnds = new();
    private readonly Acknowledged?[] _recent = new Acknowledged?[RecentCount];
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _recentCount;

    /// <summary>Accepted, by the number of the submission.</summary>
    internal IReadOnlyDictionary<int, Acknowledged> Accepted => _acknowledged;

    /// <summary>How many submissions were refused, every time that they were sent.</summary>
    internal int RefusedCount => _refused.Count;

    /// <summary>Submissions to which no answer came: they are there, or not.</summary>
    internal int UnansweredCount => _unanswered.Count;

    /// <summary>Ends of jobs that streams have shown.</summary>
    internal IReadOnlyDictionary<JobId, JobState> SeenEnds => _seenEnds;

    /// <summary>Counted by what answers said.</summary>
    internal ConcurrentDictionary<string, long> Answers { get; } = new(StringComparer.Ordinal);

    internal void Count(string answer) => Answers.AddOrUpdate(answer, 1, static (_, count) => count + 1);

    /// <summary>Notes an acceptance. False when the same submission was accepted as another job before.</summary>
    /// <param name="job">What was accepted.</param>
    /// <param name="isForAll">Whether others may ask for it, and cancel it.</param>
    internal bool Accept(Acknowledged job, bool isForAll = true)
    {
        var known = _acknowledged.GetOrAdd(job.Number, job);
        if (isForAll && ReferenceEquals(known, job))
        {
            long place = Interlocked.Increment(ref _recentCount) - 1;
            Volatile.Write(ref _recent[place % RecentCount], job);
            _first.TrySetResult();
        }

        return known.Id == job.Id;
    }

    /// <summary>Completes when there is a job to be asked for.</summary>
    internal Task FirstAsync(CancellationToken stop) => _first.Task.WaitAsync(stop);

    internal void Refuse(int number) => _refused.TryAdd(number, 0);

    internal void MissAnswer(int number) => _unanswered.TryAdd(number, 0);

    internal void SeeEnd(JobId id, JobState state) => _seenEnds.TryAdd(id, state);

    /// <summary>Whether a job with this number may be there although nobody was told so.</summary>
    internal bool MayBeThere(int number) => _acknowledged.ContainsKey(number) || _unanswered.ContainsKey(number);

    /// <summary>One of the last that were acknowledged, or null before the first.</summary>
    internal Acknowledged? AnyRecent(ref Dice dice)
    {
        long count = Math.Min(RecentCount, Interlocked.Read(ref _recentCount));
        return count == 0 ? null : Volatile.Read(ref _recent[dice.Below((int)count)]);
    }
}
