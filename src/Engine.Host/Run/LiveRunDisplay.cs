using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Engine.Host.Run;

/// <summary>A table that renews itself, on a terminal. Problems are told when it has ended.</summary>
internal sealed class LiveRunDisplay(TextWriter errors, TimeProvider time) : RunDisplay(TextWriter.Null, errors, time)
{
    private const int MaxProblems = 100;
    private const int MaxRecent = 6;

    private readonly TextWriter _errors = errors;
    private readonly Lock _lock = new();
    private readonly List<string> _problems = [];
    private readonly Queue<string> _recent = new();
    private IReadOnlyList<TierCounts> _tiers = [];
    private int _moreProblems;
    private LiveDisplayContext? _live;

    internal override async Task ShowWhileAsync(Func<Task> work)
    {
        await AnsiConsole.Live(Render()).AutoClear(true).StartAsync(async live =>
        {
            _live = live;
            await work().ConfigureAwait(false);
        }).ConfigureAwait(false);
        _live = null;
        foreach (string problem in _problems)
        {
            await _errors.WriteLineAsync(problem).ConfigureAwait(false);
        }

        if (_moreProblems > 0)
        {
            await _errors.WriteLineAsync($"... and {_moreProblems} more; --plain tells all.").ConfigureAwait(false);
        }
    }

    internal override void Note(string text)
    {
        if (_live is null)
        {
            AnsiConsole.WriteLine(text);
        }
        else
        {
            Recent(text);
        }
    }

    internal override void Problem(string text)
    {
        if (_live is null)
        {
            _errors.WriteLine(text);
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

        _live?.UpdateTarget(Render());
    }

    private void Recent(string text)
    {
        lock (_lock)
        {
            _recent.Enqueue($"{Elapsed()}  {text}");
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
