using System.Globalization;

namespace Engine.Host.Run;

/// <summary>The table at the end: per tier and user how many jobs, how long they waited, how long they ran.</summary>
internal static class RunReport
{
    private static readonly string[] Header =
        ["tier", "user", "jobs", "done", "failed", "later", "open", "wait p50", "wait p95", "run p50", "run p95"];

    /// <summary>The lines of the table.</summary>
    /// <param name="jobs">Every job, in the order of the tiers.</param>
    /// <param name="tiers">The order of the tiers.</param>
    internal static IEnumerable<string> Table(IReadOnlyList<JobView> jobs, IReadOnlyList<string> tiers)
    {
        List<string[]> rows = [Header];
        var groups = jobs.GroupBy(job => (job.Tier, job.UserId))
            .OrderByDescending(group => tiers.IndexOf(group.Key.Tier)).ThenBy(group => group.Key.UserId, StringComparer.Ordinal);
        foreach (var group in groups)
        {
            rows.Add(Row(group.Key.Tier, group.Key.UserId, [.. group]));
        }

        rows.Add(Row("all", "", jobs));
        int[] widths = [.. Header.Select((_, column) => rows.Max(row => row[column].Length))];
        for (int i = 0; i < rows.Count; i++)
        {
            yield return string.Join("  ", rows[i].Select((cell, column) =>
                column < 2 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd();
            if (i == 0 || i == rows.Count - 2)
            {
                yield return string.Join("  ", widths.Select(width => new string('-', width)));
            }
        }
    }

    /// <summary>The smallest value that at least this share of the values do not exceed; null of none.</summary>
    internal static TimeSpan? Percentile(IReadOnlyList<TimeSpan> sorted, double share) =>
        sorted.Count == 0 ? null : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Count) - 1, 0, sorted.Count - 1)];

    private static string[] Row(string tier, string user, IReadOnlyList<JobView> jobs)
    {
        List<TimeSpan> waits = [.. jobs.Where(job => job.StartedAt is not null)
            .Select(job => job.StartedAt!.Value - job.SubmittedAt).Order()];
        List<TimeSpan> runs = [.. jobs.Where(job => job is { StartedAt: not null, FinishedAt: not null })
            .Select(job => job.FinishedAt!.Value - job.StartedAt!.Value).Order()];
        int done = jobs.Count(job => job.State == JobState.Completed);
        int failed = jobs.Count(job => job.State.IsFinal && job.State != JobState.Completed);
        int later = jobs.Count(job => job.State == JobState.Scheduled);
        return
        [
            tier, user, Text(jobs.Count), Text(done), Text(failed), Text(later), Text(jobs.Count - done - failed - later),
            Text(Percentile(waits, 0.5)), Text(Percentile(waits, 0.95)),
            Text(Percentile(runs, 0.5)), Text(Percentile(runs, 0.95)),
        ];
    }

    private static string Text(int count) => count.ToString(CultureInfo.InvariantCulture);

    private static string Text(TimeSpan? span) => span is { } value
        ? string.Create(CultureInfo.InvariantCulture, $"{value.TotalSeconds:0.0} s") : "-";

    private static int IndexOf(this IReadOnlyList<string> list, string item)
    {
        for (int i = 0; i < list.Count; i++)
        {
            if (list[i] == item)
            {
                return i;
            }
        }

        return -1;
    }
}
