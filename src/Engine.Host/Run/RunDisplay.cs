using System.Globalization;

namespace Engine.Host.Run;

/// <summary>How many jobs of the file are where, for one tier.</summary>
internal sealed record TierCounts(
    string Tier, int Scheduled, int Waiting, int Running, int Done, int Failed, string Estimate);

/// <summary>Shows what goes on. This one writes plain lines, for pipes, logs and people who like them.</summary>
internal class RunDisplay(TextWriter output, TextWriter errors, TimeProvider time)
{
    /// <summary>Jobs shown one by one at most; with more, only the summaries are written.</summary>
    private const int MaxJobsShown = 1_000;

    private readonly long _started = time.GetTimestamp();
    private readonly Lock _lock = new();
    private string _lastSummary = "";
    private bool _isFull;
    private int _shown;

    /// <summary>Shows until <paramref name="work"/> is done.</summary>
    internal virtual Task ShowWhileAsync(Func<Task> work) => work();

    /// <summary>Says something once.</summary>
    internal virtual void Note(string text)
    {
        lock (_lock)
        {
            output.WriteLine(text);
        }
    }

    /// <summary>Names a line that did not become a job, or not quite the one it asks for.</summary>
    internal virtual void Problem(string text)
    {
        lock (_lock)
        {
            errors.WriteLine(text);
        }
    }

    internal virtual void Submitted(TrackedJob job, SubmitResult result)
    {
        if (result.Repeated)
        {
            Line(job, job.EndedBefore ? $"{job.State.WireName} before" : $"goes on, {job.State.WireName}");
        }
        else if (result.Outcome == SubmitOutcome.Scheduled)
        {
            Line(job, string.Create(CultureInfo.InvariantCulture, $"scheduled for {result.ScheduledFor:yyyy-MM-dd HH:mm} UTC"));
        }
        else
        {
            Line(job, string.Create(CultureInfo.InvariantCulture, $"queued at {result.Position}"));
        }
    }

    internal virtual void Moved(TrackedJob job, JobState state) =>
        Line(job, state == JobState.Running ? "started" : state.WireName);

    internal virtual void QueueIsFull()
    {
        if (!Interlocked.Exchange(ref _isFull, true))
        {
            Note("The queue is full (Engine:GlobalCap): the rest of the file is read as there is room.");
        }
    }

    internal virtual void Update(IReadOnlyList<TierCounts> tiers)
    {
        string summary = string.Join(" | ", tiers.Select(tier => string.Create(
            CultureInfo.InvariantCulture,
            $"{tier.Tier}: waiting {tier.Waiting}, running {tier.Running}, done {tier.Done}, failed {tier.Failed}, "
            + $"wait {tier.Estimate}")));
        lock (_lock)
        {
            if (summary != _lastSummary)
            {
                _lastSummary = summary;
                output.WriteLine($"{Elapsed()}  {summary}");
            }
        }
    }

    protected string Elapsed() => string.Create(
        CultureInfo.InvariantCulture, $"{time.GetElapsedTime(_started).TotalSeconds,6:0.0} s");

    private void Line(TrackedJob job, string what)
    {
        lock (_lock)
        {
            if (_shown++ < MaxJobsShown)
            {
                output.WriteLine($"{Elapsed()}  line {job.Line,-4} {job.Tier}/{job.User} {what}");
            }
        }
    }
}
