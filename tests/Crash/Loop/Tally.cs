using System.Collections.Concurrent;
using Engine.Tests.Crash.Checks;

namespace Engine.Tests.Crash.Loop;

/// <summary>Counts what the loop came across: a corner that is never met proves nothing.</summary>
internal sealed class Tally
{
    private readonly ConcurrentDictionary<string, long> _counts = new(StringComparer.Ordinal);

    internal void Add(string name, long count = 1) => _counts.AddOrUpdate(name, count, (_, old) => old + count);

    /// <summary>Adds what one life came across.</summary>
    internal void AddLife(Book book, JournalModel model)
    {
        Add("jobs", model.Jobs.Count);
        Add("lost runs", model.LostRuns);
        Add("lost too often", model.LostTooOften);
        foreach (var answer in book.Submissions.Values.SelectMany(submission => submission.Answers))
        {
            Add(answer.Repeated ? "repeated by key" : answer.Outcome switch
            {
                SubmitOutcome.Refused => $"refused: {answer.Reason}",
                SubmitOutcome.Scheduled => "scheduled for a later day",
                SubmitOutcome.Queued => "queued",
            });
        }

        var cancels = book.Cancels.Values.SelectMany(outcomes => outcomes).ToList();
        Add("cancelled at once", cancels.Count(outcome => outcome == CancelOutcome.Cancelled));
        Add("cancelled while it ran", cancels.Count(outcome => outcome == CancelOutcome.Requested));
        Add("confirmed", model.Jobs.Values.Sum(job => job.Confirmations));
        Add("late completions refused", book.Stale.Count);
    }

    internal long this[string name] => _counts.GetValueOrDefault(name);

    /// <summary>Corners that were not met.</summary>
    internal IReadOnlyList<string> Missing(IEnumerable<string> names) => [.. names.Where(name => this[name] == 0)];

    public override string ToString() => string.Join(
        ", ", _counts.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} {pair.Value}"));
}
