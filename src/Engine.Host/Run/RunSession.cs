using System.Globalization;
using Engine.Host.Cli;
using Engine.Host.Configuration;

namespace Engine.Host.Run;

/// <summary>Submits a file, waits until nothing of it can run today, and reports.</summary>
internal sealed class RunSession(
    JobEngine engine, HostSettings settings, RunOptions options, RunDisplay display, TimeProvider time)
{
    private const int MaxFailuresShown = 20;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan SummaryEvery = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(1);

    private readonly JobTracker _tracker = new(engine, time);
    private readonly RunTally _tally = new();

    internal RunTally Tally => _tally;

    /// <summary>Works until all that can be done today is done, or a signal says to stop.</summary>
    internal async Task WorkAsync(Stream file, IReadOnlyDictionary<string, bool> types, StopSignals signals)
    {
        var interrupted = signals.First;
        using var feed = await engine.WatchAllAsync(CancellationToken.None).ConfigureAwait(false);
        _tracker.Moved += display.Moved;
        var following = _tracker.FollowAsync(feed);
        await display.ShowWhileAsync(async () =>
        {
            var submitter = new FileSubmitter(engine, settings, options, types, _tracker, display, time);

            // On its own: standard input may never end, and a signal must not wait for it.
            var submitting = Task.Run(() => submitter.SubmitAsync(file, _tally, interrupted), CancellationToken.None);
            await WaitAsync(submitting, following, interrupted).ConfigureAwait(false);
            await ShowAsync().ConfigureAwait(false);
        }, signals.PatientlyAsync).ConfigureAwait(false);
        _tracker.Moved -= display.Moved;
    }

    /// <summary>Writes the table and what a person should know besides.</summary>
    internal async Task ReportAsync(Printer printer)
    {
        List<JobView> views = [];
        foreach (var job in _tracker.Jobs.OrderBy(job => job.Line))
        {
            if (await engine.GetAsync(job.Id).ConfigureAwait(false) is { } view)
            {
                views.Add(view);
            }
        }

        printer.Say("");
        string[] tiers = [.. settings.Engine.Tiers.Select(tier => tier.Name)];
        foreach (string line in RunReport.Table(views, tiers))
        {
            printer.Say(line);
        }

        printer.Say("");
        foreach (string line in Remarks(views))
        {
            printer.Say(line);
        }
    }

    /// <summary>What the process ends with: the first of these that applies.</summary>
    internal int Code()
    {
        bool failed = _tracker.Jobs.Any(job => job.State.IsFinal && job.State != JobState.Completed);
        return _tally switch
        {
            { Interrupted: true } => ExitCode.Interrupted,
            { ReadFailed: true } => ExitCode.NoInput,
            { BadLines: > 0 } => ExitCode.BadLines,
            { Refused: > 0 } => ExitCode.JobsRefused,
            _ => failed ? ExitCode.JobsFailed : ExitCode.Success,
        };
    }

    private async Task WaitAsync(Task submitting, Task following, CancellationToken interrupted)
    {
        long shown = 0;
        long quietSince = time.GetTimestamp();
        while (true)
        {
            var changed = _tracker.Changed;
            using (var pause = CancellationTokenSource.CreateLinkedTokenSource(interrupted))
            {
                await Task.WhenAny(Task.Delay(Tick, time, pause.Token), engine.Stopped, following).ConfigureAwait(false);
                await pause.CancelAsync().ConfigureAwait(false);
            }

            if (interrupted.IsCancellationRequested)
            {
                _tally.Interrupted = true;
                return;
            }

            if (following.IsFaulted && following.Exception.GetBaseException() is not EngineStoppedException)
            {
                await following.ConfigureAwait(false);
            }

            // The feed ends with the engine, which knows best why.
            if (engine.Stopped.IsCompleted || following.IsCompleted)
            {
                await engine.Stopped.ConfigureAwait(false);
            }

            if (submitting.IsFaulted)
            {
                await ReadEndedAsync(submitting).ConfigureAwait(false);
            }

            if (changed.IsCompleted)
            {
                quietSince = time.GetTimestamp();
            }
            else if (time.GetElapsedTime(quietSince) > QuietTime)
            {
                // News may have been dropped while there was too much of it: ask.
                await _tracker.RefreshAsync().ConfigureAwait(false);
                quietSince = time.GetTimestamp();
            }

            if (submitting.IsCompleted && await _tracker.IsSettledAsync().ConfigureAwait(false)
                && await IsIdleAsync().ConfigureAwait(false))
            {
                return;
            }

            if (shown == 0 || time.GetElapsedTime(shown) > SummaryEvery || display is LiveRunDisplay)
            {
                shown = time.GetTimestamp();
                await ShowAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>A file that breaks off in the middle: what was read of it is still run.</summary>
    private async Task ReadEndedAsync(Task submitting)
    {
        try
        {
            await submitting.ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && !_tally.ReadFailed)
        {
            _tally.ReadFailed = true;
            display.Problem($"{options.Shown}: cannot be read any further: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Told before.
        }
    }

    /// <summary>Whether jobs that were in the journal before the file are done with too, as far as they can be.</summary>
    private async Task<bool> IsIdleAsync() =>
        (await engine.GetQueueAsync().ConfigureAwait(false)).Running == 0;

    private async Task ShowAsync()
    {
        var queue = await engine.GetQueueAsync().ConfigureAwait(false);
        var jobs = _tracker.Jobs.ToLookup(job => job.Tier, StringComparer.Ordinal);
        display.Update([.. queue.Tiers.Where(tier => jobs.Contains(tier.Tier)).Reverse().Select(tier => new TierCounts(
            tier.Tier,
            jobs[tier.Tier].Count(job => job.State == JobState.Scheduled),
            jobs[tier.Tier].Count(job => job.State == JobState.Queued),
            jobs[tier.Tier].Count(job => job.State == JobState.Running),
            jobs[tier.Tier].Count(job => job.State == JobState.Completed),
            jobs[tier.Tier].Count(job => job.State.IsFinal && job.State != JobState.Completed),
            TierCounts.InWords(tier.NextEstimate)))]);
    }

    private IEnumerable<string> Remarks(List<JobView> views)
    {
        var lines = _tracker.Jobs.ToDictionary(job => job.Id, job => job.Line);
        int before = _tracker.Jobs.Count(job => job.EndedBefore);
        if (before > 0)
        {
            yield return $"Jobs that had ended before this start and did not run again: {before}.";
        }

        var later = views.Where(job => job.State == JobState.Scheduled).ToList();
        if (later.Count > 0)
        {
            string first = later.Min(job => job.ScheduledFor)!.Value.UtcDateTime.ToString(
                "yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
            yield return $"Jobs scheduled for a later day, from {first} UTC: {later.Count}. They stay in the journal; run the "
                + "same file again then.";
        }

        foreach (var job in views.Where(job => job.State.IsFinal && job.State != JobState.Completed).Take(MaxFailuresShown))
        {
            string why = (job.Error ?? job.State.WireName).ReplaceLineEndings(" / ");
            yield return $"line {lines[job.Id]} {job.State.WireName}, job {job.Id}, debug id {job.DebugId ?? "-"}: {why}";
        }

        if (_tally.BadLines > 0)
        {
            yield return $"Lines that cannot be used and were left out: {_tally.BadLines}. The messages name them.";
        }

        if (_tally.Refused > 0)
        {
            yield return $"Jobs that were refused and left no trace: {_tally.Refused}. The messages say why.";
        }
    }
}
