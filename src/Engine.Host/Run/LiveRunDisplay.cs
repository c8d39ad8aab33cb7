using System.Globalization;
using Engine.Host.Cli;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Engine.Host.Run;

/// <summary>A table that renews itself, on a terminal. Problems are told when it has ended.</summary>
internal sealed class LiveRunDisplay(Printer printer, TimeProvider time) : RunDisplay(printer, time)
{
    private const int MaxProblems = 100;
    private const int MaxRecent = 6;

    private readonly Printer _printer = printer;
    private readonly Lock _lock = new();
    private readonly List<string> _problems = [];
    private readonly Queue<string> _recent = new();
    private IReadOnlyList<TierCounts> _tiers = [];
    private int _moreProblems;
    private volatile LiveDisplayContext? _live;
    private volatile bool _isLive;
    private bool _isDue;

    internal override async Task ShowWhileAsync(Func<Task> work, Func<Task, Task<bool>> patientlyAsync)
    {
        // The terminal may be stuck or gone: whatever is written to it is written on other threads, and given up.
        await patientlyAsync(_printer.FlushAsync()).ConfigureAwait(false);
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _isLive = true;
        var showing = Task.Run(() => AnsiConsole.Live(Render()).AutoClear(true).StartAsync(live =>
        {
            _live = live;
            return done.Task;
        }));
        try
        {
            await work().ConfigureAwait(false);
        }
        finally
        {
            await patientlyAsync(_printer.FlushAsync()).ConfigureAwait(false);
            done.SetResult();
            await patientlyAsync(showing).ConfigureAwait(false);
            (_live, _isLive) = (null, false);
        }

        if (showing.Exception?.GetBaseException() is { } reason)
        {
            _printer.OutputFailed(reason);
        }

        foreach (string problem in _problems)
        {
            _printer.Complain(problem);
        }

        if (_moreProblems > 0)
        {
            _printer.Complain($"... and {_moreProblems} more; --plain tells all.");
        }
    }

    internal override void Note(string text)
    {
        if (_isLive)
        {
            Recent(text);
        }
        else
        {
            base.Note(text);
        }
    }

    internal override void Problem(string text)
    {
        if (!_isLive)
        {
            base.Problem(text);
            return;
        }

        Recent(text);
        lock (_lock)
        {
            if (_problems.Count < MaxProblems)
            {
                _problems.Add(text);
            }
            else
            {
                _moreProblems++;
            }
        }
    }

    internal override void Submitted(TrackedJob job, SubmitResult result)
    {
        if (result.Outcome == SubmitOutcome.Scheduled && !result.Repeated)
        {
            Recent(string.Create(
                CultureInfo.InvariantCulture,
                $"line {job.Line} {job.Tier}/{job.User} scheduled for {result.ScheduledFor:yyyy-MM-dd HH:mm} UTC"));
        }
    }

    internal override void Moved(TrackedJob job, JobState state) =>
        Recent($"line {job.Line} {job.Tier}/{job.User} {(state == JobState.Running ? "started" : state.WireName)}");

    internal override void Update(IReadOnlyList<TierCounts> tiers)
    {
        lock (_lock)
        {
            _tiers = tiers;
        }

        if (_live is { } live && !Interlocked.Exchange(ref _isDue, true))
        {
            _printer.Do(() =>
            {
                _isDue = false;
                live.UpdateTarget(Render());
            });
        }
    }

    private void Recent(string text)
    {
        lock (_lock)
        {
            _recent.Enqueue($"{Elapsed()}  {Printer.Printable(text)}");
            if (_recent.Count > MaxRecent)
            {
                _recent.Dequeue();
            }
        }
    }

    private Rows Render()
    {
        var table = new Table().Border(TableBorder.Rounded);
        table.AddColumn("tier");
        foreach (string column in (string[])["waiting", "running", "done", "failed", "later", "next wait"])
        {
            table.AddColumn(new TableColumn(column).RightAligned().NoWrap());
        }

        List<IRenderable> rows = [table];
        lock (_lock)
        {
            foreach (var tier in _tiers)
            {
                table.AddRow(
                    Markup.Escape(tier.Tier), $"[yellow]{tier.Waiting}[/]", $"[blue]{tier.Running}[/]", $"[green]{tier.Done}[/]",
                    tier.Failed == 0 ? "0" : $"[red]{tier.Failed}[/]", $"{tier.Scheduled}", Markup.Escape(tier.Estimate));
            }

            rows.AddRange(_recent.Select(text => new Text(text, new Style(Color.Grey))));
        }

        return new Rows(rows);
    }
}
