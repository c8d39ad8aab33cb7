using Engine.Host.Cli;
using Engine.Host.Run;
using Engine.Tests.Http;

namespace Engine.Tests.Run;

/// <summary>What <c>run</c> does when nobody can see it: the disk or the pipe that it prints to is full, slow or gone, or
/// its storage fails.</summary>
public sealed class RunOutputTests : IDisposable
{
    private readonly RunHarness _harness = new();

    private string Mark => Path.Combine(_harness.Directory, "mark");

    public void Dispose() => _harness.Dispose();

    [Theory]
    [InlineData("file.jsonl: ")]
    [InlineData("started")]
    [InlineData("tier ")]
    public async Task An_output_that_cannot_be_written_does_not_keep_jobs_from_being_done(string failsAt)
    {
        using var shown = new FullWriter(failsAt);

        var result = await _harness.RunAsync(Jobs($"echo done >> {Mark}", 3), shown: shown);

        Assert.Equal(ExitCode.OutputFailed, result.Code);
        Assert.Equal(3, File.ReadAllLines(Mark).Length);
        Assert.Equal(
            "Standard output cannot be written: No space left on device. What runs goes on; no more of it is shown.",
            Assert.Single(result.Problems));
        Assert.Equal(1, shown.Failures);
    }

    [Theory]
    [InlineData(0, 0, "a second at most")]
    [InlineData(0, 1, "a second at most")]
    [InlineData(1, 2, "up to 2 seconds")]
    [InlineData(2, 4, "2 seconds-4 seconds")]
    [InlineData(63, 117, "1 minute")]
    [InlineData(336, 624, "5 minutes-10 minutes")]
    public void A_wait_is_shown_in_words(long lower, long upper, string words) =>
        Assert.Equal(words, TierCounts.InWords(new WaitEstimate(upper, lower, upper, EstimateConfidence.Low)));

    [Fact]
    public async Task Neither_does_one_that_cannot_even_be_complained_about()
    {
        using var shown = new FullWriter("");
        using var told = new FullWriter("");

        var result = await _harness.RunAsync(Jobs($"echo done >> {Mark}", 3), shown: shown, told: told);

        Assert.Equal(ExitCode.OutputFailed, result.Code);
        Assert.Equal(3, File.ReadAllLines(Mark).Length);
        Assert.Equal(1, told.Failures);
    }

    [Fact]
    public async Task What_became_of_the_jobs_is_told_rather_than_that_the_output_cannot_be_written()
    {
        using var shown = new FullWriter("started");

        var result = await _harness.RunAsync(Jobs("exit 3", 1), shown: shown);

        Assert.Equal(ExitCode.JobsFailed, result.Code);
    }

    [Fact]
    public async Task A_reader_who_does_not_read_keeps_no_job_from_being_done_and_misses_nothing()
    {
        using var shown = new StuckWriter("started");

        var run = _harness.RunAsync(Jobs($"echo done >> {Mark}", 3), shown: shown);
        await shown.Stuck.WaitAsync(RunHarness.Guard);
        await MarkedAsync(3);
        Assert.False(run.IsCompleted);
        shown.Release();
        var result = await run;

        Assert.Equal(ExitCode.Success, result.Code);
        Assert.Equal([3, 3, 0, 0, 0], result.Totals);
        Assert.Equal(3, result.Output.Split('\n').Count(line => line.EndsWith(" started", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Every_problem_is_told_however_long_that_takes()
    {
        using var told = new StuckWriter("jsonl:1:");
        string bad = string.Concat(Enumerable.Repeat("{\"user\":1}\n", Printer.Plenty * 2));
        using var content = new MemoryStream(
            [.. System.Text.Encoding.UTF8.GetBytes(bad), .. Jobs($"echo done > {Mark}", 1).ToArray()]);

        var run = _harness.RunAsync(content, told: told);
        await told.Stuck.WaitAsync(RunHarness.Guard);
        told.Release();
        var result = await run;

        Assert.Equal(ExitCode.BadLines, result.Code);
        Assert.Equal(Printer.Plenty * 2, result.Problems.Length);
        Assert.True(File.Exists(Mark));
    }

    [Fact]
    public async Task Who_has_any_number_of_lines_waits_for_a_reader_and_nobody_else_does()
    {
        using var told = new StuckWriter("0");
        var printer = new Printer(TextWriter.Null, told);
        printer.Complain("0");
        await told.Stuck.WaitAsync(RunHarness.Guard);
        for (int line = 1; line < Printer.Plenty; line++)
        {
            printer.Complain("line");
        }

        Assert.True(printer.RoomAsync(CancellationToken.None).IsCompletedSuccessfully);
        printer.Complain("line");
        using var stop = new CancellationTokenSource();
        var room = printer.RoomAsync(CancellationToken.None);
        var given = printer.RoomAsync(stop.Token);
        Assert.False(room.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);

        told.Release();
        await room.WaitAsync(RunHarness.Guard);
        await printer.CompleteAsync().WaitAsync(RunHarness.Guard);
        Assert.Equal(Printer.Plenty + 1, told.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.False(printer.HasFailed);
    }

    [Fact]
    public async Task An_output_that_fails_at_the_very_last_line_is_still_told_of()
    {
        using var shown = new StuckWriter("last", thenFails: true);
        using var told = new StringWriter();
        var printer = new Printer(shown, told);
        printer.Say("last");
        await shown.Stuck.WaitAsync(RunHarness.Guard);

        var complete = printer.CompleteAsync();
        shown.Release();
        await complete.WaitAsync(RunHarness.Guard);

        Assert.True(printer.HasFailed);
        Assert.StartsWith("Standard output cannot be written: No space left on device.", told.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_storage_that_fails_ends_the_run_with_74_and_its_programs_with_it()
    {
        // The program tells when it runs; then the storage goes, and what the next line asks for cannot be stored.
        await using var journal = new BreakableJournal();
        using var content = new BreakingStream(
            Jobs($"echo $$ > {Mark}.new; mv {Mark}.new {Mark}; sleep 600", 1), Jobs("exit 0", 1),
            async () =>
            {
                await MarkedAsync(1);
                journal.Break();
            });

        var result = await _harness.RunAsync(content, more: engine => engine.UseJournal(_ => journal));

        Assert.Equal(ExitCode.StorageFailed, result.Code);
        Assert.Equal(
            "The storage failed: The journal answered 'Unknown': the disk is gone. Run the same file again to go on from "
                + "what is stored.",
            Assert.Single(result.Problems));
        Assert.False(Processes.ProcessHarness.IsAlive(int.Parse(File.ReadAllLines(Mark)[0])));
    }

    private static MemoryStream Jobs(string script, int count) => new(System.Text.Encoding.UTF8.GetBytes(string.Concat(
        Enumerable.Range(0, count).Select(i =>
            $$"""{"user":"ada","tier":"cto_scale","program":"sh","arguments":["-c","{{script}}","{{i}}"]}""" + "\n"))));

    private async Task MarkedAsync(int lines)
    {
        using var guard = new CancellationTokenSource(RunHarness.Guard);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!File.Exists(Mark) || File.ReadAllLines(Mark).Length < lines)
        {
            await timer.WaitForNextTickAsync(guard.Token);
        }
    }

    /// <summary>Takes what it is given until a line has a word in it.</summary>
    private sealed class FullWriter(string failsAt) : StringWriter
    {
        private bool _isFull;

        internal int Failures { get; private set; }

        public override void WriteLine(string? value)
        {
            if (_isFull || value!.Contains(failsAt, StringComparison.Ordinal))
            {
                _isFull = true;
                Failures++;
                throw new IOException("No space left on device");
            }

            base.WriteLine(value);
        }
    }

    /// <summary>Keeps whoever writes a certain line waiting until it is released.</summary>
    private sealed class StuckWriter(string sticksAt, bool thenFails = false) : StringWriter
    {
        private readonly TaskCompletionSource _stuck = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _released = new();

        internal Task Stuck => _stuck.Task;

        internal void Release() => _released.Set();

        public override void WriteLine(string? value)
        {
            if (value!.Contains(sticksAt, StringComparison.Ordinal))
            {
                _stuck.TrySetResult();
                Assert.True(_released.Wait(RunHarness.Guard));
                if (thenFails)
                {
                    throw new IOException("No space left on device");
                }
            }

            base.WriteLine(value);
        }

        protected override void Dispose(bool disposing)
        {
            _released.Dispose();
            base.Dispose(disposing);
        }
    }

    /// <summary>Does something between its first part and its second.</summary>
    private sealed class BreakingStream(MemoryStream first, MemoryStream second, Func<Task> betweenAsync) : Stream
    {
        private bool _isBetween = true;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = await first.ReadAsync(buffer, cancellationToken);
            if (count > 0)
            {
                return count;
            }

            if (_isBetween)
            {
                _isBetween = false;
                await betweenAsync();
            }

            return await second.ReadAsync(buffer, cancellationToken);
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
