using System.Runtime.Versioning;
using Engine.RunLogs;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Tests.RunLogs;

public sealed class MemoryRunLogs : RunLogContract
{
    protected override IRunLogStore Create() => new MemoryRunLogStore(TimeProvider.System);

    [Fact]
    public async Task The_oldest_lines_are_dropped()
    {
        Store = new MemoryRunLogStore(TimeProvider.System, maxLines: 100);
        await WriteAsync(1, Numbered(350));

        var page = await Store.ReadAsync(Job, null, 500, Token);

        Assert.Equal(Numbered(350)[250..], page.Lines.Select(line => line.Text));
        Assert.Equal(251, page.Lines[0].Id);
        Assert.Equal("line 299", (await Store.ReadAsync(Job, 301, 1, Token)).Lines[0].Text);
    }
}

/// <summary>What is kept in memory does not grow with the number of jobs.</summary>
public sealed class MemoryRunLogBoundTests
{
    private readonly MemoryRunLogStore _store = new(TimeProvider.System, maxLines: 100, maxBytes: 1 << 16);

    [Fact]
    public async Task The_lines_of_the_jobs_that_wrote_first_go_first()
    {
        // About 300 bytes a line: 218 of them fit.
        JobId[] jobs = [.. Enumerable.Range(1, 30).Select(i => JobId.New(i, 0, (ulong)i))];
        foreach (var job in jobs)
        {
            await WriteAsync(job, 10);
        }

        int[] kept = [.. jobs.Select(job => LinesOf(job).Count)];

        Assert.Equal(218, kept.Sum());
        Assert.Equal(kept.Order(), kept);
        Assert.Equal((0, 10), (kept[0], kept[^1]));
        int broken = Array.FindIndex(kept, count => count is > 0 and < 10);
        Assert.Equal(10, LinesOf(jobs[broken])[^1].Id);

        // One that writes again is the youngest, and its ids go on.
        await WriteAsync(jobs[0], 5);
        Assert.Equal([11L, 12, 13, 14, 15], LinesOf(jobs[0]).Select(line => line.Id));
        await WriteAsync(jobs[1], 100);
        await WriteAsync(jobs[2], 100);
        Assert.Equal((5, 100, 100), (LinesOf(jobs[0]).Count, LinesOf(jobs[1]).Count, LinesOf(jobs[2]).Count));
    }

    [Fact]
    public async Task Who_follows_a_job_that_never_writes_leaves_nothing_behind()
    {
        using var stop = new CancellationTokenSource();
        await using (var lines = _store.FollowAsync(JobId.New(1, 0, 1), null, stop.Token).GetAsyncEnumerator(stop.Token))
        {
            var next = lines.MoveNextAsync();
            Assert.Equal(1, _store.JobCount);
            await stop.CancelAsync();
            Assert.False(await next);
        }

        Assert.Equal(0, _store.JobCount);
    }

    [Fact]
    public async Task What_is_deleted_makes_room()
    {
        var (kept, deleted) = (JobId.New(1, 0, 1), JobId.New(2, 0, 2));
        await WriteAsync(deleted, 100);
        await WriteAsync(kept, 100);
        await _store.DeleteAsync(deleted);

        await WriteAsync(JobId.New(3, 0, 3), 100);

        Assert.Equal(100, LinesOf(kept).Count);
    }

    private List<RunLogLine> LinesOf(JobId job) => [.. _store.ReadAsync(job, null, 500).AsTask().Result.Lines];

    private async Task WriteAsync(JobId job, int lines)
    {
        await using var log = _store.Open(job, 1);
        for (int i = 0; i < lines; i++)
        {
            log.Write("stdout", new string('x', 100));
        }
    }
}

public sealed class FileRunLogs : RunLogContract
{
    private readonly string _directory = Directory.CreateTempSubdirectory("engine-logs-").FullName;

    private string JobDirectory => Path.Combine(_directory, "logs", Job.ToString()[^2..], Job.ToString());

    protected override IRunLogStore Create() => Create(new RunLogLimits { MaxWriteWait = TimeSpan.FromSeconds(10) });

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Lines_and_ids_survive_a_restart()
    {
        await WriteAsync(1, Numbered(700));
        await ReopenAsync(new RunLogLimits());
        await WriteAsync(2, "after the restart");

        var page = await Store.ReadAsync(Job, null, 2, Token);

        Assert.Equal(["line 699", "after the restart"], page.Lines.Select(line => line.Text));
        Assert.Equal([700L, 701], page.Lines.Select(line => line.Id));
    }

    [Fact]
    public async Task Following_new_lines_after_a_restart_starts_behind_the_old_ones()
    {
        await WriteAsync(1, "old");
        await ReopenAsync(new RunLogLimits());

        await using var lines = Store.FollowAsync(Job, afterId: null, Token).GetAsyncEnumerator(Token);
        await WriteAsync(2, "new");

        Assert.True(await lines.MoveNextAsync());
        Assert.Equal((2L, "new"), (lines.Current.Id, lines.Current.Text));
    }

    [Fact]
    public async Task What_a_crash_cut_off_is_not_read_and_its_id_is_given_again()
    {
        await WriteAsync(1, "whole", "torn");
        string file = Assert.Single(Directory.GetFiles(JobDirectory));
        await using (var stream = new FileStream(file, FileMode.Open))
        {
            stream.SetLength(stream.Length - 3);
        }

        await ReopenAsync(new RunLogLimits());
        await WriteAsync(2, "next");

        var page = await Store.ReadAsync(Job, null, 100, Token);
        Assert.Equal([(1L, "whole"), (2L, "next")], page.Lines.Select(line => (line.Id, line.Text)));
        Assert.Equal(["whole", "next"], (await CollectAsync(2)).Select(line => line.Text));
    }

    [Fact]
    public async Task A_file_of_which_only_half_a_line_remains_is_written_anew()
    {
        await WriteAsync(1, "torn");
        string file = Assert.Single(Directory.GetFiles(JobDirectory));
        await using (var stream = new FileStream(file, FileMode.Open))
        {
            stream.SetLength(5);
        }

        await ReopenAsync(new RunLogLimits());
        await WriteAsync(1, "again");

        Assert.Equal("again", Assert.Single((await Store.ReadAsync(Job, null, 100, Token)).Lines).Text);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(500)]
    public async Task A_run_that_prints_too_much_loses_its_oldest_lines_only(int linesOfTheRunBefore)
    {
        await ReopenAsync(new RunLogLimits { MaxLines = 1_000, MaxWriteWait = TimeSpan.FromSeconds(10) });
        await WriteAsync(1, Numbered(linesOfTheRunBefore));
        await WriteAsync(2, Numbered(12_345));

        var lines = await ReadAllAsync();

        var kept = lines.Skip(linesOfTheRunBefore).ToList();
        Assert.InRange(kept.Count, 900, 1_000);
        Assert.Equal(Numbered(12_345)[^kept.Count..], kept.Select(line => line.Text));
        Assert.Equal(Numbered(linesOfTheRunBefore), lines.Take(linesOfTheRunBefore).Select(line => line.Text));
        Assert.Equal(linesOfTheRunBefore + 12_345, lines[^1].Id);
    }

    [Fact]
    public async Task The_cap_holds_for_a_run_that_is_opened_again()
    {
        await ReopenAsync(new RunLogLimits { MaxLines = 100 });
        for (int i = 0; i < 30; i++)
        {
            await WriteAsync(1, Numbered(9));
        }

        Assert.InRange((await ReadAllAsync()).Count, 50, 100);
    }

    [Fact]
    public async Task The_size_of_a_run_is_capped_in_bytes_too()
    {
        await ReopenAsync(new RunLogLimits { MaxBytes = 1 << 20, MaxWriteWait = TimeSpan.FromSeconds(10) });
        await WriteAsync(1, [.. Enumerable.Repeat(new string('世', 2000), 1_000)]);

        long size = Directory.GetFiles(JobDirectory).Sum(file => new FileInfo(file).Length);

        Assert.InRange(size, 800_000, 1_200_000);
        Assert.Equal(1_000, (await Store.ReadAsync(Job, null, 1, Token)).Lines[0].Id);
    }

    [Fact]
    public async Task Paging_and_following_are_exact_over_files_of_every_size()
    {
        await ReopenAsync(new RunLogLimits { MaxLines = 50_000, MaxWriteWait = TimeSpan.FromSeconds(10) });
        string[] texts = [.. Enumerable.Range(0, 12_000).Select(i => $"{i}:{new string('x', i * 7919 % 1500)}")];
        await WriteAsync(1, texts);

        foreach (int before in (int[])[1, 2, 3, 499, 4_999, 5_000, 5_001, 5_002, 7_777, 10_000, 12_000, 12_001])
        {
            var page = await Store.ReadAsync(Job, before, 3, Token);
            int end = Math.Min(before - 1, texts.Length);
            Assert.Equal(texts[Math.Max(0, end - 3)..end], page.Lines.Select(line => line.Text));
            Assert.Equal(end > 3, page.HasMore);
        }

        foreach (int after in (int[])[0, 1, 4_999, 5_000, 5_001, 9_876, 11_999])
        {
            await using var lines = Store.FollowAsync(Job, after, Token).GetAsyncEnumerator(Token);
            Assert.True(await lines.MoveNextAsync());
            Assert.Equal((after + 1L, texts[after]), (lines.Current.Id, lines.Current.Text));
        }
    }

    [Fact]
    public async Task A_writer_that_is_too_fast_is_told_how_many_lines_were_dropped()
    {
        await ReopenAsync(new RunLogLimits { MaxBufferedLines = 1, MaxWriteWait = TimeSpan.Zero });
        await using (var log = Store.Open(Job, 1))
        {
            Write(log, Numbered(50_000));
        }

        var lines = await ReadAllAsync();
        long dropped = lines.Where(line => line.Source == "engine")
            .Sum(line => long.Parse(line.Text[1..line.Text.IndexOf(' ', StringComparison.Ordinal)]));

        Assert.True(dropped > 0);
        Assert.Equal(50_000, dropped + lines.Count(line => line.Source == "stdout"));
        Assert.Equal(lines.Count, lines[^1].Id);
    }

    [Fact]
    public async Task A_disk_that_fails_loses_lines_but_no_run_and_the_log_says_so()
    {
        await using var log = Store.Open(Job, 1);
        log.Write("stdout", "one");
        await Store.ReadAsync(Job, null, 1, Token);

        // A file where the next run's directory should be: every attempt to open the log fails.
        Directory.Delete(JobDirectory, recursive: true);
        await File.WriteAllTextAsync(JobDirectory, "in the way", Token);
        await using var next = Store.Open(Job, 2);
        Write(next, "lost", "lost too");
        Assert.Empty((await Store.ReadAsync(Job, null, 1, Token)).Lines);

        File.Delete(JobDirectory);
        next.Write("stdout", "kept");

        var page = await Store.ReadAsync(Job, null, 100, Token);
        Assert.Equal(["[2 lines dropped: the log could not keep up]", "kept"], page.Lines.Select(line => line.Text));
    }

    [Fact]
    public async Task Deleting_removes_the_files()
    {
        await WriteAsync(1, "one");
        Assert.True(Directory.Exists(JobDirectory));

        await Store.DeleteAsync(Job, Token);

        Assert.False(Directory.Exists(JobDirectory));
        await WriteAsync(2, "afresh");
        Assert.Equal(1, Assert.Single((await Store.ReadAsync(Job, null, 100, Token)).Lines).Id);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Only_the_owner_may_read_the_files()
    {
        await WriteAsync(1, "private");

        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite,
            File.GetUnixFileMode(Assert.Single(Directory.GetFiles(JobDirectory))));
        for (string path = JobDirectory; path != _directory; path = Path.GetDirectoryName(path)!)
        {
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public async Task After_the_store_is_closed_writing_and_closing_a_log_neither_fail_nor_wait()
    {
        var log = Store.Open(Job, 1);
        log.Write("stdout", "kept");
        await ((IAsyncDisposable)Store).DisposeAsync();
        Write(log, Numbered(10));
        await log.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(3));

        await ReopenAsync(new RunLogLimits());
        Assert.Equal("kept", Assert.Single((await Store.ReadAsync(Job, null, 100, Token)).Lines).Text);
    }

    private FileRunLogStore Create(RunLogLimits limits) =>
        new(Path.Combine(_directory, "logs"), TimeProvider.System, NullLogger<FileRunLogStore>.Instance, limits);

    private async Task ReopenAsync(RunLogLimits limits)
    {
        await ((IAsyncDisposable)Store).DisposeAsync();
        Store = Create(limits);
    }

    private async Task<List<RunLogLine>> ReadAllAsync()
    {
        var all = new List<RunLogLine>();
        RunLogPage page;
        long? before = null;
        do
        {
            page = await Store.ReadAsync(Job, before, 500, Token);
            all.InsertRange(0, page.Lines);
            before = all.Count == 0 ? null : all[0].Id;
        }
        while (page.HasMore);

        return all;
    }
}
