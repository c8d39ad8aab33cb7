using System.Globalization;
using Engine.Host.Cli;

namespace Engine.Host.Run;

/// <summary>How many jobs of the file are where, for one tier.</summary>
internal sealed record TierCounts(
    string Tier, int Scheduled, int Waiting, int Running, int Done, int Failed, string Estimate)
{
    /// <summary>A wait for people who look on. The words of the API are laid down (seed-semantics 1.5, 1.7), down to
    /// "0 seconds-0 seconds", which is what jobs of a moment come to.</summary>
    internal static string InWords(WaitEstimate wait)
    {
        string lower = WaitEstimate.Format(wait.LowerSeconds);
        string upper = WaitEstimate.Format(wait.UpperSeconds);
        return wait.UpperSeconds <= 1 ? "a second at most"
            : wait.LowerSeconds <= 1 ? "up to " + upper
            : lower == upper ? upper
            : wait.Message;
    }
}

/// <summary>Shows what goes on. This one writes plain lines, for pipes, logs and people who like them.</summary>
internal class RunDisplay(Printer printer, TimeProvider time)
{
    /// <summary>Jobs shown one by one at most; with more, only the summaries are written.</summary>
    private const int MaxJobsShown = 1_000;

    private readonly long _started = time.GetTimestamp();
    private readonly Lock _lock = new();
    private string _lastSummary = "";
    private bool _isFull;
    private int _shown;

    /// <summary>Shows until <paramref name="work"/> is done.</summary>
    /// <param name="work">What to do meanwhile.</param>
    /// <param name="patientlyAsync">Waits for writes, until it is told to stop.</param>
    internal virtual Task ShowWhileAsync(Func<Task> work, Func<Task, Task<bool>> patientlyAsync) => work();

    /// <summary>Completes when what was said has been read so far that there may be any number of problems more.</summary>
    internal Task RoomAsync(CancellationToken cancellationToken) => printer.RoomAsync(cancellationToken);

    /// <summary>Says something once.</summary>
    internal virtual void Note(string text) => printer.Say(text);

    /// <summary>Names a line that did not become a job, or not quite the one it asks for.</summary>
    internal virtual void Problem(string text) => printer.Complain(text);

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
            // While nobody reads, there is no need for many of them.
            if (summary != _lastSummary && printer.HasRoom)
            {
                _lastSummary = summary;
                printer.Say($"{Elapsed()}  {summary}");
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
                printer.Say($"{Elapsed()}  line {job.Line,-4} {job.Tier}/{job.User} {what}");
            }
        }
    }
}
