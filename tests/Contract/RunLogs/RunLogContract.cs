using Engine.RunLogs;

namespace Engine.Tests.RunLogs;

/// <summary>What every run log store promises.</summary>
public abstract class RunLogContract : IAsyncLifetime
{
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(30);

    protected JobId Job { get; } = JobId.New(TimeProvider.System);

    protected IRunLogStore Store { get; set; } = null!;

    protected CancellationToken Token { get; } = new CancellationTokenSource(Guard).Token;

    protected abstract IRunLogStore Create();

    public Task InitializeAsync()
    {
        Store = Create();
        return Task.CompletedTask;
    }

    public virtual async Task DisposeAsync()
    {
        if (Store is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_H17_lines_come_back_oldest_first_and_there_are_no_more()
    {
        await WriteAsync(1, "one", "two", "three");

        var page = await Store.ReadAsync(Job, beforeId: null, limit: 100, Token);

        Assert.Equal(["one", "two", "three"], page.Lines.Select(line => line.Text));
        Assert.Equal([1L, 2, 3], page.Lines.Select(line => line.Id));
        Assert.False(page.HasMore);
    }

    [Fact]
    public async Task A_H17_a_limit_keeps_the_newest_and_says_that_there_are_more()
    {
        await WriteAsync(1, "one", "two", "three");

        var page = await Store.ReadAsync(Job, beforeId: null, limit: 2, Token);

        Assert.Equal(["two", "three"], page.Lines.Select(line => line.Text));
        Assert.True(page.HasMore);
    }

    [Fact]
    public async Task A_H17_before_id_excludes_that_id()
    {
        await WriteAsync(1, "one", "two", "three");

        var page = await Store.ReadAsync(Job, beforeId: 3, limit: 2, Token);

        Assert.Equal(["one", "two"], page.Lines.Select(line => line.Text));
        Assert.False(page.HasMore);
        Assert.Empty((await Store.ReadAsync(Job, beforeId: 1, limit: 2, Token)).Lines);
        Assert.Equal(3, (await Store.ReadAsync(Job, beforeId: 99, limit: 5, Token)).Lines.Count);
    }

    [Fact]
    public async Task A_H17_a_job_without_a_log_has_an_empty_page()
    {
        var page = await Store.ReadAsync(Job, beforeId: null, limit: 100, Token);

        Assert.Empty(page.Lines);
        Assert.False(page.HasMore);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(501)]
    public async Task A_limit_outside_1_to_500_is_refused(int limit) =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            async () => await Store.ReadAsync(Job, beforeId: null, limit, Token));

    [Fact]
    public async Task Paging_backwards_visits_every_line_once()
    {
        await WriteAsync(1, Numbered(2_345));

        var seen = new List<string>();
        long? before = null;
        RunLogPage page;
        do
        {
            page = await Store.ReadAsync(Job, before, limit: 500, Token);
            seen.InsertRange(0, page.Lines.Select(line => line.Text));
            before = page.Lines[0].Id;
        }
        while (page.HasMore);

        Assert.Equal(Numbered(2_345), seen);
    }

    [Fact]
    public async Task What_is_written_can_be_read_while_the_run_works()
    {
        await using var log = Store.Open(Job, 1);
        log.Write("stdout", "first", "code");

        var line = Assert.Single((await Store.ReadAsync(Job, null, 100, Token)).Lines);

        Assert.Equal(("stdout", "first", "code"), (line.Source, line.Text, line.Phase));
        Assert.InRange(DateTimeOffset.UtcNow - line.Timestamp, TimeSpan.FromSeconds(-1), Guard);
    }

    [Fact]
    public async Task Ids_go_on_over_the_runs_of_a_job()
    {
        await WriteAsync(1, "one", "two");
        await WriteAsync(2, "three");
        await WriteAsync(3, "four");

        var page = await Store.ReadAsync(Job, null, 100, Token);

        Assert.Equal(["one", "two", "three", "four"], page.Lines.Select(line => line.Text));
        Assert.Equal([1L, 2, 3, 4], page.Lines.Select(line => line.Id));
        Assert.Equal(["two", "three"], (await Store.ReadAsync(Job, 4, 2, Token)).Lines.Select(line => line.Text));
    }

    [Fact]
    public async Task A_run_that_another_has_replaced_says_nothing_more()
    {
        await using var abandoned = Store.Open(Job, 1);
        abandoned.Write("stdout", "before");
        await using var current = Store.Open(Job, 2);
        abandoned.Write("stdout", "after");
        current.Write("stdout", "now");

        Assert.Equal(["before", "now"], (await Store.ReadAsync(Job, null, 100, Token)).Lines.Select(line => line.Text));
    }

    [Fact]
    public async Task A_closed_log_takes_no_more_lines()
    {
        var log = Store.Open(Job, 1);
        log.Write("stdout", "kept");
        await log.DisposeAsync();
        await log.DisposeAsync();
        log.Write("stdout", "late");

        Assert.Equal("kept", Assert.Single((await Store.ReadAsync(Job, null, 100, Token)).Lines).Text);
    }

    [Fact]
    public async Task Lines_are_cleaned_before_they_are_kept()
    {
        await using var log = Store.Open(Job, 1);
        log.Write("stdout", "");
        log.Write("stdout", "  \u001b[0m ");
        log.Write("stdout", "password=hunter2 \u001b[31mred");
        log.Write("std\terr", new string('x', 3000), "co\nde");

        var lines = (await Store.ReadAsync(Job, null, 100, Token)).Lines;

        Assert.Equal(["password=[REDACTED] red", new string('x', 2000) + "...[truncated]"], lines.Select(l => l.Text));
        Assert.Equal(("std err", "co de"), (lines[1].Source, lines[1].Phase));
    }

    [Fact]
    public async Task Any_text_survives_the_way()
    {
        string[] texts = ["tab\tinside", "grüße 世界 🎉", "lone \ud800 surrogate", "  leading", "1\t2\t3\t4\t5"];
        await WriteAsync(1, texts);

        var lines = (await Store.ReadAsync(Job, null, 100, Token)).Lines;

        Assert.Equal(texts.Select(text => text.Replace('\ud800', '\ufffd')), lines.Select(l => l.Text.Replace('\ud800', '\ufffd')));
    }

    [Fact]
    public async Task Following_starts_after_an_id_and_goes_on_with_new_lines()
    {
        await using var log = Store.Open(Job, 1);
        Write(log, "one", "two", "three");
        await using var lines = Store.FollowAsync(Job, afterId: 1, Token).GetAsyncEnumerator(Token);

        Assert.Equal("two", await NextAsync(lines));
        Assert.Equal("three", await NextAsync(lines));
        log.Write("stdout", "four");
        Assert.Equal("four", await NextAsync(lines));
    }

    [Fact]
    public async Task Following_new_lines_only_misses_none_after_the_call()
    {
        await using var log = Store.Open(Job, 1);
        log.Write("stdout", "old");
        var follow = Store.FollowAsync(Job, afterId: null, Token);
        log.Write("stdout", "between the call and the first result");

        await using var lines = follow.GetAsyncEnumerator(Token);
        Assert.Equal("between the call and the first result", await NextAsync(lines));
    }

    [Fact]
    public async Task Following_may_begin_before_there_is_a_log()
    {
        await using var lines = Store.FollowAsync(Job, afterId: 0, Token).GetAsyncEnumerator(Token);
        var first = NextAsync(lines);
        Assert.False(first.IsCompleted);

        await WriteAsync(1, "at last");
        Assert.Equal("at last", await first);

        await WriteAsync(2, "next run");
        Assert.Equal("next run", await NextAsync(lines));
    }

    [Fact]
    public async Task Followers_see_every_line_of_several_writers_once_and_in_order()
    {
        const int PerWriter = 3_000;
        await using var log = Store.Open(Job, 1);
        var followers = Enumerable.Range(0, 3).Select(_ => CollectAsync(3 * PerWriter)).ToArray();

        await Task.WhenAll(Enumerable.Range(0, 3).Select(writer => Task.Run(() =>
        {
            for (int i = 0; i < PerWriter; i++)
            {
                log.Write("stdout", $"{writer} {i}");
            }
        })));

        foreach (var lines in await Task.WhenAll(followers))
        {
            Assert.Equal(Enumerable.Range(1, 3 * PerWriter).Select(i => (long)i), lines.Select(line => line.Id));
            for (int writer = 0; writer < 3; writer++)
            {
                Assert.Equal(
                    Enumerable.Range(0, PerWriter).Select(i => $"{writer} {i}"),
                    lines.Select(line => line.Text).Where(text => text[0] == '0' + writer));
            }
        }
    }

    [Fact]
    public async Task Cancelling_ends_following_quietly()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await using var lines = Store.FollowAsync(Job, afterId: null, stop.Token).GetAsyncEnumerator(stop.Token);
        var next = lines.MoveNextAsync().AsTask();

        await stop.CancelAsync();

        Assert.False(await next.WaitAsync(Guard));
    }

    [Fact]
    public async Task A_deleted_log_is_gone_and_its_followers_end()
    {
        await using var log = Store.Open(Job, 1);
        log.Write("stdout", "kept");
        await using var lines = Store.FollowAsync(Job, afterId: null, Token).GetAsyncEnumerator(Token);
        var next = lines.MoveNextAsync().AsTask();

        await Store.DeleteAsync(Job, Token);
        log.Write("stdout", "to nobody");

        Assert.False(await next.WaitAsync(Guard));
        Assert.Empty((await Store.ReadAsync(Job, null, 100, Token)).Lines);
        await Store.DeleteAsync(Job, Token);
        await Store.DeleteAsync(JobId.New(TimeProvider.System), Token);
    }

    protected async Task WriteAsync(int run, params string[] texts)
    {
        await using var log = Store.Open(Job, run);
        Write(log, texts);
    }

    protected static void Write(IRunLog log, params string[] texts)
    {
        foreach (string text in texts)
        {
            log.Write("stdout", text);
        }
    }

    protected static string[] Numbered(int count) => [.. Enumerable.Range(0, count).Select(i => $"line {i}")];

    protected async Task<List<RunLogLine>> CollectAsync(int count)
    {
        var lines = new List<RunLogLine>();
        await foreach (var line in Store.FollowAsync(Job, afterId: 0, Token))
        {
            lines.Add(line);
            if (lines.Count == count)
            {
                break;
            }
        }

        return lines;
    }

    private static async Task<string> NextAsync(IAsyncEnumerator<RunLogLine> lines)
    {
        Assert.True(await lines.MoveNextAsync());
        return lines.Current.Text;
    }
}
